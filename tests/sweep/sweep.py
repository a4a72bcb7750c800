"""Runs the sweep: `python -m tests.sweep [family ...]`, or `make sweep`.

Each family of models runs in a process of its own, one after the other, so that memory is given back
and a crash or an endless computation costs one family. Each prints one line of JSON; a run of all of
them writes docs/sweep.md.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
import traceback
import warnings
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from tests.sweep.check import check
from tests.sweep.family import Family
from tests.sweep.table import table
from tests.sweep.zoo import families, unknown_families

_TABLE = Path(__file__).parents[2] / "docs" / "sweep.md"
_SECONDS = 600
"""After how long a family is given up."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the families that are named, or all; 0 if all is as it should be."""
    parser = argparse.ArgumentParser(prog="sweep", description=__doc__.partition("\n")[0])
    parser.add_argument("family", nargs="*", help="such as torchvision/resnet or timm/vgg")
    wanted = parser.parse_args(arguments).family
    known = families()
    if unknown := [name for name in wanted if name not in known]:
        parser.error(f"no family {', '.join(unknown)}; there are {', '.join(known)}")
    # sums differ with the number of threads, in the last bits; and one is fair to who works beside
    os.environ["OMP_NUM_THREADS"] = "1"
    # the processes are forked from one that has imported everything and computed nothing
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    results = []
    for name in wanted or known:
        results.append(_run(context, name, [case.name for case in known[name]]))
        print(results[-1].line(), flush=True)
    ungrouped = [] if wanted else unknown_families()
    if ungrouped:
        print("timm has families that the sweep has no member of:", *ungrouped, file=sys.stderr)
    if not wanted:
        _TABLE.write_text(table(results), "utf-8")
    return 0 if all(result.passed for result in results) and not ungrouped else 1


def _run(
    context: multiprocessing.context.ForkServerContext, name: str, models: list[str]
) -> Family:
    start = time.monotonic()
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_family, args=(name, theirs))
    process.start()
    theirs.close()
    family = Family(name)
    end = ""
    while not end:
        try:
            if not ours.poll(max(0.0, _SECONDS - (time.monotonic() - start))):
                end = f"not done after {_SECONDS} seconds"
                break
            what, model, value = ours.recv()
        except EOFError:
            process.join()
            end = f"the process ended with code {process.exitcode}"
            break
        if what == "outcome":
            family.outcomes.append(value)
        elif what == "error":
            family.not_run[model] = value
        else:
            (family.seconds, family.peak_mb), end = value, "done"
    process.kill()
    process.join()
    done = {outcome.name for outcome in family.outcomes}
    family.not_run |= {m: end for m in models if m not in done and m not in family.not_run}
    return family


def _family(name: str, results: Connection) -> None:
    import torch

    # of torch and timm about what will come; not what this is about
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    for case in families()[name]:
        try:
            results.send(("outcome", case.name, check(case)))
        except Exception as error:
            traceback.print_exc()
            text = f"{type(error).__name__}: {error}"
            results.send(("error", case.name, " ".join(text.split())[:200]))
    results.send(("done", "", (time.process_time(), _peak_mb())))


def _peak_mb() -> int:
    """Of this process alone: getrusage would tell of the one it was forked from."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return 0
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) >> 10
