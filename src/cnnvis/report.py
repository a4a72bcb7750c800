"""An `Inspection` as one HTML file: the same view, interactive, with no kernel and no network.

The page holds the bundle, the metadata, a frame of each layer's filters, and for each of some images
of the batch a frame of each call's feature maps. Nothing in it comes from elsewhere, and a
Content-Security-Policy in its head makes sure of that. The script stands in the page itself and makes
no code of strings: no `blob:`, no `eval`, no worker, so the page can also be served with a policy
that has no more than the digests of this one, and in a sandbox that allows scripts. Where no script
may run, a picture of the layer that it opens with is shown.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import html
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cnnvis import bundle, files
from cnnvis.describe import describe, image_count, picture, remarks, seen, thumbnails
from cnnvis.frame import FEATURE_MAPS, FILTERS, VIEWS, clean
from cnnvis.inspection import Inspection
from cnnvis.overview import overview
from cnnvis.prediction import residuals
from cnnvis.small import small_png

_MEGABYTE = 10**6
_LARGEST_FRAME = 4 << 20
_SMALLEST_FRAME = 2048
_SHRINK = 0.75
_MOST_IMAGES = 8
_OF_A_LAYER = {"call", "channels", "pinned", "place"}  # as the widget starts another layer without

# of the picture that is shown without a script; in base64, of what max_mb allows, in CSS pixels
_STILL_BYTES = 60_000
_STILL_SHARE = 0.02
_STILL_WIDTH = 720

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
    layers: Sequence[str] | None = None,
    views: Sequence[str] = VIEWS,
    max_mb: float = 10,
    image: bool = True,
    images: Sequence[int] | None = None,
    title: str | None = None,
    state: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Writes `to_html` to a file, which is replaced only whole.

    Args:
        inspection: What is shown.
        path: The file; its folder has to exist.
        layers: As for `to_html`, as are all that follow.
        views: Which of "feature_maps" and "filters".
        max_mb: Most that the page may weigh.
        image: Whether the picture of the input is in it.
        images: Which images of the batch.
        title: Of the page.
        state: How the view opens.
        progress: Called with how many pictures are packed, and how many there are.

    Returns:
        The path that was written.

    Raises:
        OSError: It cannot be written; a file that was there is as it was.
        ValueError: The report does not fit max_mb, or views holds another name.
        KeyError: No layer has one of the names.
    """
    page = to_html(
        inspection,
        layers=layers,
        views=views,
        max_mb=max_mb,
        image=image,
        images=images,
        title=title,
        state=state,
        progress=progress,
    )
    return files.replace(path, page.encode("utf-8", "replace"))


def to_html(
    inspection: Inspection,
    *,
    layers: Sequence[str] | None = None,
    views: Sequence[str] = VIEWS,
    max_mb: float = 10,
    image: bool = True,
    images: Sequence[int] | None = None,
    title: str | None = None,
    state: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """The page as text.

    Args:
        inspection: What is shown.
        layers: Names of the layers that are in it; None: all.
        views: Which of "feature_maps" and "filters" are in it; the view says what is missing.
        max_mb: Most that the page may weigh, in units of 10**6 bytes. All layers stay in it: where
            the whole does not fit, large frames are first averaged down, then lose their weakest
            channels, and at last the later calls of layers that ran often stay out, then images
            that the page does not open on; the view says all of it.
        image: Whether pictures of the input are in it. Maps show much of it all the same.
        images: Which images of the batch are in it; None: all where there are at most 8, else the one
            that the page opens on.
        title: Of the page; None: the model's class name.
        state: How the view opens: layer, view, call, batch_index, channels, colormap, scale, sort,
            theme.
        progress: Called with how many pictures are packed, and how many there are; begins anew where
            they did not fit and are packed smaller.

    Raises:
        ValueError: The page does not fit max_mb even so, the batch has no such image, or views holds
            another name, or none, or images holds none.
        KeyError: No layer has one of the names.
    """
    if not views or not set(views) <= set(VIEWS):
        raise ValueError(f"views takes some of {', '.join(VIEWS)}, got {views!r}")
    if layers is not None:
        inspection = inspection.part(layers)
    opening = {"layer": clean(inspection.first.name), "view": views[0], **(state or {})}
    if layers is not None and opening["layer"] not in map(clean, layers):
        opening["layer"] = clean(inspection.first.name)
        for name in _OF_A_LAYER & opening.keys():
            del opening[name]
    if opening["view"] not in views:
        opening["view"] = views[0]
    shown = _images(opening, images, image_count(inspection))
    opening["batch_index"] = shown[0]
    content = {
        "metadata": describe(inspection),
        "notes": remarks(inspection),
        "thumbnails": _url("jpeg", thumbnails(inspection)) if image and len(shown) > 1 else "",
        "state": opening,
    }
    title = clean(title if title is not None else f"{type(inspection.model).__name__} in cnnvis")
    seen_by_image = {index: _seen(inspection, index, image) for index in shown}
    still = _still(inspection, opening, int(min(_STILL_BYTES, _STILL_SHARE * max_mb * _MEGABYTE)))
    empty = len(_page(title, {**content, "images": {}, "frames": {}}, still).encode())
    room = int(max_mb * _MEGABYTE) - empty
    beside = {index: len(_json({index: told})) for index, told in seen_by_image.items()}
    frames = _frames(inspection, beside, views, room, max_mb, progress)
    kept = {shown[0], *(part.image for part in frames if part.view == FEATURE_MAPS)}
    if FEATURE_MAPS not in views:
        kept = set(shown)
    return _page(
        title,
        {
            **content,
            "images": {index: told for index, told in seen_by_image.items() if index in kept},
            "frames": {part.key: frame for part, frame in frames.items()},
        },
        still,
    )


def _images(opening: Mapping[str, Any], images: Sequence[int] | None, count: int) -> list[int]:
    """The images that a page holds, the one that it opens on first."""
    first = opening.get("batch_index", images[0] if images else 0)
    if images is None:
        images = range(count) if count <= _MOST_IMAGES else [first]
    elif not images:
        raise ValueError("images takes at least one index of an image of the batch, got none")
    for name, index in (("batch_index", first), *(("images", each) for each in images)):
        if not 0 <= index < count:
            raise ValueError(
                f"{name} must be 0 to {count - 1}, one of the images that were looked at, got {index}"
            )
    if first not in images:
        first = images[0]
    return list(dict.fromkeys([first, *images]))


def _seen(inspection: Inspection, index: int, with_picture: bool) -> dict[str, Any]:
    """What changes with the image of the batch, beside its maps."""
    return {
        "seen": seen(inspection, index),
        "picture": _url("png", picture(inspection, index)) if with_picture else "",
        "overview": _base64(overview(inspection, index)),
    }


def framed(page: str, height: int) -> str:
    """A page inside another one, which it can neither read nor change.

    Args:
        page: As `to_html` gives it.
        height: Of the frame, in CSS pixels; it is as wide as there is room.
    """
    style = f"width: 100%; height: {height}px; border: 0"
    inner = html.escape(page, quote=True)
    return f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{inner}"></iframe>'


@dataclass(frozen=True)
class _Part:
    """One frame of a page: of a layer by its index, in a view."""

    layer: int
    name: str
    view: str
    call: int = 0
    image: int = 0

    @property
    def key(self) -> str:
        return f"{self.layer}/{self.view}/{self.call}/{self.image}"


def _frames(
    inspection: Inspection,
    images: Mapping[int, int],
    views: Sequence[str],
    room: int,
    max_mb: float,
    progress: Callable[[int, int], None] | None = None,
) -> dict[_Part, str]:
    """One compressed frame for each layer's filters, and for each call's maps, within room bytes.

    Args:
        inspection: What is shown.
        images: Those of the batch, with the bytes that each takes beside its maps.
        views: What is shown of each layer.
        room: Bytes for all of it.
        max_mb: What was asked for, to be named in an error.
        progress: As for `to_html`.
    """
    parts = list(_parts(inspection, list(images), views))
    limit = _LARGEST_FRAME
    frames: dict[_Part, str] = {}
    raw: dict[_Part, int] = {}
    while True:
        for done, part in enumerate(parts):
            if progress is not None:
                progress(done, len(parts))
            if part in raw and raw[part] <= limit:
                continue
            try:
                frame = inspection.frame(
                    part.name, part.view, part.call, image=part.image, max_bytes=limit, cut=True
                )
            except ValueError:  # nothing to show in this view: no weights, or it never ran
                continue
            raw[part] = len(frame)
            content = residuals(frame) if part.view == FEATURE_MAPS else frame
            frames[part] = _base64(gzip.compress(content, 6, mtime=0))
        weight = sum(map(_weight, frames.items())) + sum(images.values())
        if weight <= room:
            return frames
        if limit <= _SMALLEST_FRAME:
            break
        limit = max(_SMALLEST_FRAME, int(limit * max(0.1, min(_SHRINK, room / weight))))
    for group, beside in _dispensable(frames, images):
        weight -= beside + sum(_weight((part, frames.pop(part))) for part in group)
        if weight <= room:
            return frames
    need = (weight - room) / _MEGABYTE + max_mb
    raise ValueError(
        f"max_mb={max_mb} is too small for a report of {len(inspection.layers)} layers, "
        f"which needs {need:.1f}; raise max_mb or inspect fewer layers"
    )


def _parts(inspection: Inspection, images: Sequence[int], views: Sequence[str]) -> Iterator[_Part]:
    """All that a page can show; filters are the same for every call and image."""
    for index, run in enumerate(inspection.layers):
        for view in views:
            if view != FEATURE_MAPS:
                yield _Part(index, run.name, view)
                continue
            for image in images:
                for call in range(run.calls):
                    yield _Part(index, run.name, view, call, image)


def _dispensable(
    parts: Iterable[_Part], images: Mapping[int, int]
) -> Iterator[tuple[list[_Part], int]]:
    """What may stay out of a page, in that order: late calls one by one, then an image at a time.

    Yields:
        Frames that go together, and the bytes that go with them.
    """
    parts = list(parts)
    maps = [part for part in parts if part.view == FEATURE_MAPS]
    for part in sorted((part for part in maps if part.call), key=lambda part: -part.call):
        yield [part], 0
    for image in reversed(list(images)[1:]):
        group = [part for part in maps if part.image == image and not part.call]
        if group:
            yield group, images[image]


def _weight(entry: tuple[_Part, str]) -> int:
    """Bytes of a frame in the page, with its key."""
    part, frame = entry
    return len(part.key) + len(frame) + 6


def _still(inspection: Inspection, opening: Mapping[str, Any], most: int) -> str:
    """The layer that the page opens with as a picture in HTML, of at most so many bytes; or nothing."""
    names = {clean(run.name): run.name for run in inspection.layers}
    # there is no picture of some layers, and the words are there
    with contextlib.suppress(Exception):
        figure = inspection.figure(
            names[opening["layer"]],
            opening["view"],
            call=opening.get("call", 0),
            image=opening.get("batch_index", 0),
            width=_STILL_WIDTH,
        )
        picture = _base64(small_png(figure, most * 3 // 4 - 200))
        if picture:
            what = "Filters" if opening["view"] == FILTERS else "Feature maps"
            words = html.escape(f"{what} of {opening['layer']}", quote=True)
            return f'<img src="data:image/png;base64,{picture}" alt="{words}">'
    return ""


def _page(title: str, content: Mapping[str, Any], still: str) -> str:
    script, style = bundle.read("report.js"), bundle.read("widget.css")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    noscript = (
        "<p>This report draws its pictures with a script; allow scripts for this page to explore all "
        f"layers.</p>{still}"
    )
    return _PAGE.format(
        policy=html.escape(policy, quote=True),
        title=html.escape(title),
        style=style,
        noscript=noscript,
        content=_json(content),
        script=script,
    )


def _json(content: Any) -> str:
    return _escape(json.dumps(content, allow_nan=False, separators=(",", ":")))


def _escape(text: str) -> str:
    """JSON that no HTML parser can take for markup; json.dumps has escaped all beyond ASCII."""
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _hash(text: str) -> str:
    return f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'"


def _url(kind: str, picture: bytes) -> str:
    """A picture as the address of itself; empty where there is none."""
    return f"data:image/{kind};base64,{_base64(picture)}" if picture else ""


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
