"""Codes less what the codes beside them foretell: of maps, an eighth less bytes once they are gzipped.

The predictor is that of LOCO-I (Weinberger, Seroussi and Sapiro, 2000, the one of JPEG-LS): the median of
the code to the left, the code above, and the plane through these two and the one between them. It finds
edges and slopes alike, and the page adds it up again in one pass (`js/prediction.ts`).
"""

from __future__ import annotations

import json

import numpy as np

Codes = np.ndarray[tuple[int, int], np.dtype[np.uint8]]


def residuals(frame: bytes) -> bytes:
    """A frame in which each code is less its prediction, modulo 256; all else is as it was.

    The tiles lie one below the other, so the first row of one is foretold by the last row of the one
    above. What lies left of the first column, and above the first row, counts as 0.

    Args:
        frame: What `cnnvis.frame.pack` gives.
    """
    start = 8 + int.from_bytes(frame[:8], "little")
    entry = json.loads(frame[8:start])["codes"]
    first, last = (start + offset for offset in entry["data_offsets"])
    content = np.frombuffer(frame, np.uint8).copy()
    if first < last:
        codes = content[first:last].reshape(-1, entry["shape"][2])
        codes -= predicted(codes)
    return content.tobytes()


def predicted(codes: Codes) -> Codes:
    """What the codes beside it foretell of each code (rows, columns)."""
    wide = np.pad(codes.astype(np.int16), ((1, 0), (1, 0)))
    left, above, between = wide[1:, :-1], wide[:-1, 1:], wide[:-1, :-1]
    plane = left + above - between
    median = np.clip(plane, np.minimum(left, above), np.maximum(left, above))
    predicted: Codes = median.astype(np.uint8)
    return predicted
