"""How a view shows a layer: the traits that a person changes in the page, and all of them as a dict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import traitlets

from cnnvis.frame import FEATURE_MAPS, VIEWS

COLORMAPS = (
    "auto", "viridis", "cividis", "magma", "inferno", "plasma", "gray", "gray_r", "RdBu", "PuOr",
    "BrBG", "PRGn",
)  # fmt: skip
"""What a view can be colored by."""
SCALES = ("channel", "layer", "symmetric", "limits")
SORTS = ("index", "mean", "max", "std", "zeros", "norm", "similarity")
HIDES = ("none", "dead", "constant")

_PLACE = ("k", "x", "y", "columns")
_ALL = {"k": 1.0, "x": 0.0, "y": 0.0, "columns": 0}


class Index(traitlets.Int):  # type: ignore[type-arg]
    """A whole number that counts from 0; True and 1.0 are none."""

    def validate(self, obj: Any, value: Any) -> int:
        """The value.

        Raises:
            traitlets.TraitError: It is no int.
        """
        if not isinstance(value, int) or isinstance(value, bool):
            raise traitlets.TraitError(
                f"{self.name} is a whole number that counts from 0, got {value!r}; set an int"
            )
        return value


class ViewState(traitlets.HasTraits):
    """What a view shows and how: all of it can be set in Python and is written by the page."""

    layer = traitlets.Unicode().tag(sync=True)
    view = traitlets.Enum(VIEWS, FEATURE_MAPS).tag(sync=True)
    call = Index().tag(sync=True)
    batch_index = Index().tag(sync=True)
    channels = traitlets.List(traitlets.Int()).tag(sync=True)
    colormap = traitlets.Enum(COLORMAPS, "auto").tag(sync=True)
    scale = traitlets.Enum(SCALES, "channel").tag(sync=True)
    sort = traitlets.Enum(SORTS, "index").tag(sync=True)
    limits = traitlets.Any().tag(sync=True)
    clip = traitlets.Float(0.0).tag(sync=True)
    hide = traitlets.Enum(HIDES, "none").tag(sync=True)
    pinned = traitlets.List(traitlets.Int()).tag(sync=True)
    overlay = traitlets.Float(0.0).tag(sync=True)
    slice = Index().tag(sync=True)
    place = traitlets.Any().tag(sync=True)

    @property
    def view_state(self) -> dict[str, Any]:
        """All that says what the view shows, as plain JSON.

        Set it, on this widget or another one of the same model, and the view is as it was, zoom
        included. Set with a part of the names, the others stay; one that cannot be had raises
        `traitlets.TraitError` and changes nothing.
        """
        state = {name: getattr(self, name) for name in VIEW_STATE}
        if self.place is not None:
            is_moved = self.place["columns"] > 0
            state["place"] = {name: self.place[name] for name in _PLACE} if is_moved else None
        return {
            name: list(value) if isinstance(value, list | tuple) else value
            for name, value in state.items()
        }

    @view_state.setter
    def view_state(self, state: Mapping[str, Any]) -> None:
        unknown = set(state) - set(VIEW_STATE)
        if unknown:
            raise traitlets.TraitError(
                f"view_state has no {', '.join(map(repr, sorted(unknown)))}; "
                f"it has {', '.join(VIEW_STATE)}"
            )
        before = self.view_state
        try:
            self._apply(state)
        except BaseException:
            self._apply(before)
            raise

    def _apply(self, state: Mapping[str, Any]) -> None:
        with self._together():
            # in this order: call and channels are those of a layer
            for name in VIEW_STATE:
                if name in state:
                    value = state[name]
                    # views stay where they are when nothing is said: so it is said that all is shown
                    setattr(self, name, _ALL if name == "place" and value is None else value)

    def _together(self) -> Any:
        """What makes several changes one message."""
        return self.hold_trait_notifications()

    @traitlets.validate("limits")
    def _ordered_limits(self, proposal: Any) -> list[float] | None:
        value = proposal["value"]
        if value is None:
            return None
        if not (
            isinstance(value, list | tuple)
            and len(value) == 2
            and all(map(_is_number, value))
            and value[0] < value[1]
        ):
            raise traitlets.TraitError(
                f"limits is the two values at the ends of the colors, the lower one first, or None; "
                f"got {value!r}"
            )
        return [float(each) for each in value]

    @traitlets.validate("clip")
    def _known_clip(self, proposal: Any) -> float:
        clip: float = proposal["value"]
        if not 0 <= clip < 50:
            raise traitlets.TraitError(
                f"clip is the percent of the values left out at each end, 0 to below 50, got {clip!r}"
            )
        return clip

    @traitlets.validate("overlay")
    def _known_overlay(self, proposal: Any) -> float:
        overlay: float = proposal["value"]
        if not 0 <= overlay <= 1:
            raise traitlets.TraitError(
                f"overlay is how much of the input image shows, 0 to 1, got {overlay!r}"
            )
        return overlay

    @traitlets.validate("slice")
    def _known_slice(self, proposal: Any) -> int:
        index: int = proposal["value"]
        if not 0 <= index < 2**31:
            raise traitlets.TraitError(f"slice counts from 0, got {index}")
        return index

    @traitlets.validate("place")
    def _known_place(self, proposal: Any) -> dict[str, Any] | None:
        value = proposal["value"]
        if value is None:
            return None
        if not (
            isinstance(value, Mapping)
            and all(_is_number(value.get(name)) for name in _PLACE)
            and value["k"] > 0
            and value["columns"] >= 0
        ):
            raise traitlets.TraitError(
                f"place is where a view was moved to, a part of view_state, or None; got {value!r}"
            )
        by = value.get("by", "")
        return {**{name: value[name] for name in _PLACE}, "by": by if isinstance(by, str) else ""}


VIEW_STATE = tuple(name for name in vars(ViewState) if name in ViewState.class_traits())
"""The names in `view_state`, the layer first."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
