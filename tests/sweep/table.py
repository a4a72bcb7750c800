"""docs/sweep.md: what the sweep found, as a page."""

from __future__ import annotations

import datetime
import platform
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import timm
import torch
import torchvision
from tests.sweep.check import Outcome
from tests.sweep.family import Family

import cnnvis

_HEAD = """\
# Sweep

All models of `torchvision.models.list_models()` and at least one of every file of `timm.models`, with
random weights, each looked at with `cnnvis.capture` and with `cnnvis.inspect`. What they took of every
call of every convolution and linear layer is compared, bit for bit, with what an oracle recorded that
knows nothing of hooks: it patches the method of the layer's class that makes the result, and takes a
checksum right there, once beside cnnvis and once on a copy of the model that cnnvis never sees. Before
and after each look everything is compared that a look must leave alone: parameters, buffers,
gradients, hooks, each module's training flag, random states, modes. Every second model, by its name,
is in training mode, with frozen parts and a hook of its own.

Made by `make sweep` on {date}: {versions}, one thread on {machine}.
"""

_COLUMNS = """\
Calls are those that were compared, values the numbers in them. Structure counts names, kinds, orders
and counts of layers or calls that differ from an independent count; changed counts what was not as
before. No copy is a check of the check: how many calls are wrong if the very tensor is kept that a
hook is given, for a later in-place operation to overwrite. Seconds are those that a core worked.
Quantized models run as float and as int8.

| family | models | layers | calls | values | wrong | structure | changed | no copy | seconds | peak MB |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
"""


def table(results: Sequence[Family]) -> str:
    """The page as Markdown."""
    parts = [_HEAD.format(date=_today(), versions=_versions(), machine=_machine())]
    parts.append(_totals(results))
    parts.append(_COLUMNS + "".join(map(_row, results)))
    parts.append(
        _list("Not run", ((model, why) for r in results for model, why in r.not_run.items()))
    )
    for title, what in (("Wrong", "wrong"), ("Structure", "structure"), ("Changed", "changed")):
        found = ((o.name, text) for o in _outcomes(results) for text in getattr(o, what))
        parts.append(_list(title, found))
    parts.append(_remarks(results))
    return "\n".join(part for part in parts if part)


def _totals(results: Sequence[Family]) -> str:
    groups = [
        [r for r in results if r.family.startswith(kind)] for kind in ("torchvision/", "timm/")
    ]
    lines = ["| | torchvision | timm | all |", "|---|--:|--:|--:|"]
    counts: dict[str, Callable[[Sequence[Family]], float]] = {
        "models": lambda rs: len(_outcomes(rs)),
        "models not run": lambda rs: sum(len(r.not_run) for r in rs),
        "parameters": lambda rs: sum(o.parameters for o in _outcomes(rs)),
        "layers": lambda rs: sum(o.layers for o in _outcomes(rs)),
        "layers that never ran": lambda rs: sum(o.never_ran for o in _outcomes(rs)),
        "calls compared": lambda rs: sum(o.calls for o in _outcomes(rs)),
        "values compared": lambda rs: sum(o.values for o in _outcomes(rs)),
        "**wrong**": lambda rs: sum(len(o.wrong) for o in _outcomes(rs)),
        "**structure**": lambda rs: sum(len(o.structure) for o in _outcomes(rs)),
        "**models changed**": lambda rs: sum(bool(o.changed) for o in _outcomes(rs)),
        "calls wrong without a copy": lambda rs: sum(o.without_copy for o in _outcomes(rs)),
        "minutes of one core": lambda rs: round(sum(r.seconds for r in rs) / 60, 1),
    }
    for label, count in counts.items():
        cells = (f"{count(rs):,}" for rs in (*groups, results))
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _row(result: Family) -> str:
    found = result.outcomes
    cells = (
        len(found),
        sum(o.layers for o in found),
        sum(o.calls for o in found),
        sum(o.values for o in found),
        sum(len(o.wrong) for o in found),
        sum(len(o.structure) for o in found),
        sum(len(o.changed) for o in found),
        sum(o.without_copy for o in found),
        round(result.seconds, 1),
        result.peak_mb,
    )
    return f"| {result.family} | {' | '.join(f'{cell:,}' for cell in cells)} |\n"


def _list(title: str, found: Iterable[tuple[str, str]]) -> str:
    lines = [f"- {name}: {text}\n" for name, text in found]
    return f"## {title}\n\n{''.join(lines) or 'None.'}\n".rstrip() + "\n"


def _remarks(results: Sequence[Family]) -> str:
    """What bounds the comparison: calls that would look right whatever was taken, or that none sees."""
    outcomes = _outcomes(results)
    same = sum(o.calls - o.telling for o in outcomes)
    passed_by = {o.name: o.bypassed for o in outcomes if o.bypassed}
    lines = [
        f"- {same:,} of the calls gave nothing, one value throughout or numbers that are not finite: "
        "random weights do that.\n"
    ]
    for name, layers in passed_by.items():
        lines.append(
            f"- {name} computes {', '.join(layers)} without calling it: no hook can see it.\n"
        )
    for outcome in outcomes:
        if outcome.own:
            own = ", ".join(outcome.own[:3]) + (", ..." if len(outcome.own) > 3 else "")
            lines.append(
                f"- {outcome.name} changes itself when it runs, looked at or not: {own}.\n"
            )
    functions = [(o.name, o.outside, o.outside_taken) for o in outcomes if o.outside]
    for name, count, count_taken in functions:
        lines.append(
            f"- {name}: {count} convolutions run in no layer, called as functions; `inspect` took "
            f"{count_taken} of them.\n"
        )
    return "## To know\n\n" + "".join(lines)


def _outcomes(results: Iterable[Family]) -> list[Outcome]:
    return [outcome for result in results for outcome in result.outcomes]


def _today() -> str:
    return datetime.date.today().isoformat()


def _versions() -> str:
    made_by = {
        module.__name__: module.__version__ for module in (cnnvis, torch, torchvision, timm, np)
    }
    versions = {"Python": platform.python_version(), **made_by}
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}"
