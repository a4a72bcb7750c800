"""What is known of one value: exactly, where it comes from, and out of the view as text and pictures."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from lab import Lab, Notebook
from nets import TwoConvs, image_tensor
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect
from view import View, viridis

from cnnvis import inspect, samples
from cnnvis.report import save_html

CELL = f"""
import sys, torch
sys.path.insert(0, {str(Path(__file__).parents[1] / "python")!r})
from nets import TwoConvs, image_tensor
from cnnvis import CNNVisWidget
from cnnvis.inspection import Inspection
torch.manual_seed(0)
asked = []
exact = Inspection.tiles
Inspection.tiles = lambda self, *a, **o: asked.append(a) or exact(self, *a, **o)
w = CNNVisWidget(TwoConvs(), image_tensor(48), theme="light")
w
"""


@pytest.fixture(scope="module")
def activations() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    with torch.no_grad():
        return TwoConvs().by_hand(image_tensor(48))


@pytest.fixture
def view(lab: Lab, browser: Browser, request: pytest.FixtureRequest) -> Iterator[View]:
    context = browser.new_context(
        viewport={"width": 1280, "height": 900},
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
        accept_downloads=True,
    )
    page = context.new_page()
    Notebook(lab, page, re.sub(r"\W", "-", request.node.name), [CELL]).run()
    view = View(page)
    view.wait("first")
    yield view
    context.close()


def pick(view: View, channel: int) -> None:
    """Picks a channel by the keys, from the first on."""
    view.canvas.focus()
    view.page.keyboard.press("Home")
    for _ in range(channel):
        view.page.keyboard.press("ArrowRight")
    expect(view.root).to_contain_text(f"Picked: channel {channel}")


def test_a_value_that_is_pointed_at_becomes_the_kernels_own(
    view: View, activations: dict[str, torch.Tensor]
) -> None:
    maps = activations["first"][0].numpy()
    for sample in view.samples(3, 2):
        view.point(sample.x, sample.y)
        where = sample.place
        text = np.format_float_positional(
            maps[where.channel, where.row, where.column], unique=True, trim="-"
        )
        expect(view.readout).to_contain_text(f"value {text}")
        expect(view.readout).not_to_contain_text("±")


def test_what_a_value_sees_is_outlined_on_the_image(page: Page, tmp_path: Path) -> None:
    look = inspect(samples.model(), samples.image())
    page.goto(look.save_html(tmp_path / "report.html").as_uri())
    view = View(page)
    view.wait("stem.conv")
    view.pick_layer("stage2.0.conv1")
    view.wait("stage2.0.conv1")
    field = look.layer("stage2.0.conv1").receptive_field
    assert field is not None
    seen, image = view.root.locator(".cnnvis-seen"), view.root.locator(".cnnvis-picture")
    expect(seen).to_be_hidden()
    found = 0
    for x, y in ((0.12, 0.15), (0.51, 0.52), (0.87, 0.83)):
        box = view.box()
        place = view.place(box["width"] * x, box["height"] * y)
        if place is None:
            continue
        found += 1
        rows, columns = field.unit((place.row, place.column))
        (y0, y1), (x0, x1) = (rows[0], rows[-1]), (columns[0], columns[-1])
        expect(view.root.locator(".cnnvis-where")).to_have_text(
            re.compile(rf"rows {y0}–{y1}, columns {x0}–{x1} of 224×224")
        )
        outer, inner = image.bounding_box(), seen.bounding_box()
        assert outer is not None
        assert inner is not None
        scale = outer["width"] / 224
        assert inner["x"] - outer["x"] == pytest.approx(x0 * scale, abs=0.6)
        assert inner["y"] - outer["y"] == pytest.approx(y0 * scale, abs=0.6)
        assert inner["width"] == pytest.approx((x1 - x0 + 1) * scale, abs=0.6)
        assert inner["height"] == pytest.approx((y1 - y0 + 1) * scale, abs=0.6)
    assert found >= 2
    view.leave()
    expect(seen).to_be_hidden()


def cells_of(table: Locator) -> list[list[str]]:
    rows: list[list[str]] = table.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('td')].map(cell => cell.textContent))"
    )
    return rows


def test_the_table_has_the_kernels_numbers_and_gives_the_focus_back(
    view: View, activations: dict[str, torch.Tensor]
) -> None:
    pick(view, 2)
    view.page.keyboard.press("t")
    sheet = view.root.get_by_role("dialog", name="Values")
    table = sheet.get_by_role("table")
    expect(table.locator("caption")).to_have_text("first · channel 2 · 24×24 · exact")
    shown = np.array([[float(cell) for cell in row] for row in cells_of(table)], dtype=np.float32)
    assert np.array_equal(shown, activations["first"][0, 2].numpy())
    expect(table.get_by_role("columnheader")).to_have_count(24)
    expect(table.get_by_role("rowheader").last).to_have_text("23")
    view.page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(view.canvas).to_be_focused()


def test_a_report_tables_what_it_holds_with_its_error_block_by_block(
    page: Page, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(3, 2, 1)
    x = image_tensor(70)
    with torch.no_grad():
        maps = conv(x)[0].numpy()
    page.goto(inspect(torch.nn.Sequential(conv), x).save_html(tmp_path / "r.html").as_uri())
    view = View(page)
    view.wait("0")
    pick(view, 1)
    page.keyboard.press("t")
    sheet = view.root.get_by_role("dialog", name="Values")
    sheet.get_by_label("Which block of rows").select_option("rows 64–69")
    sheet.get_by_label("Which block of columns").select_option("columns 32–63")
    table = sheet.get_by_role("table")
    expect(table.get_by_role("rowheader").first).to_have_text("64")
    expect(table.locator("caption")).to_contain_text("each off by at most")
    shown = np.array([[float(cell) for cell in row] for row in cells_of(table)])
    part = maps[1, 64:70, 32:64]
    assert shown.shape == part.shape
    assert np.abs(shown - part).max() <= np.ptp(maps[1]) / 508 * 1.6


def test_values_are_copied_as_other_programs_read_them(
    view: View, activations: dict[str, torch.Tensor]
) -> None:
    expected = activations["first"][0, 1].numpy()
    pick(view, 1)
    view.page.keyboard.press("Control+c")
    toast = view.root.locator(".cnnvis-toast")
    expect(toast).to_have_text("Copied 24×24 values.")
    text = view.page.evaluate("navigator.clipboard.readText()")
    assert np.array_equal(np.loadtxt(io.StringIO(text), dtype=np.float32, delimiter="\t"), expected)

    view.root.get_by_role("button", name="Save", exact=True).click()
    view.root.get_by_role("button", name="Copy values for numpy").click()
    text = view.page.evaluate(
        """async () => {
          const end = performance.now() + 10_000;
          for (;;) {
            const text = await navigator.clipboard.readText();
            if (text.startsWith("np.array(") || performance.now() > end) return text;
            await new Promise(requestAnimationFrame);
          }
        }"""
    )
    copied = eval(text, {"np": np})
    assert copied.dtype == np.float32
    assert np.array_equal(copied, expected)


def test_a_tile_is_copied_as_a_picture_of_whole_pixels(
    view: View, activations: dict[str, torch.Tensor]
) -> None:
    maps = activations["first"][0, 3].numpy()
    pick(view, 3)
    view.page.keyboard.press("p")
    expect(view.root.locator(".cnnvis-toast")).to_have_text("Copied the tile as a picture.")
    content = view.page.evaluate(
        """async () => {
          const [item] = await navigator.clipboard.read();
          const blob = await item.getType("image/png");
          return [...new Uint8Array(await blob.arrayBuffer())];
        }"""
    )
    picture = np.asarray(Image.open(io.BytesIO(bytes(content))).convert("RGB")).astype(int)
    cell = picture.shape[0] // 24
    assert picture.shape == (24 * cell, 24 * cell, 3)
    assert picture.shape[0] >= 256
    for row, column in ((0, 0), (23, 23), (11, 4), (7, 19)):
        color = picture[row * cell + cell // 2, column * cell + cell // 2]
        expected = viridis(float(maps[row, column]), float(maps.min()), float(maps.max()))
        assert np.abs(color - np.array(expected)).max() <= 3


@pytest.mark.parametrize("ratio", [1, 2, 4])
def test_the_view_is_saved_at_any_density(view: View, ratio: int) -> None:
    box = view.box()
    view.root.get_by_role("button", name="Save", exact=True).click()
    with view.page.expect_download() as download:
        view.root.get_by_role("button", name=f"Save at {ratio}x").click()
    assert download.value.suggested_filename == f"first-feature_maps@{ratio}x.png"
    picture = Image.open(download.value.path())
    assert picture.width == round(box["width"] * ratio)
    assert picture.height == round((box["height"] + 74) * ratio)
    colors = picture.convert("RGB").getcolors(1 << 24)
    assert colors is not None
    assert len(colors) > 200, "there are maps on it"


def test_what_is_saved_is_what_is_seen_with_the_image_below(page: Page, tmp_path: Path) -> None:
    look = inspect(samples.model(), samples.image())
    page.goto(save_html(look, tmp_path / "overlaid.html", state={"overlay": 0.6}).as_uri())
    view = View(page)
    view.wait(look.first.name)
    view.leave()
    seen = view.canvas.evaluate("canvas => canvas.toDataURL()")
    view.root.get_by_role("button", name="Save", exact=True).click()
    with page.expect_download() as download:
        view.root.get_by_role("button", name="Save at 1x").click()
    saved = np.asarray(Image.open(download.value.path()).convert("RGB")).astype(int)
    screen = np.asarray(Image.open(io.BytesIO(base64.b64decode(seen.split(",")[1])))).astype(int)
    opaque = screen[..., 3] == 255
    assert opaque.mean() > 0.5
    part = saved[34 : 34 + screen.shape[0], : screen.shape[1]]
    assert np.abs(part - screen[..., :3])[opaque].max() <= 2
    # the words above and the colors below
    assert np.ptp(saved[:34]) > 100
    assert np.ptp(saved[-40:, -220:-14], axis=(0, 1)).max() > 100


def test_where_the_clipboard_is_refused_the_text_is_there_to_copy(
    page: Page, tmp_path: Path
) -> None:
    path = inspect(TwoConvs(), image_tensor(48)).save_html(tmp_path / "report.html")
    outer = tmp_path / "outer.html"
    outer.write_text(
        '<!doctype html><iframe sandbox="allow-scripts" width="1000" height="700"></iframe>'
    )
    # neither of the two ways that browsers have
    page.add_init_script("document.execCommand = () => false")
    page.goto(outer.as_uri())
    page.evaluate("html => { document.querySelector('iframe').srcdoc = html; }", path.read_text())
    root = page.frame_locator("iframe").locator(".cnnvis").first
    canvas = root.locator("canvas.cnnvis-canvas").first
    expect(canvas).to_have_attribute("data-state", "ready")
    canvas.focus()
    canvas.press("ArrowRight")
    canvas.press("Control+c")
    text = root.get_by_role("textbox", name="Values")
    expect(text).to_be_focused()
    written = text.input_value()
    assert written.startswith("# each is off by at most ")
    assert np.loadtxt(io.StringIO(written), delimiter="\t").shape == (24, 24)
    chosen = text.evaluate("text => text.value.slice(text.selectionStart, text.selectionEnd)")
    assert chosen == written
    text.press("Escape")
    expect(text).to_be_hidden()
    expect(canvas).to_be_focused()


def test_moving_on_at_once_asks_for_nothing(lab: Lab, page: Page) -> None:
    notebook = Notebook(lab, page, "moving", [CELL])
    notebook.run()
    view = View(page)
    view.wait("first")
    notebook.execute("asked.clear()")
    box = view.box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.move(box["x"] + box["width"] - 20, box["y"] + box["height"] - 20, steps=60)
    sample = view.samples(6, 5)[0]
    view.point(sample.x, sample.y)
    expect(view.readout).not_to_contain_text("±")
    asked = notebook.kernel("len(asked)")
    # a slow machine may rest on the way, but not at each of the sixty steps
    assert 1 <= asked <= 40
