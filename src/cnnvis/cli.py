"""The command line: `cnnvis demo`, `cnnvis report`, `cnnvis layers`.

What takes a second to import is imported where it is used, so that `--help` is answered at once.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnvis._version import __version__
from cnnvis.progress import Say, said_in_a_line

if TYPE_CHECKING:
    from cnnvis.inspection import Inspection
    from cnnvis.specify import Specified

_CODES = {"model": 3, "weights": 4, "image": 5, "output": 6, "interrupted": 130}
_EPILOG = """exit codes: 0 done; 2 a wrong command line; 3 the model cannot be had; 4 its weights cannot be
loaded; 5 the image cannot be read, or the model does not take it; 6 the report cannot be written;
130 interrupted; 1 anything else"""

_VIEWS = ("feature_maps", "filters")  # those of frame.py, which imports torch

_MODEL_HELP = (
    "torchvision:NAME, timm:NAME, package.module:function (which is imported and called), or sample"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; what it has to say goes to stderr, what it makes to a file or stdout.

    Args:
        arguments: The command line without the program's name; None: that of the process.

    Returns:
        The exit code.
    """
    options = _parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # the reader (`| head`) has had enough; Python's own flush at exit must not say it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        if options.debug:
            raise
        return _failed("interrupted", "interrupted")
    except _Failure as failure:
        if options.debug:
            raise
        return _failed(failure.kind, str(failure))
    except Exception as error:
        if options.debug:
            raise
        return _failed("", f"{type(error).__name__}: {error}. --debug shows where")


class _Failure(Exception):
    """What went wrong, and where: one of `_CODES`."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def _failed(kind: str, text: str) -> int:
    print(f"cnnvis: {_plain(text)}", file=sys.stderr)
    return _CODES.get(kind, 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="cnnvis",
        description="See inside a convolutional network.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"cnnvis {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = _command(commands, "demo", _demo, "the sample network and photograph, in the browser")
    demo.add_argument("-o", "--output", type=Path, help="where the page is written")
    demo.add_argument("--no-open", action="store_true", help="write it, and open no browser")

    report = _command(commands, "report", _report, "a model and an image as one interactive page")
    _add_model(report)
    report.add_argument(
        "--image",
        action="append",
        required=True,
        metavar="FILE",
        help="several times: the page has them all, to choose from",
    )
    report.add_argument("-o", "--output", type=Path, default=Path("report.html"), metavar="FILE")
    report.add_argument("--layers", nargs="+", metavar="NAME", help="only these layers")
    report.add_argument("--views", nargs="+", choices=_VIEWS, default=list(_VIEWS))
    report.add_argument("--max-mb", type=float, default=10, help="most that a page weighs (10)")
    report.add_argument(
        "--no-image", action="store_true", help="leave out the picture of the input"
    )
    report.add_argument("--title")
    report.add_argument("--open", action="store_true", help="open it in the browser")

    layers = _command(commands, "layers", _layers, "the table of a model's layers")
    _add_model(layers)
    layers.add_argument("--image", metavar="FILE", help="also what each gives for this image")
    layers.add_argument("--json", action="store_true", help="as JSON, for other programs")
    layers.add_argument("--all", action="store_true", help="every layer, not convolutions alone")
    return parser


def _command(commands: Any, name: str, run: Any, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text, epilog=_EPILOG
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    parser.set_defaults(run=run)
    return parser


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, help=_MODEL_HELP)
    parser.add_argument(
        "--weights",
        help="DEFAULT: those that torchvision or timm offer; or a file of safetensors or of "
        "torch.save, of which no code is run",
    )
    parser.add_argument(
        "--partial",
        action="store_true",
        help="load what fits of a file that does not fit whole, which is an error without",
    )


def _demo(options: argparse.Namespace) -> int:
    from cnnvis import samples
    from cnnvis.inspection import inspect

    output = options.output or Path(tempfile.mkdtemp(prefix="cnnvis-")) / "demo.html"
    with _progress(options) as progress:
        look = inspect(samples.model(), samples.image(), labels=samples.labels(), progress=progress)
    _write(look, output, options, title="A small network looks at a cat")
    if not options.no_open:
        _open(output, options)
    return 0


def _report(options: argparse.Namespace) -> int:
    # before a model is fetched for nothing
    if not options.output.parent.is_dir():
        raise _Failure("output", f"there is no folder {options.output.parent}; make it first")
    if options.output.is_dir():
        raise _Failure("output", f"{options.output} is a folder; give the name of a file in it")
    for path in options.image:
        if not Path(path).exists():
            raise _Failure("image", f"there is no file {path}; give the path of a picture")
    from cnnvis.describe import image_count

    found = _model(options)
    look = _look(found, options.image, options)
    output = options.output
    try:
        _write(
            look,
            output,
            options,
            title=options.title,
            layers=options.layers,
            views=options.views,
            max_mb=options.max_mb,
            image=not options.no_image,
            images=range(image_count(look)),
        )
    except KeyError as error:
        raise _Failure("model", str(error.args[0])) from error
    if options.open:
        _open(output, options)
    return 0


def _open(page: Path, options: argparse.Namespace) -> None:
    if not webbrowser.open(page.resolve().as_uri()):
        _say(options, f"no browser could be started; open {page} in any")


def _layers(options: argparse.Namespace) -> int:
    from cnnvis.describe import describe, describe_layer
    from cnnvis.layers import find_layers

    found = _model(options)
    if options.image is not None:
        look = _look(found, [options.image], options, layers="all" if options.all else None)
        rows = describe(look)["layers"]
    else:
        layers = find_layers(found.model)
        rows = [
            describe_layer(each)
            for each in layers
            if options.all or each.kind in ("conv", "conv_transpose")
        ]
    if options.json:
        json.dump(rows, sys.stdout, indent=1, allow_nan=False)
        print()
    else:
        print(_table(rows))
    return 0


def _model(options: argparse.Namespace) -> Specified:
    from cnnvis.checkpoint import CheckpointError
    from cnnvis.specify import SpecifyError, specified

    def say(text: str) -> None:
        _say(options, text)

    try:
        return specified(options.model, options.weights, say, partial=options.partial)
    except SpecifyError as error:
        raise _Failure("model", str(error)) from error
    except CheckpointError as error:
        raise _Failure("weights", str(error)) from error
    except OSError as error:
        raise _Failure("weights", f"the weights cannot be read: {error}") from error


def _look(
    found: Specified, images: Sequence[str], options: argparse.Namespace, layers: Any = None
) -> Inspection:
    from cnnvis.capture import ForwardError
    from cnnvis.inspection import inspect

    try:
        with _progress(options) as progress:
            return inspect(
                found.model,
                images[0] if len(images) == 1 else list(images),
                transform=found.transform,
                labels=found.labels,
                layers=layers,
                progress=progress,
            )
    except (ForwardError, ValueError, TypeError, OSError) as error:
        raise _Failure("image", str(error)) from error


def _write(look: Inspection, output: Path, options: argparse.Namespace, **more: Any) -> None:
    _say(options, f"writing {output}")  # takes seconds for a large model
    try:
        with _progress(options, "pictures packed") as progress:
            look.save_html(output, progress=progress, **more)
    except (OSError, ValueError) as error:
        raise _Failure("output", str(error)) from error
    _say(options, f"{output} ({output.stat().st_size / 1e6:.1f} MB); open it in any browser")


def _say(options: argparse.Namespace, text: str) -> None:
    if not options.quiet:
        print(f"cnnvis: {_plain(text)}", file=sys.stderr, flush=True)


def _plain(text: str) -> str:
    """Text of one line that cannot move a terminal's cursor or change its colors."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))


@contextlib.contextmanager
def _progress(options: argparse.Namespace, what: str = "layers ran") -> Iterator[Say | None]:
    """What tells how far something is, once it takes a second; nothing where nobody looks."""
    if options.quiet or not sys.stderr.isatty():
        yield None
    else:
        with said_in_a_line(what) as say:
            yield say


def _table(rows: Sequence[dict[str, Any]]) -> str:
    ran = any("output_shapes" in row for row in rows)
    heads = ["layer", "type", "kernel", "channels", "parameters"]
    heads += ["output", "multiply-adds"] if ran else []
    lines = [heads]
    for row in rows:
        kernel = "x".join(map(str, row["kernel_size"] or ()))
        channels = f"{_known(row['in_channels'])} -> {_known(row['out_channels'])}"
        line = [_plain(row["name"]), row["type"], kernel, channels, f"{row['parameters']:,}"]
        if ran:
            shapes = row["output_shapes"]
            line.append("x".join(map(str, shapes[0])) if shapes else "never ran")
            line.append(f"{row['macs']:,}" if row["macs"] is not None else "?")
        lines.append(line)
    total = ["", "", "", f"{len(rows)} layers", f"{sum(row['parameters'] for row in rows):,}"]
    lines.append(total + [""] * (len(heads) - len(total)))
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    numbers = {"parameters", "multiply-adds"}
    return "\n".join(
        "  ".join(
            text.rjust(width) if head in numbers else text.ljust(width)
            for text, width, head in zip(line, widths, heads, strict=True)
        ).rstrip()
        for line in lines
    )


def _known(count: int | None) -> str:
    return "?" if count is None else str(count)
