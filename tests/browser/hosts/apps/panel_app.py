"""A Panel app: the widget, and a text that is set whenever Python hears of a pick."""

import json
from typing import Any

import panel as pn
from hosts.subject import READ, read, widget

pn.extension("ipywidgets")

w = widget()
runs: list[Any] = []
said = pn.pane.Str(css_classes=["python"])  # type: ignore[no-untyped-call]


def say(change: Any) -> None:
    """Tells the page what Python has."""
    runs.append(change)
    said.object = json.dumps({**read(w), "runs": len(runs)})


w.observe(say, READ)
say(None)
shown = pn.pane.IPyWidget(w, sizing_mode="stretch_width")  # type: ignore[no-untyped-call]
pn.Column(shown, said).servable()
