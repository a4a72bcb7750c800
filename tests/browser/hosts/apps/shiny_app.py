"""A Shiny app: the widget, and a text that reads it and counts how often it is made."""

import json

from hosts.subject import READ, widget
from shiny import App, Inputs, Outputs, Session, render, ui
from shinywidgets import output_widget, reactive_read, render_widget

from cnnvis import CNNVisWidget

page = ui.page_fluid(
    ui.input_dark_mode(), output_widget("view"), ui.div(ui.output_text("said"), class_="python")
)


def server(input: Inputs, output: Outputs, session: Session) -> None:
    """One visitor's."""
    w, runs = widget(), []

    @render_widget
    def view() -> CNNVisWidget:
        return w

    @render.text
    def said() -> str:
        picked = {name: reactive_read(w, name) for name in READ}
        runs.append(picked)
        return json.dumps({**picked, "runs": len(runs)})


app = App(page, server)
