"""A look leaves no trace: when it succeeds, raises, or is cut off at any line."""

from __future__ import annotations

import contextlib
import linecache
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from nets import Failing, TwoConvs, image_tensor, same, state
from torch import Tensor, nn
from torch.autograd import grad_mode
from torch.utils import _python_dispatch
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack

import cnnvis
from cnnvis import ForwardError, capture, inspect
from cnnvis.borrow import LOOKING, Borrowed
from cnnvis.buffers import Buffers

PACKAGE = Path(cnnvis.__file__).parent
# where the model is changed and put back
CAREFUL = {PACKAGE / name for name in ("capture.py", "borrow.py", "look.py")}
OTHERS = set(PACKAGE.glob("*.py")) - CAREFUL
# where Python and torch turn on and off for us what is left on when they are cut off
CONTEXTS = {Path(module.__file__ or "") for module in (contextlib, grad_mode, _python_dispatch)}

# Python itself drops what is raised in a finalizer, whoever's it is
_FINALIZER = Buffers._take.__code__

X = image_tensor(8)


class Small(nn.Module):
    """All that a look changes or meets: flags of both kinds, buffers, a function, an in-place ReLU."""

    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)
        self.norm = nn.BatchNorm2d(2).eval()
        self.drop = nn.Dropout()
        self.register_buffer("count", torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        x = self.drop(self.norm(self.conv(x).relu_()))
        return nn.functional.conv2d(x, self.conv.weight[:, :2])


class Injected(BaseException):
    """What is raised at a line: as an interrupt, no handler of ours may swallow it."""


class At:
    """Raises at the k-th line that is run in some files; counts the lines without k.

    Args:
        files: These.
        error: What to raise.
        k: Where, from 0; None: nowhere.
    """

    def __init__(self, files: set[Path], error: type[BaseException], k: int | None = None) -> None:
        self._files = {str(path) for path in files}
        self._error, self._k = error, k
        self.lines: list[tuple[str, int]] = []

    def __enter__(self) -> At:
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: Any) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, arg: Any) -> Any:
        if frame.f_code is _FINALIZER:
            return None
        return self._line if frame.f_code.co_filename in self._files else None

    def _line(self, frame: FrameType, event: str, arg: Any) -> Any:
        code, number = frame.f_code, frame.f_lineno
        text = linecache.getline(code.co_filename, number).lstrip()
        # a with statement's line comes again on the way out; no signal comes before its __exit__
        if event == "line" and not text.startswith("with "):
            if len(self.lines) == self._k:
                self._k = None
                raise self._error(f"at {code.co_filename}:{number}")
            self.lines.append((Path(code.co_filename).name, number))
        return self._line


def free() -> bool:
    """Whether another thread could look now."""
    got: list[bool] = []

    def attempt() -> None:
        if LOOKING.acquire(blocking=False):
            got.append(True)
            LOOKING.release()

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return bool(got)


def is_clean(model: nn.Module, before: list[Any]) -> bool:
    flags = [value for value in vars(_python_dispatch).values() if value is True]
    modes = _get_current_dispatch_mode_stack()
    return same(before, state(model)) and free() and not modes and not flags


def look_at(model: nn.Module) -> None:
    inspect(model, inputs=X)


def look_again_at(model: nn.Module) -> None:
    look = inspect(model, inputs=X)
    inspect(model, inputs=X, like=look)


def capture_from(model: nn.Module) -> None:
    capture(model, X)


@pytest.mark.parametrize(
    ("look", "files", "error", "step", "least"),
    [
        (look_at, CAREFUL, KeyboardInterrupt, 1, 300),
        (capture_from, CAREFUL, Injected, 1, 150),
        (look_at, CAREFUL, MemoryError, 3, 100),
        (look_again_at, {PACKAGE / "look.py"}, KeyboardInterrupt, 2, 50),
        (look_at, OTHERS, KeyboardInterrupt, 97, 50),
        (look_at, CONTEXTS, KeyboardInterrupt, 1, 40),
    ],
)
def test_cut_off_at_any_line(
    look: Callable[[nn.Module], None],
    files: set[Path],
    error: type[BaseException],
    step: int,
    least: int,
) -> None:
    model = Small().train()
    look(model)
    before = state(model)
    with At(files, error) as counting:
        look(model)
    assert is_clean(model, before)
    points = range(0, len(counting.lines), step)
    raised = 0
    for k in points:
        with At(files, error, k):
            try:
                look(model)
            except (error, ForwardError):
                raised += 1
        assert is_clean(model, before), f"cut off at {counting.lines[k]}"
    assert len(points) >= least, "enough to be worth the name"
    # an interrupt is never swallowed; the look goes on without what an error kept it from
    assert raised == len(points) if error is not MemoryError else raised > 0
    look(model)


def test_the_injection_is_noticed_where_nothing_is_put_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left: list[Borrowed] = []
    give_back = Borrowed.give_back
    monkeypatch.setattr(Borrowed, "give_back", lambda self: left.append(self))
    model = Small().train()
    before = state(model)
    capture(model, X)
    assert not same(before, state(model))
    give_back(left[0])  # for the tests after this one
    assert torch.is_grad_enabled()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no such timer")
# torch's own weak references complain when they are cut off while they are made
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_real_interrupts() -> None:
    model = nn.Sequential(
        *(nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)) for _ in range(20))
    )
    model.train()
    x = image_tensor(48)
    inspect(model, inputs=x)
    before = state(model)
    start = time.perf_counter()
    inspect(model, inputs=x)
    duration = time.perf_counter() - start
    draw = random.Random(0)
    cut = 0
    old = signal.signal(signal.SIGINT, signal.default_int_handler)
    old_alarm = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        for _ in range(50):
            try:
                signal.setitimer(signal.ITIMER_REAL, draw.uniform(0.02, 1) * duration)
                inspect(model, inputs=x)
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                cut += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            assert is_clean(model, before)
    finally:
        signal.signal(signal.SIGALRM, old_alarm)
        signal.signal(signal.SIGINT, old)
    assert cut >= 20


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("at", range(4))
def test_a_forward_pass_that_raises_anywhere(error: type[BaseException], at: int) -> None:
    class Raising(Small):
        def forward(self, x: Tensor) -> Tensor:
            steps: list[Callable[[Tensor], Tensor]]
            steps = [self.conv, torch.relu_, self.norm, self.drop]
            for i, step in enumerate(steps):
                if i == at:
                    raise error("in the forward pass")
                x = step(x)
            return x

    model = Raising().train()
    before = state(model)
    with pytest.raises(ForwardError if error is RuntimeError else error):
        inspect(model, inputs=X)
    assert is_clean(model, before)


def test_what_ran_before_it_failed_can_be_looked_at() -> None:
    model = Failing()
    with torch.no_grad():
        truth = model.first(image_tensor())
    look = inspect(model, inputs=image_tensor(), partial=True)
    assert [(run.name, run.ran) for run in look.layers] == [("first", True), ("second", False)]
    assert torch.equal(look.activation("first"), truth)
    (note,) = [note for note in look.notes if note.kind == "stopped"]
    assert "no second half today" in note.text
    assert look.output is None
    assert look.predictions() == []

    with pytest.raises(ForwardError, match="1 of 2 layers had run, the last was 'first'"):
        inspect(model, inputs=image_tensor())
    with pytest.raises(ForwardError, match="none of its 2 layers had run"):
        inspect(TwoConvs(), inputs=image_tensor(channels=4), partial=True)


def test_two_threads_that_look_at_one_model_see_their_own() -> None:
    model = Small().train()
    before = state(model)
    inputs = [image_tensor(8, channels=3) * factor for factor in (1, 2, 3, 4)]
    truth = [nn.functional.conv2d(x, model.conv.weight, model.conv.bias) for x in inputs]
    wrong: list[int] = []

    def look(i: int) -> None:
        for _ in range(10):
            if not torch.equal(inspect(model, inputs=inputs[i]).activation("conv"), truth[i]):
                wrong.append(i)

    threads = [threading.Thread(target=look, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert same(before[:5], state(model)[:5])
