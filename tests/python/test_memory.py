"""What a look keeps is bounded, and running out of memory ends the look and not the process."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import Any

import pytest

MEASURE = """
import ctypes, gc, json, threading, torch, torchvision
from cnnvis import ForwardError, inspect

torch.set_num_threads(1)  # each thread has scratch memory of its own

def settled():
    # in use, without what the allocator only holds back
    gc.collect()
    getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
    return resident()

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

class Peak:
    def __enter__(self):
        gc.collect()
        self.highest = resident()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.done.wait(0.002):
            self.highest = max(self.highest, resident())

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()

model = torchvision.models.vgg16(weights=None).eval()
inspect(model, inputs=torch.rand(1, 3, 32, 32))
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def measured(code: str) -> Any:
    """What a fresh process, which runs `MEASURE` and then code, writes as JSON."""
    program = MEASURE + textwrap.dedent(code)
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout)


@linux
def test_a_look_takes_what_the_pass_takes_and_its_budget() -> None:
    found = measured("""
        x = torch.rand(1, 3, 416, 416)
        with torch.no_grad():
            model(x)
            with Peak() as bare:
                model(x)
        before = settled()
        with Peak() as looking:
            look = inspect(model, inputs=x, memory_mb=32)
        kept = settled() - before
        whole = sum(look.activation(run.name).numel() * 4 for run in look.layers)
        print(json.dumps([bare.highest - before, looking.highest - before, kept, whole]))
    """)
    bare, looking, kept, whole = (value / 2**20 for value in found)
    print(f"MiB: bare {bare:.0f}, looking {looking:.0f}, kept {kept:.0f}, all {whole:.0f}")
    assert whole > 150, "all of it would be far more"
    # and codes, and what the allocator holds back
    assert looking - bare < 32 + 80
    assert kept < 32 + 80


@linux
def test_an_allocation_that_fails_is_an_error_of_the_look() -> None:
    found = measured("""
        import resource
        limit = int(open("/proc/self/statm").read().split()[0]) * 4096 + (1 << 30)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        x = torch.rand(1, 3, 2048, 2048)
        try:
            inspect(model, inputs=x)
            failed = ""
        except ForwardError as error:
            failed = str(error)
        look = inspect(model, inputs=torch.rand(1, 3, 64, 64))
        hooks = sum(len(module._forward_hooks) for module in model.modules())
        print(json.dumps([failed, sum(run.ran for run in look.layers), hooks]))
    """)
    failed, ran, hooks = found
    assert "model VGG: its forward pass raised" in failed
    assert "allocate" in failed or "GiB are left" in failed
    assert (ran, hooks) == (13, 0)
