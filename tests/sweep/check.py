"""One model of the sweep: what cnnvis takes from it against what it computed."""

from __future__ import annotations

import copy
import random
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from tests.sweep.cheap import cheap_weights
from tests.sweep.digest import Digest, digest, digests
from tests.sweep.oracle import Call, Oracle, aliases_of, layers_of
from tests.sweep.outside import Outside
from tests.sweep.state import changed, state_of
from tests.sweep.zoo import Case
from torch import Tensor, nn

import cnnvis
from cnnvis import Layer

# what every look has to keep: more than any model of the sweep gives
_MEMORY_MB = 16_384

Taken = Mapping[str, Sequence[Digest]]


@dataclass
class Outcome:
    """What was found out about one model.

    Attributes:
        name: Of the model.
        parameters: How many numbers it holds.
        layers: How many convolutions and linear layers it has, counted without cnnvis.
        never_ran: How many of them did not run.
        calls: How many calls were compared.
        values: How many numbers those calls gave.
        telling: How many of the calls gave finite numbers that are not all the same.
        wrong: Calls that cnnvis took another value of, or none, each with what differs.
        structure: Names, kinds, counts and orders that differ, and convolutions in no layer that
            `inspect` did not take.
        changed: What the looks changed: of the model, of the state around it, of what it computes.
        own: What the model changes of itself whenever it runs, looked at or not; not in `changed`.
        bypassed: Layers that computed without being called, so that no hook can see it.
        outside: How many convolutions ran in no layer, called as functions.
        outside_taken: How many of them `inspect` took; never another value than theirs.
        without_copy: How many calls are wrong if the tensors are kept that the hooks are given.
    """

    name: str
    parameters: int = 0
    layers: int = 0
    never_ran: int = 0
    calls: int = 0
    values: int = 0
    telling: int = 0
    wrong: list[str] = field(default_factory=list)
    structure: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    bypassed: list[str] = field(default_factory=list)
    outside: int = 0
    outside_taken: int = 0
    without_copy: int = 0


def check(case: Case) -> Outcome:
    """Runs a model alone, and looks at it in both ways that cnnvis has."""
    with cheap_weights():
        model = case.build()
    unsettle(model, odd=zlib.crc32(case.name.encode()) % 2 == 1)
    outcome = Outcome(case.name, parameters=sum(p.numel() for p in model.parameters()))
    layers = cnnvis.find_layers(model)
    outcome.structure += _differences_of_lists(model, layers)
    alone, output, outcome.own = _alone(case, model)

    with _Watched("capture", case, model, alone, output, outcome) as watched:
        found = cnnvis.capture(model, case.inputs(), layers)
        watched.output = digests(found.output)
        taken = {name: list(map(digest, calls)) for name, calls in found.items()}
        failures = [f"capture: {name} failed: {why}" for name, why in found.failures.items()]
        del found
    seen = watched.oracle.calls
    outcome.wrong += [f"capture: {text}" for text in differences(seen, taken)] + failures
    if list(taken) != [name for name, calls in seen.items() if calls[0].called]:
        outcome.structure.append("capture: the layers come in another order than they ran in")
    outcome.layers = len(layers_of(model))
    outcome.never_ran = outcome.layers - len(seen)
    called = [call for calls in seen.values() for call in calls if call.called]
    outcome.calls = len(called)
    outcome.values = sum(call.digest.values for call in called)
    outcome.telling = sum(call.telling for call in called)
    outcome.bypassed = [name for name, calls in seen.items() if not all(c.called for c in calls)]

    with _Watched("inspect", case, model, alone, output, outcome) as watched:
        inputs = case.inputs()
        given = digests(inputs)
        look = cnnvis.inspect(
            model, inputs=inputs, layers=lambda layer: layer.kind != "other", memory_mb=_MEMORY_MB
        )
        watched.output = digests(look.output)
        if digests(inputs) != given:
            outcome.changed.append("inspect: the inputs")
        taken = {
            run.name: [digest(look.activation(run.name, i)) for i in range(run.calls)]
            for run in look.layers
            if run.ran
        }
        shapes = {run.name: list(run.output_shapes) for run in look.layers if run.ran}
        names = {run.name for run in look.layers}
        del look
    own = {name: calls for name, calls in taken.items() if name in layers_of(model)}
    outcome.wrong += [f"inspect: {text}" for text in differences(watched.oracle.calls, own)]
    outcome.structure += [
        f"inspect: {name} is not listed" for name in layers_of(model) if name not in names
    ]
    outcome.structure += [
        f"inspect: {name} has other shapes"
        for name, calls in own.items()
        if [call.shape for call in calls] != shapes[name]
    ]
    more = Counter(one for name in taken.keys() - own.keys() for one in taken[name])
    outcome.outside_taken = more.total()

    wrong, outside = without_copy(case, model, layers)
    outcome.without_copy, outcome.outside = len(wrong), len(outside)
    unknown = more - Counter(outside)
    outcome.wrong += [f"inspect: took {one}, which no convolution gave" for one in unknown]
    missing = (Counter(outside) - more).total()
    if missing:
        outcome.structure.append(f"inspect: {missing} convolutions in no layer were not taken")
    return outcome


def differences(calls: Mapping[str, Sequence[Call]], taken: Taken) -> list[str]:
    """Every call of a layer that was not taken as the oracle saw it, in words.

    Args:
        calls: What the layers computed; what they did without being called is left out.
        taken: What was kept of it, by layer name.
    """
    found = []
    for name in dict.fromkeys((*calls, *taken)):
        expected = [call.digest for call in calls.get(name, ()) if call.called]
        actual = taken.get(name, ())
        for i in range(max(len(expected), len(actual))):
            if i >= len(actual):
                found.append(f"{name} call {i} was not taken")
            elif i >= len(expected):
                found.append(f"{name} has no call {i}, and one was taken")
            elif actual[i] != expected[i]:
                what = next(
                    k for k in ("shape", "dtype", "crc") if _differ(k, actual[i], expected[i])
                )
                found.append(f"{name} call {i} has another {what}")
    return found


def without_copy(
    case: Case, model: nn.Module, layers: Sequence[Layer]
) -> tuple[list[str], list[Digest]]:
    """What is wrong if the very tensor that a hook is given is kept: a check of the check.

    Returns:
        The differences, and beside them what convolutions in no layer gave.
    """

    def keep(layer: Layer, output: Tensor) -> Tensor:
        return output.detach()

    _seed()
    with Oracle(model) as oracle, Outside(oracle) as outside:
        found = cnnvis.capture(model, case.inputs(), layers, keep)
    taken = {name: list(map(digest, calls)) for name, calls in found.items()}
    return differences(oracle.calls, taken), outside.results


def unsettle(model: nn.Module, *, odd: bool) -> None:
    """Puts a model into a state that a careless look would change.

    An odd one is in training mode with every third module frozen, has parameters that are not
    trained, a gradient, and a hook of its owner.
    """
    if not odd:
        for module in model.modules():
            module.training = False
        return
    for i, module in enumerate(model.modules()):
        module.training = i % 3 != 1
    parameters = list(model.parameters())
    for parameter in parameters[::3]:
        parameter.requires_grad_(False)
    for parameter in parameters[1:2]:
        parameter.grad = torch.ones_like(parameter)
    for layer in list(layers_of(model).values())[:1]:
        layer.register_forward_hook(lambda module, args, output: None)


class _Watched:
    """One look, with the oracle beside it and all that it must not change compared around it."""

    def __init__(
        self,
        label: str,
        case: Case,
        model: nn.Module,
        alone: Mapping[str, Sequence[Call]],
        output: list[Digest],
        outcome: Outcome,
    ) -> None:
        self.output: list[Digest] = []
        self.oracle = Oracle(model)
        self._label, self._model, self._outcome = label, model, outcome
        self._alone, self._expected = alone, output

    def __enter__(self) -> _Watched:
        _seed()
        self._before = state_of(self._model)
        self.oracle.__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, at: Any) -> None:
        self.oracle.__exit__(kind, error, at)
        if error is not None:
            return
        found = changed(self._before, state_of(self._model))
        found = [what for what in found if what not in self._outcome.own]
        if self.output != self._expected:
            found.append("the model's output")
        ran = self.oracle.calls
        if list(ran) != list(self._alone):
            found.append("which layers run, or in which order")
        found += [f"what {name} computes" for name in ran if ran[name] != self._alone.get(name)]
        self._outcome.changed += [f"{self._label}: {what}" for what in found]


def _alone(
    case: Case, model: nn.Module
) -> tuple[Mapping[str, Sequence[Call]], list[Digest], list[str]]:
    """What a copy of the model computes, gives and changes where cnnvis has no part in it."""
    twin = copy.deepcopy(model)
    for module in twin.modules():
        module.training = False
    _seed()
    before = state_of(twin)
    with Oracle(twin) as oracle, torch.no_grad():
        output = digests(twin(*case.inputs()))
    # a look has to put back random states that a model moves, and may not put back what it caches
    own = [what for what in changed(before, state_of(twin)) if not what.startswith("random: ")]
    return oracle.calls, output, own


def _differences_of_lists(model: nn.Module, layers: Sequence[Layer]) -> list[str]:
    """What `find_layers` says against a count of its own."""
    counted, aliases = layers_of(model), aliases_of(model)
    found = []
    if [layer.name for layer in layers] != list(counted):
        odd = {layer.name for layer in layers} ^ counted.keys()
        found.append(f"find_layers: another list of layers: {sorted(odd) or 'the order'}")
    for layer in layers:
        if layer.module is not counted.get(layer.name):
            found.append(f"find_layers: {layer.name} is another module")
        elif sorted(layer.aliases) != sorted(aliases[layer.name]):
            found.append(f"find_layers: {layer.name} has other names too")
        elif layer.kind != _kind(layer.module):
            found.append(f"find_layers: {layer.name} is no {layer.kind}")
    return found


def _kind(module: nn.Module) -> str:
    known = "".join(
        cls.__name__ for cls in type(module).__mro__ if cls.__module__.startswith("torch.")
    )
    if "Transpose" in known:
        return "conv_transpose"
    return "conv" if "Conv" in known else "linear"


def _differ(what: str, a: Digest, b: Digest) -> bool:
    return bool(getattr(a, what) != getattr(b, what))


def _seed() -> None:
    torch.manual_seed(7)
    np.random.seed(7)
    random.seed(7)
