"""A bare page that shows widgets as a notebook's front end does, with the kernel in this process."""

from __future__ import annotations

import base64
from typing import Any

from playwright.sync_api import Page

from cnnvis import CNNVisWidget, bundle

URL = "http://cnnvis.test/"

_HTML = """<!doctype html><html><head><meta charset="utf-8"><title>host</title></head><body>
<script type="module">
import widget from "./widget.js";

const bytes = (text) => {
  const raw = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new DataView(raw.buffer);
};

class Model {
  #listeners = new Map();
  #changed = new Set();
  constructor(id, state) { this.id = id; this.values = {}; this.#take(state); }
  get(name) { return this.values[name]; }
  set(name, value) {
    if (this.values[name] === value) return;
    this.values[name] = value;
    this.#changed.add(name);
    this.emit("change:" + name);
  }
  save_changes() {
    const state = Object.fromEntries([...this.#changed].map((name) => [name, this.values[name]]));
    this.#changed.clear();
    this.#tell({ method: "update", state, buffer_paths: [] });
  }
  send(content) { this.#tell({ method: "custom", content }); }
  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(listener);
  }
  off(event, listener) { this.#listeners.get(event)?.delete(listener); }
  emit(event, ...args) { for (const each of [...(this.#listeners.get(event) ?? [])]) each(...args); }
  get listenerCount() { return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0); }
  async #tell(message) { for (const answer of await window.kernel(this.id, message)) this.hear(answer); }
  hear({ method, state, content, buffers }) {
    if (method === "custom") this.emit("msg:custom", content, buffers.map(bytes));
    else this.#take(state, buffers);
  }
  #take(state) {
    const read = (value) => (value?.base64 === undefined ? value : bytes(value.base64));
    const news = Object.entries(state).map(([name, value]) => [name, read(value)]);
    for (const [name, value] of news) this.values[name] = value;
    for (const [name] of news) this.emit("change:" + name);
  }
}

const models = new Map();
window.host = {
  show(id, state, css, { shadow = false, hidden = false } = {}) {
    if (!models.has(id)) models.set(id, new Model(id, state));
    const cell = document.body.appendChild(document.createElement("div"));
    if (hidden) cell.style.display = "none";
    const root = shadow ? cell.attachShadow({ mode: "open" }) : cell;
    const style = root.appendChild(document.createElement("style"));
    style.textContent = css;
    const el = root.appendChild(document.createElement("div"));
    const close = widget.render({ model: models.get(id), el });
    return window.host.views.push({ cell, close, model: models.get(id) }) - 1;
  },
  close(view) { window.host.views[view].close(); window.host.views[view].cell.remove(); },
  views: [],
};
window.ready = true;
</script></body></html>"""


class HostedWidget(CNNVisWidget):
    """A widget whose messages wait to be fetched."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.waiting: list[dict[str, Any]] = []
        super().__init__(*args, **options)
        self.waiting.clear()

    def _send(self, msg: dict[str, Any], buffers: Any = None) -> None:
        content = [base64.b64encode(bytes(each)).decode() for each in buffers or []]
        if msg["method"] == "custom":
            self.waiting.append({"method": "custom", "content": msg["content"], "buffers": content})
        elif msg["method"] in ("update", "echo_update"):
            state = dict(msg["state"])
            for path, each in zip(msg["buffer_paths"], content, strict=True):
                state[path[0]] = {"base64": each}
            self.waiting.append({"method": "update", "state": state})


class Host:
    """Opens the bare page and shows widgets in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.widgets: list[HostedWidget] = []
        self.asked: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.route(URL, lambda route: route.fulfill(body=_HTML, content_type="text/html"))
        page.route(
            f"{URL}widget.js",
            lambda route: route.fulfill(
                body=bundle.read("widget.js"), content_type="text/javascript"
            ),
        )
        page.expose_function("kernel", self._hear)
        page.goto(URL)
        page.wait_for_function("window.ready")

    def show(self, widget: HostedWidget, **options: Any) -> int:
        """A view of a widget; gives its number."""
        if widget not in self.widgets:
            self.widgets.append(widget)
        state = {
            name: {"base64": base64.b64encode(value).decode()}
            if isinstance(value, bytes)
            else value
            for name, value in widget.get_state().items()
            if name not in ("_esm", "_css", "layout", "comm")
        }
        view: int = self.page.evaluate(
            "([id, state, css, options]) => window.host.show(id, state, css, options)",
            [self.widgets.index(widget), state, bundle.read("widget.css"), options],
        )
        return view

    def close(self, view: int) -> None:
        """Takes a view away, as a host does when its cell is cleared."""
        self.page.evaluate("view => window.host.close(view)", view)

    def _hear(self, index: int, message: dict[str, Any]) -> list[dict[str, Any]]:
        widget = self.widgets[index]
        widget._handle_msg({"content": {"data": message}, "buffers": []})
        waiting, widget.waiting = widget.waiting, []
        return waiting
