"""An `Inspection` as one HTML file: the same view, interactive, with no kernel and no network.

The page holds the bundle, the metadata, and for one image of the batch a frame of each layer's
filters and of each call's feature maps. Nothing in it comes from elsewhere, and a
Content-Security-Policy in its head makes sure of that.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cnnvis import bundle
from cnnvis.describe import describe, image_count, picture, seen
from cnnvis.frame import FEATURE_MAPS, VIEWS, clean
from cnnvis.inspection import Inspection
from cnnvis.overview import overview

_MEGABYTE = 10**6
_LARGEST_FRAME = 4 << 20
_SMALLEST_FRAME = 2048
_SHRINK = 0.75

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body class="cnnvis-report">
<div id="cnnvis-root"></div>
<noscript>{noscript}</noscript>
<script type="application/json" id="cnnvis-data">{content}</script>
<script>{script}</script>
</body>
</html>
"""


def save_html(
    inspection: Inspection,
    path: str | Path,
    *,
    title: str | None = None,
    max_mb: float = 10,
    state: Mapping[str, Any] | None = None,
) -> Path:
    """Writes `to_html` to a file, which is replaced only whole.

    Args:
        inspection: What is shown.
        path: The file; its folder has to exist.
        title: Of the page; None: the model's class name.
        max_mb: As for `to_html`.
        state: As for `to_html`.

    Returns:
        The path that was written.

    Raises:
        OSError: It cannot be written; a file that was there is as it was.
        ValueError: The report does not fit max_mb.
    """
    path = Path(path)
    page = to_html(inspection, title=title, max_mb=max_mb, state=state).encode("utf-8", "replace")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(page)
        # mkstemp gives the owner alone the right to read; a report is for others
        mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
        os.chmod(temporary, mode)  # noqa: PTH101
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def to_html(
    inspection: Inspection,
    *,
    title: str | None = None,
    max_mb: float = 10,
    state: Mapping[str, Any] | None = None,
) -> str:
    """The page as text.

    Args:
        inspection: What is shown.
        title: Of the page; None: the model's class name.
        max_mb: Most that the page may weigh, in units of 10**6 bytes. All layers stay in it: where
            the whole does not fit, large frames are first averaged down, then lose their weakest
            channels, and at last the later calls of layers that ran often stay out; the view says
            all of it.
        state: How the view opens: layer, view, call, batch_index, channels, colormap, scale, sort,
            theme. The page holds the image of that batch_index alone.

    Raises:
        ValueError: The page does not fit max_mb even so, or the batch has no such image.
    """
    opening = {"layer": clean(inspection.first.name), "view": VIEWS[0], **(state or {})}
    image = opening.get("batch_index", 0)
    count = image_count(inspection)
    if not 0 <= image < count:
        raise ValueError(
            f"batch_index must be 0 to {count - 1}, one of the images that were looked at, got {image}"
        )
    shown = picture(inspection, image)
    content = {
        "metadata": describe(inspection),
        "seen": seen(inspection, image),
        "picture": f"data:image/png;base64,{_base64(shown)}" if shown else "",
        "overview": _base64(overview(inspection, image)),
        "state": opening,
    }
    title = clean(title if title is not None else f"{type(inspection.model).__name__} in cnnvis")
    empty = len(_page(title, {**content, "frames": {}}).encode())
    room = int(max_mb * _MEGABYTE) - empty
    return _page(title, {**content, "frames": _frames(inspection, image, room, max_mb)})


def _frames(inspection: Inspection, image: int, room: int, max_mb: float) -> dict[str, str]:
    """One compressed frame for each call of each layer, and its filters, within room bytes."""
    limit = _LARGEST_FRAME
    frames: dict[str, str] = {}
    raw: dict[str, int] = {}
    while True:
        for key, name, view, call in _pictures(inspection):
            if key in raw and raw[key] <= limit:
                continue
            try:
                frame = inspection.frame(name, view, call, image=image, max_bytes=limit, cut=True)
            except ValueError:  # nothing to show in this view: no weights, or it never ran
                continue
            raw[key] = len(frame)
            frames[key] = _base64(gzip.compress(frame, 6, mtime=0))
        weight = sum(map(_weight, frames.items()))
        if weight <= room:
            return frames
        if limit <= _SMALLEST_FRAME:
            break
        limit = max(_SMALLEST_FRAME, int(limit * max(0.1, min(_SHRINK, room / weight))))
    # what ran very often: the first call of every layer stays, the latest calls go first
    for key in sorted(frames, key=_call, reverse=True):
        if weight <= room or _call(key) == 0:
            break
        weight -= _weight((key, frames.pop(key)))
    if weight <= room:
        return frames
    need = (weight - room) / _MEGABYTE + max_mb
    raise ValueError(
        f"max_mb={max_mb} is too small for a report of {len(inspection.layers)} layers, "
        f"which needs {need:.1f}; raise max_mb or inspect fewer layers"
    )


def _pictures(inspection: Inspection) -> Iterator[tuple[str, str, str, int]]:
    """All that a page can show, as (key, layer, view, call); filters are the same for every call."""
    for index, run in enumerate(inspection.layers):
        for view in VIEWS:
            for call in range(run.calls if view == FEATURE_MAPS else 1):
                yield f"{index}/{view}/{call}", run.name, view, call


def _weight(entry: tuple[str, str]) -> int:
    """Bytes of a frame in the page, with its key."""
    key, frame = entry
    return len(key) + len(frame) + 6


def _call(key: str) -> int:
    return int(key.rpartition("/")[2])


def _page(title: str, content: Mapping[str, Any]) -> str:
    script, style = bundle.read("report.js"), bundle.read("widget.css")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    noscript = (
        "This report draws its pictures with a script; allow scripts for this page to see them."
    )
    return _PAGE.format(
        policy=html.escape(policy, quote=True),
        title=html.escape(title),
        style=style,
        noscript=noscript,
        content=_escape(json.dumps(content, allow_nan=False, separators=(",", ":"))),
        script=script,
    )


def _escape(text: str) -> str:
    """JSON that no HTML parser can take for markup; json.dumps has escaped all beyond ASCII."""
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _hash(text: str) -> str:
    return f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
