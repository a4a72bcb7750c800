"""A report in a Firefox that is installed: it draws what Chromium draws.

Playwright brings a Firefox of its own, which not every machine can fetch; one that is there can be
asked for a picture of a page, no more. It takes it when the page is loaded: an image holds that up
until the view has painted.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from test_gallery import difference
from view import View

from cnnvis import inspect, samples
from cnnvis.report import save_html

FIREFOX = shutil.which("firefox") or shutil.which("firefox-esr")
WIDTH, HEIGHT = 1600, 760
OUTER = f"""<!doctype html><body style="margin: 0">
<iframe src="/report" style="width: {WIDTH}px; height: {HEIGHT}px; border: 0"></iframe>
<img src="/painted" style="display: none">
<script>
function look() {{
  const canvas = frames[0].document?.querySelector('.cnnvis-canvas[data-state="ready"]');
  if (canvas) fetch("/ready"); else requestAnimationFrame(look);
}}
look();
</script>"""


@contextmanager
def served(report: Path) -> Iterator[str]:
    """A server of the report in a page that is loaded only once the view has painted."""
    painted = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/ready":
                painted.set()
            if self.path == "/painted":
                painted.wait(60)
            pages = {"/": OUTER.encode(), "/report": report.read_bytes()}
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(pages.get(self.path, b""))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        painted.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.skipif(FIREFOX is None, reason="no Firefox is installed")
@pytest.mark.parametrize("view_name", ["feature_maps", "filters"])
def test_firefox_draws_what_chromium_draws(
    browser: Browser, tmp_path: Path, view_name: str
) -> None:
    look = inspect(samples.model(), samples.image(), labels=samples.labels())
    report = save_html(look, tmp_path / "report.html", state={"view": view_name})
    profile = tmp_path / "profile"
    profile.mkdir()
    # movements end at once
    (profile / "user.js").write_text('user_pref("ui.prefersReducedMotion", 1);\n')
    picture = tmp_path / "firefox.png"
    with served(report) as address:
        subprocess.run(
            [
                str(FIREFOX), "--headless", "--no-remote", "--profile", str(profile),
                "--window-size", f"{WIDTH},{HEIGHT}", "--screenshot", str(picture), address,
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )  # fmt: skip
        page = browser.new_page(
            viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce"
        )
        page.goto(report.as_uri())
        View(page).wait("stem.conv", view_name)
        expected = page.screenshot()
        page.close()
    # where text is a little wider, what stands below it is moved
    assert difference(picture.read_bytes(), expected) < 0.2
