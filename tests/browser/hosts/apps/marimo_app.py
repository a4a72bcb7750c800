# /// script
# [tool.marimo.display]
# theme = "system"
# ///
"""A marimo app: the widget, and a cell that reads it and counts how often it is run."""

import marimo

app = marimo.App()


@app.cell
def show():  # type: ignore[no-untyped-def]  # marimo finds a cell's names in its text
    import json

    import marimo as mo
    from hosts.subject import READ, widget

    runs: list[object] = []
    w = mo.ui.anywidget(widget())
    w  # noqa: B018  # what a cell ends with is what it shows
    return READ, json, mo, runs, w


@app.cell
def read(READ, json, mo, runs, w):  # type: ignore[no-untyped-def]
    runs.append(w.value)
    picked = {name: w.value[name] for name in READ}
    mo.Html(f"<pre class='python'>{json.dumps({**picked, 'runs': len(runs)})}</pre>")


if __name__ == "__main__":
    app.run()
