"""Names, labels and titles that would like to be code: text, whole, in the widget and in the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from host import Host, HostedWidget
from hostile import HOSTILE
from nets import image_tensor
from playwright.sync_api import Browser, Page, expect
from torch import nn
from view import View

from cnnvis import inspect, report


class Odd(nn.Module):
    """One layer for each string, which is its name; as many outputs as there are strings."""

    def __init__(self) -> None:
        super().__init__()
        self.names = []
        for index, text in enumerate(HOSTILE):
            # torch keeps dots for paths; its own names it refuses
            name = text.replace(".", "·")
            name = name if not hasattr(self, name) else f"{name} {index}"
            self.add_module(name, nn.Conv2d(3, 3, 1))
            self.names.append(name)
        self.head = nn.Linear(3, len(HOSTILE))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name in self.names:
            x = self._modules[name](x)  # type: ignore[misc]
        scores: torch.Tensor = self.head(x.mean((2, 3)))
        return scores


def odd() -> Odd:
    """The model, of a class with such a name, whose layers are of such classes."""
    torch.manual_seed(0)
    model = Odd()
    model.__class__ = type(HOSTILE[9], (Odd,), {})
    for index, name in enumerate(model.names):
        layer = model._modules[name]
        assert layer is not None
        layer.__class__ = type(HOSTILE[index].replace("\x00", ""), (nn.Conv2d,), {})
    return model


def shown(text: str) -> str:
    """What a string is where it is text: HTML has no NUL."""
    return text.replace("\x00", "\ufffd")


def flat(text: str) -> str:
    """Without the white space that a page draws as one space."""
    return " ".join(text.split())


def check(page: Page, view: View, model: Odd, errors: list[str]) -> None:
    """Every string is there as text, and none of them ran."""
    view.wait(model.names[0])
    names: list[str] = page.evaluate(
        """async () => {
          const box = document.querySelector(".cnnvis-list");
          const seen = new Map();
          for (let at = 0; at <= box.scrollHeight; at += 200) {
            box.scrollTop = at;
            await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
            for (const row of box.querySelectorAll("[role=treeitem]")) {
              seen.set(row.getAttribute("aria-posinset") + row.ariaLevel + row.title, row.title);
            }
          }
          return [...seen.values()];
        }"""
    )
    titles = "\n".join(names)
    for name in model.names:
        assert name in titles or shown(name) in titles, name[:80]
    expect(view.root.locator(".cnnvis-predictions li")).to_have_count(5)
    best = inspect(model, image_tensor(8), labels=list(HOSTILE)).predictions()[:5]
    said = view.root.locator(".cnnvis-predictions li").all_text_contents()
    for prediction, text in zip(best, said, strict=True):
        assert flat(shown(prediction.label)) in flat(text), prediction.label[:80]
    assert page.evaluate("window.ran") is None
    wild = "script, iframe, object, template, math, video, body [onload], [onerror], [onfocus]"
    assert (
        page.evaluate(f"document.querySelector('.cnnvis').querySelectorAll('{wild}').length") == 0
    )
    assert errors == []


def watched(page: Page) -> list[str]:
    """What the page complains of from now on."""
    errors: list[str] = []
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )
    return errors


def test_in_a_widget_every_string_is_text(page: Page) -> None:
    model = odd()
    errors = watched(page)
    host = Host(page)
    widget = HostedWidget(model, image_tensor(8), labels=list(HOSTILE))
    host.show(widget)
    view = View(page)
    check(page, view, model, errors)
    for index in (9, 20, 40):  # as the layer that is shown, with what is said of it
        widget.layer = model.names[index]
        page.evaluate(
            "state => window.host.views[0].model.hear({ method: 'update', state })",
            {"layer": model.names[index], "problem": HOSTILE[index]},
        )
        expect(view.root.locator(".cnnvis-title")).to_have_text(shown(model.names[index]).strip())
        expect(view.root.get_by_role("alert")).to_contain_text(shown(HOSTILE[index]).strip()[:60])
    assert page.evaluate("window.ran") is None
    widget.close()


def test_in_a_report_every_string_is_text(page: Page, tmp_path: Path) -> None:
    model = odd()
    errors = watched(page)
    look = inspect(model, image_tensor(8), labels=list(HOSTILE))
    for index, title in enumerate((HOSTILE[1], HOSTILE[27], HOSTILE[38])):
        page.goto(look.save_html(tmp_path / f"{index}.html", title=title).as_uri())
        assert page.title() == title.strip(" ")
        check(page, View(page), model, errors)


def test_the_policy_alone_stops_them_too(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the escaping taken out the strings become markup, which the page's policy does not run."""
    monkeypatch.setattr(report, "_escape", lambda text: text)
    monkeypatch.setattr(
        "cnnvis.report.html.escape",
        lambda text, quote=True: text.replace('"', "&quot;") if quote else text,
    )
    look = inspect(odd(), image_tensor(8), labels=list(HOSTILE))
    page = browser.new_page()
    blocked: list[Any] = watched(page)
    page.goto(look.save_html(tmp_path / "open.html", title=HOSTILE[27]).as_uri())
    page.wait_for_load_state("load")
    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in text for text in blocked), "there was something to stop"
    page.close()
