"""One model of the sweep: what cnnvis takes from it against what it computed."""

from __future__ import annotations

import copy
import random
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple

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
    alone = _run_alone(case, model)
    outcome.own = alone.own
    calls = _check_capture(case, model, layers, alone, outcome)
    _count(calls, model, outcome)
    more = Counter(_check_inspect(case, model, alone, outcome))
    wrong, outside = without_copy(case, model, layers)
    outcome.without_copy, outcome.outside = len(wrong), len(outside)
    outcome.outside_taken = more.total()
    unknown, missing = more - Counter(outside), (Counter(outside) - more).total()
    outcome.wrong += [f"inspect: took {one}, which no convolution gave" for one in unknown]
    if missing:
        outcome.structure.append(f"inspect: {missing} convolutions in no layer were not taken")
    return outcome


def _check_capture(
    case: Case, model: nn.Module, layers: Sequence[Layer], alone: _Alone, outcome: Outcome
) -> Mapping[str, Sequence[Call]]:
    """Looks at the model with `capture`; gives what the oracle saw then."""
    with _Watched("capture", model, alone, outcome) as watched:
        found = cnnvis.capture(model, case.inputs(), layers)
        watched.output = digests(found.output)
        taken = {name: list(map(digest, calls)) for name, calls in found.items()}
    calls = watched.oracle.calls
    outcome.wrong += [f"capture: {text}" for text in differences(calls, taken)]
    outcome.wrong += [f"capture: {name} failed: {why}" for name, why in found.failures.items()]
    if list(taken) != [name for name, ran in calls.items() if ran[0].called]:
        outcome.structure.append("capture: the layers come in another order than they ran in")
    return calls


def _check_inspect(case: Case, model: nn.Module, alone: _Alone, outcome: Outcome) -> list[Digest]:
    """Looks at the model with `inspect`; gives what that took of convolutions in no layer."""
    with _Watched("inspect", model, alone, outcome) as watched:
        inputs = case.inputs()
        given = digests(inputs)
        look = cnnvis.inspect(
            model, inputs=inputs, layers=lambda layer: layer.kind != "other", memory_mb=_MEMORY_MB
        )
        watched.output = digests(look.output)
        taken = {
            run.name: [digest(look.activation(run.name, i)) for i in range(run.calls)]
            for run in look.layers
            if run.ran
        }
    if digests(inputs) != given:
        outcome.changed.append("inspect: the inputs")
    counted = layers_of(model)
    own = {name: calls for name, calls in taken.items() if name in counted}
    outcome.wrong += [f"inspect: {text}" for text in differences(watched.oracle.calls, own)]
    listed = {run.name: run for run in look.layers}
    for name in counted:
        if name not in listed:
            outcome.structure.append(f"inspect: {name} is not listed")
        elif [call.shape for call in own.get(name, ())] != list(listed[name].output_shapes):
            outcome.structure.append(f"inspect: {name} has other shapes")
    return [one for name, calls in taken.items() if name not in counted for one in calls]


def _count(calls: Mapping[str, Sequence[Call]], model: nn.Module, outcome: Outcome) -> None:
    outcome.layers = len(layers_of(model))
    outcome.never_ran = outcome.layers - len(calls)
    called = [call for ran in calls.values() for call in ran if call.called]
    outcome.calls = len(called)
    outcome.values = sum(call.digest.values for call in called)
    outcome.telling = sum(call.telling for call in called)
    outcome.bypassed = [name for name, ran in calls.items() if not all(c.called for c in ran)]


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


class _Alone(NamedTuple):
    """What a copy of the model does where cnnvis has no part in it.

    Attributes:
        calls: What its layers compute.
        output: What it returns.
        own: What it changes of itself.
    """

    calls: Mapping[str, Sequence[Call]]
    output: list[Digest]
    own: list[str]


def _run_alone(case: Case, model: nn.Module) -> _Alone:
    twin = copy.deepcopy(model)
    for module in twin.modules():
        module.training = False
    _seed()
    before = state_of(twin)
    with Oracle(twin) as oracle, torch.no_grad():
        output = digests(twin(*case.inputs()))
    # a look has to put back random states that a model moves, and may not put back what it caches
    own = [what for what in changed(before, state_of(twin)) if not what.startswith("random: ")]
    return _Alone(oracle.calls, output, own)


class _Watched:
    """One look, with the oracle beside it and all that it must not change compared around it.

    Attributes:
        output: To be set to what the model returned.
        oracle: What it saw.
    """

    def __init__(self, label: str, model: nn.Module, alone: _Alone, outcome: Outcome) -> None:
        self.output: list[Digest] = []
        self.oracle = Oracle(model)
        self._label, self._model, self._alone, self._outcome = label, model, alone, outcome

    def __enter__(self) -> _Watched:
        _seed()
        self._before = state_of(self._model)
        self.oracle.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.oracle.__exit__(kind, error, at)
        if error is not None:
            return
        alone, ran = self._alone, self.oracle.calls
        found = changed(self._before, state_of(self._model))
        found = [what for what in found if what not in alone.own]
        if self.output != alone.output:
            found.append("the model's output")
        if list(ran) != list(alone.calls):
            found.append("which layers run, or in which order")
        found += [f"what {name} computes" for name in ran if ran[name] != alone.calls.get(name)]
        self._outcome.changed += [f"{self._label}: {what}" for what in found]


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
