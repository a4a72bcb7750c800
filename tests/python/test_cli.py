"""The command line: what it makes, what it says, and the code it ends with."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shlex
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch import nn

from cnnvis import inspect, samples
from cnnvis.cli import main
from cnnvis.frame import unpack
from cnnvis.report import save_html

MODULE = """
import torch
from torch import nn

def net(classes=3):
    torch.manual_seed(0)
    pool = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(nn.Conv2d(3, 4, 3), pool, nn.Linear(4, classes))

ready = net()
nothing = lambda: 3
broken = lambda: 1 / 0
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a module of one's own and two images."""
    (tmp_path / "mine.py").write_text(MODULE)
    samples.image().save(tmp_path / "cat.jpg")
    Image.effect_noise((80, 60), 60).convert("RGB").save(tmp_path / "dog.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return tmp_path


def data(page: Path) -> Any:
    (text,) = re.findall(r'id="cnnvis-data">(.*?)</script>', page.read_text("utf-8"), re.S)
    return json.loads(text)


def test_a_report_of_a_model_of_ones_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--model", "mine:net", "--image", "cat.jpg", "-o", "out.html"]) == 0
    said = capsys.readouterr()
    assert "importing mine and calling net(): this runs its code" in said.err
    assert re.search(r"out\.html \(\d+\.\d MB\)", said.err)
    assert said.out == ""
    content = data(folder / "out.html")
    assert [layer["name"] for layer in content["metadata"]["layers"]] == ["0"]
    assert content["metadata"]["input"]["shape"] == [1, 3, 224, 224]


def test_several_images_are_in_one_page(folder: Path) -> None:
    images = ["--image", "cat.jpg", "--image", "dog.png"]
    assert main(["report", "--quiet", "--model", "mine:ready", *images, "-o", "out.html"]) == 0
    content = data(folder / "out.html")
    assert [told["seen"]["image"] for told in content["images"].values()] == [0, 1]
    assert len({told["picture"] for told in content["images"].values()}) == 2
    assert {"0/feature_maps/0/0", "0/feature_maps/0/1"} < set(content["frames"])


def test_what_is_asked_for_of_a_report_is_what_is_in_it(folder: Path) -> None:
    options = [
        "--layers",
        "layer1.0.conv1",
        "--views",
        "filters",
        "--no-image",
        "--title",
        "One <b>",
    ]
    arguments = ["report", "--quiet", "--model", "torchvision:resnet18", "--image", "dog.png"]
    assert main([*arguments, *options]) == 0
    content = data(folder / "report.html")
    assert list(content["frames"]) == ["0/filters/0/0"]
    assert content["images"]["0"]["picture"] == ""
    assert "<title>One &lt;b&gt;</title>" in (folder / "report.html").read_text("utf-8")


def test_weights_of_a_file_are_those_that_are_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(5)
    model = torchvision.models.squeezenet1_1(num_classes=1000)
    torch.save({"state_dict": nn.DataParallel(model).state_dict()}, folder / "w.pt")
    arguments = ["--model", "torchvision:squeezenet1_1", "--weights", "w.pt"]
    assert main(["report", *arguments, "--image", "cat.jpg", "-o", "a.html"]) == 0
    said = capsys.readouterr().err
    assert "loaded 52 tensors of w.pt" in said
    assert "the weights are the file's entry 'state_dict'" in said
    assert "the prefix 'module.' of the names was left out" in said
    look = inspect(model.eval(), "cat.jpg")
    save_html(look, folder / "b.html")
    shown, expected = (data(folder / name)["frames"] for name in ("a.html", "b.html"))
    assert shown.keys() == expected.keys()
    for key in shown:
        one, other = (unpack(gzip.decompress(base64.b64decode(f[key]))) for f in (shown, expected))
        assert np.array_equal(one.codes, other.codes)
        assert np.array_equal(one.bounds, other.bounds)


def test_the_demo_is_written_and_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    assert main(["demo", "--quiet"]) == 0
    (address,) = opened
    assert address.startswith("file://")
    assert data(Path(address.removeprefix("file://")))["metadata"]["model"] == "SampleNet"
    assert main(["demo", "--quiet", "--no-open", "-o", "demo.html"]) == 0
    assert len(opened) == 1
    assert (folder / "demo.html").exists()


def test_layers_as_a_table_and_as_json(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert main(["layers", "--quiet", "--model", "torchvision:alexnet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert re.match(r"features\.0 +Conv2d +11x11 +3 -> 64 +23,296", lines[1])
    convs = [m for m in torchvision.models.alexnet().modules() if isinstance(m, nn.Conv2d)]
    count = sum(p.numel() for conv in convs for p in conv.parameters())
    assert lines[-1].split() == ["5", "layers", f"{count:,}"]

    arguments = ["layers", "--quiet", "--model", "torchvision:alexnet", "--json", "--all"]
    assert main(arguments) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["kind"] for row in rows] == ["conv"] * 5 + ["linear"] * 3
    assert main([*arguments, "--image", "cat.jpg"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows[0]["output_shapes"] == [[1, 64, 55, 55]]
    assert rows[0]["macs"] == 64 * 55 * 55 * 3 * 11 * 11


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--model", "resnet18"], 3, "names no source; write torchvision:resnet18"),
        (["--model", "torchvision:resnet19"], 3, "no model 'resnet19'; the nearest are resnet1"),
        (["--model", "timm:resnet_x"], 3, "timm has no model 'resnet_x'"),
        (["--model", "nowhere.at_all:net"], 3, "there is no module 'nowhere'"),
        (["--model", "mine:other"], 3, "module mine has no 'other'"),
        (["--model", "mine:nothing"], 3, "gave int, not a torch.nn.Module"),
        (["--model", "mine:broken"], 1, "ZeroDivisionError"),
        (["--model", "mine:net", "--weights", "DEFAULT"], 3, "those of torchvision and timm"),
        (["--model", "mine:net", "--weights", "none.pt"], 4, "No such file"),
        (
            ["--model", "mine:net", "--weights", "mine.py"],
            4,
            "is damaged, or holds more than tensors",
        ),
        (["--model", "mine:net", "--weights", "other.pt"], 4, "1 unknown to the model: 5"),
        (["--model", "mine:net", "--image", "mine.py"], 5, "mine.py"),
        (["--model", "mine:net", "--image", "gone.jpg"], 5, "gone.jpg"),
        (["--model", "mine:net", "-o", "."], 6, ". is a folder; give the name of a file"),
        (["--model", "mine:net", "-o", "no/folder.html"], 6, "there is no folder no; make it"),
        (["--model", "mine:net", "--max-mb", "0.01"], 6, "max_mb=0.01 is too small"),
        (["--model", "mine:net", "--layers", "7"], 3, "layer '7' is not one of"),
    ],
)
def test_what_went_wrong_is_one_sentence_and_a_code(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    torch.save({"5": torch.ones(1)}, "other.pt")
    if "--image" not in arguments:
        arguments = [*arguments, "--image", "cat.jpg"]
    assert main(["report", "--quiet", *arguments]) == code
    errors = capsys.readouterr().err
    assert said in errors
    assert "Traceback" not in errors
    assert errors.startswith("cnnvis: ")
    assert not (folder / "report.html").exists()


def test_debug_shows_where(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        main(["report", "--debug", "--model", "mine:broken", "--image", "cat.jpg"])


def test_weights_that_cannot_be_fetched_say_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(folder))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody is there
    arguments = ["--model", "torchvision:squeezenet1_1", "--weights", "DEFAULT"]
    assert main(["report", *arguments, "--image", "cat.jpg"]) == 3
    said = capsys.readouterr().err
    assert "give the file with --weights" in said


def test_an_interrupt_ends_it_with_its_own_code(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(samples, "model", interrupted)
    assert main(["demo", "--no-open"]) == 130
    assert capsys.readouterr().err == "cnnvis: interrupted\n"


def test_a_wrong_command_line_is_argparses() -> None:
    for arguments in ([], ["report"], ["paint"], ["report", "--model", "x", "--views", "maps"]):
        with pytest.raises(SystemExit) as end:
            main(arguments)
        assert end.value.code == 2


def test_it_is_run_as_a_module_and_as_a_program(folder: Path) -> None:
    for command in (
        [sys.executable, "-m", "cnnvis"],
        [str(Path(sys.executable).with_name("cnnvis"))],
    ):
        done = subprocess.run(
            [*command, "layers", "--model", "mine:net", "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert [row["name"] for row in json.loads(done.stdout)] == ["0"]
        help_ = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
        assert "exit codes: 0 done; 2 a wrong command line" in help_.stdout


def test_a_part_of_the_weights_is_taken_when_it_is_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"0.weight": torch.ones(4, 3, 3, 3)}, folder / "part.pt")
    command = ["report", "--model", "mine:net", "--weights", "part.pt", "--image", "cat.jpg"]
    assert main(command) == 4
    assert "--partial" in capsys.readouterr().err
    assert main([*command, "--partial"]) == 0
    assert "only 1 of 4 tensors were loaded" in capsys.readouterr().err


def test_what_takes_long_shows_how_far_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from cnnvis import progress

    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setattr(progress, "_PACE", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert main(["report", "--model", "torchvision:squeezenet1_1", "--image", "cat.jpg"]) == 0
    said = capsys.readouterr().err
    assert re.search(r"\rcnnvis: \d+ of 26 layers ran", said)
    assert re.search(r"\rcnnvis: \d+ of 52 pictures packed", said)
    assert (
        main(["report", "--quiet", "--model", "torchvision:squeezenet1_1", "--image", "cat.jpg"])
        == 0
    )
    assert capsys.readouterr().err == ""


def test_names_cannot_move_the_cursor_of_a_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.py").write_text(
        "from torch import nn\n"
        "def net(): return nn.ModuleDict({'a\\x1b[2J\\nb': nn.Conv2d(3, 4, 3)})\n"
    )
    assert main(["layers", "--quiet", "--model", "mine:net"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert len(out.splitlines()) == 3


def test_help_is_answered_without_torch() -> None:
    code = (
        "import sys; from cnnvis.cli import main\n"
        "try: main(['--help'])\n"
        "finally: print([m for m in ('torch', 'numpy', 'PIL') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"


def test_a_reader_that_has_had_enough_is_no_error(folder: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m cnnvis layers --model torchvision:resnet152 --json"
    run = subprocess.run(
        ["sh", "-c", f"{command} | head -n 1"], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[\n"
    assert "Traceback" not in run.stderr
    assert "BrokenPipe" not in run.stderr


def test_the_names_of_views_are_those_of_frames() -> None:
    from cnnvis import cli, frame

    assert cli._VIEWS == frame.VIEWS
