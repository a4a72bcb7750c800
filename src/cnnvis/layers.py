"""What a model is made of, read from its modules without running it.

A model is taken as it is found, wrapped, shared, parametrized, lazy, quantized or cyclic, and not
changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

Kind = Literal["conv", "conv_transpose", "linear", "other"]

# class (of torch) that only passes its call on -> the attribute that holds what it wraps
_WRAPPERS = {
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "AveragedModel": "module",
    "OptimizedModule": "_orig_mod",
    "FullyShardedDataParallel": "_fsdp_wrapped_module",
    "CheckpointWrapper": "_checkpoint_wrapped_module",
}
# these two do more than pass the call on: their names are stripped, they stay around the model
_NEEDED_WRAPPERS = {"FullyShardedDataParallel", "CheckpointWrapper"}

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
_CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)

# what TorchScript says a module was
_SCRIPTED: dict[str, Kind] = {
    **{c.__name__: "conv" for c in _CONVS},
    **{c.__name__: "conv_transpose" for c in _TRANSPOSED},
    "Linear": "linear",
}

# A chain of n blocks that each hold the next one twice has 2**n paths: beyond so many repeated
# visits, further names of a shared module are left out.
_MAX_REVISITS = 10_000


@dataclass(frozen=True)
class Layer:
    """A layer of a model: where it lies and how it was configured.

    A value that does not apply (a Linear's stride), is not known yet (a lazy layer's channels) or
    cannot be read (a property that raises) is None.

    Attributes:
        name: Dotted path from the model, without wrappers' prefixes; "" where the model itself is
            the layer.
        aliases: Further names of the same module, in registration order.
        kind: What it computes. `"conv_transpose"` is the transposed ("de-") convolution.
        type: Class name as a person knows it: `Conv2d` for a parametrized Conv2d.
        module: The module itself, live.
        in_channels: Channels (a Linear's features) it takes.
        out_channels: Channels (a Linear's features) it gives: the number of its filters.
        kernel_size: One length per spatial dimension, as are stride, padding and dilation.
        stride: Steps of the kernel in the input; of a transposed convolution, in the output.
        padding: Lengths, or the words `"same"` and `"valid"`.
        padding_mode: `"zeros"`, `"reflect"`, `"replicate"` or `"circular"`.
        dilation: Distance between the kernel's taps.
        groups: Into how many parts that do not see each other the channels are split.
        bias: Whether it adds one.
        parameters: How many numbers it holds; 0 while any of them is not initialized.
        dtype: Of its weights; quantized ones have torch.qint8.
        device: Where its weights are.
        path: Dotted names of the containers it lies in, outermost first.
    """

    name: str
    aliases: tuple[str, ...]
    kind: Kind
    type: str
    # a model's repr may be endless, and may raise
    module: nn.Module = field(repr=False)
    in_channels: int | None
    out_channels: int | None
    kernel_size: tuple[int, ...] | None
    stride: tuple[int, ...] | None
    padding: tuple[int, ...] | str | None
    padding_mode: str | None
    dilation: tuple[int, ...] | None
    groups: int | None
    bias: bool
    parameters: int
    dtype: torch.dtype | None
    device: torch.device | None
    path: tuple[str, ...]

    def input_channels(self, channel: int) -> range:
        """The input channels that the filter of an output channel sees: those of its group.

        Raises:
            ValueError: There is no such channel, or the layer's channels are not known.
        """
        if self.in_channels is None or not self.out_channels:
            raise ValueError(f"layer {self.name!r} ({self.type}) has no known channels")
        if not 0 <= channel < self.out_channels:
            raise ValueError(
                f"layer {self.name!r} has channels 0 to {self.out_channels - 1}, asked for {channel}"
            )
        groups = self.groups or 1
        each = self.in_channels // groups
        group = channel * groups // self.out_channels
        return range(group * each, (group + 1) * each)


def find_layers(model: nn.Module, kinds: Literal["all"] | None = None) -> list[Layer]:
    """The layers of a model, in registration order, each module once.

    Args:
        model: Any module; wrappers (DataParallel, DistributedDataParallel, a compiled model) are
            looked through.
        kinds: None for convolutions, transposed convolutions and Linear layers; `"all"` for every
            other module without children too (ReLU, BatchNorm, pooling).

    Returns:
        Possibly an empty list: a model may hold no such layer, or compute it with functions alone.

    Raises:
        TypeError: model is not a module.
        ValueError: kinds is something else.
    """
    if kinds is not None and kinds != "all":
        raise ValueError(
            f"find_layers: kinds must be None or 'all', received {kinds!r}; "
            "take from find_layers(model, 'all') the layers whose .kind you want"
        )
    found: list[tuple[str, tuple[str, ...], nn.Module, Kind]] = []
    aliases: dict[int, list[str]] = {}
    for name, path, module in walk(model):
        if id(module) in aliases:
            aliases[id(module)].append(name)
            continue
        kind = kind_of(module)
        is_leaf = not isinstance(module, _CONTAINERS) and not _children(module)
        if kind != "other" or (kinds == "all" and is_leaf):
            aliases[id(module)] = []
            found.append((name, path, module, kind))
    return [
        _describe(name, tuple(aliases[id(module)]), path, module, kind)
        for name, path, module, kind in found
    ]


def unwrap(model: nn.Module) -> nn.Module:
    """The module inside DataParallel, DistributedDataParallel, AveragedModel and torch.compile.

    What is not wrapped comes back as it is. Sharded (FSDP) and checkpointed modules keep their
    wrapper: without it they do not run as they should.
    """
    seen: set[int] = set()
    while (key := _wrapped_key(model)) is not None and id(model) not in seen:
        if _wrapper_class(model) in _NEEDED_WRAPPERS:
            break
        seen.add(id(model))
        model = model.__dict__["_modules"][key]
    return model


def walk(model: nn.Module) -> Iterator[tuple[str, tuple[str, ...], nn.Module]]:
    """Every module below and including model as (name, path, module), parents first.

    A module that is registered under several names comes once for each. Wrappers do not come
    themselves, and leave no trace in the names. Needs no recursion and ends on cycles.

    Raises:
        TypeError: model is not a module.
    """
    check_model(model)
    seen: set[int] = set()
    revisits = 0
    # what is still to be visited, the next one last; `above` holds the ids of the modules it lies in
    stack: list[tuple[str, tuple[str, ...], nn.Module, frozenset[int]]]
    stack = [("", (), model, frozenset())]
    while stack:
        name, path, module, above = stack.pop()
        if id(module) in above:
            continue
        if id(module) in seen:
            revisits += 1
            if revisits > _MAX_REVISITS:
                continue
        seen.add(id(module))
        wrapped = _wrapped_key(module)
        if wrapped is None:
            yield name, path, module
        above |= {id(module)}
        inside = (*path, name) if name else path
        for key, child in reversed(_children(module)):
            if key == wrapped:
                stack.append((name, path, child, above))
            else:
                stack.append((f"{name}.{key}" if name else key, inside, child, above))


def kind_of(module: nn.Module) -> Kind:
    """What a single module computes; `"other"` for whatever is no convolution and no Linear.

    Besides torch's classes and their subclasses it knows quantized ones (their `weight` is a
    method) and modules that hold all of a convolution: channels, kernel size, and a weight of just
    that shape.
    """
    if isinstance(module, _TRANSPOSED):
        return "conv_transpose"
    if isinstance(module, _CONVS):
        return "conv"
    if isinstance(module, nn.Linear):
        return "linear"
    if _is_quantized(module):
        if _read(module, "in_features") is not None:
            return "linear"
        if _read(module, "kernel_size") is not None:
            return "conv_transpose" if _read(module, "transposed") is True else "conv"
        return "other"
    weight = _registered(module, "_parameters").get("weight")
    if isinstance(module, torch.jit.ScriptModule):
        return _SCRIPTED.get(type_name(module), "other") if weight is not None else "other"
    taken, given = _read_int(module, "in_channels"), _read_int(module, "out_channels")
    if weight is None or is_lazy(weight) or weight.dim() < 3 or not taken or not given:
        return "other"
    kernel = _lengths(_read(module, "kernel_size"), weight.dim() - 2)
    expected = (given, taken // (_read_int(module, "groups") or 1), *(kernel or ()))
    return "conv" if tuple(weight.shape) == expected else "other"


def type_name(module: nn.Module) -> str:
    """The class name as a person knows it: without what parametrizing put around it."""
    if _is_quantized(module):
        # Conv2d calls itself QuantizedConv2d
        own = _read(module, "_get_name")
        return str(own()) if callable(own) else type(module).__name__
    if isinstance(module, torch.jit.ScriptModule):
        return str(_read(module, "original_name") or type(module).__name__)
    if parametrizations(module):
        return parametrize.type_before_parametrizations(module).__name__
    return type(module).__name__


def parametrizations(module: nn.Module) -> dict[str, nn.Module]:
    """What makes a module's parametrized tensors, by their name; empty for an ordinary module."""
    made = _registered(module, "_modules").get("parametrizations")
    return dict(made.items()) if isinstance(made, nn.ModuleDict) else {}


def check_model(model: object) -> None:
    """Raises a TypeError for what is no module, with what to pass instead."""
    if isinstance(model, nn.Module):
        return
    if isinstance(model, type):
        label = model.__name__
        received, step = f"the class {label}", f"make one first: model = {label}(...)"
    elif isinstance(model, dict):
        received, step = "a dict", "load a state dict into its model: model.load_state_dict(...)"
    elif type(model).__name__ == "ExportedProgram":
        received, step = "an ExportedProgram", "pass the model that it was exported from"
    elif callable(model):
        label = getattr(model, "__name__", type(model).__name__)
        received, step = f"the function {label}", f"pass what it returns: {label}(...)"
    else:
        received = type(model).__name__
        step = "build the model first, for example torchvision.models.resnet18()"
    raise TypeError(f"the model must be a torch.nn.Module, received {received}; {step}")


def _describe(
    name: str, aliases: tuple[str, ...], path: tuple[str, ...], module: nn.Module, kind: Kind
) -> Layer:
    label = type_name(module)
    # the name says the rank even where a kernel is given as one number: MaxPool2d(2)
    rank = next((r for r in (1, 2, 3) if f"{r}d" in label), 1)
    padding = _read(module, "padding")
    mode = _read(module, "padding_mode")
    features = "features" if kind == "linear" else "channels"
    spatial = kind != "linear"
    own = _own_parameters(module)
    weight = own.get("weight", next(iter(own.values()), None))
    given = _read_int(module, f"out_{features}")
    kernel = _lengths(_read(module, "kernel_size"), rank) if spatial else None
    if isinstance(module, torch.jit.ScriptModule) and weight is not None and kind != "other":
        # tracing keeps the weights alone
        given = given or weight.shape[1 if kind == "conv_transpose" else 0]
        kernel = kernel or (tuple(weight.shape[2:]) if spatial else None)
    return Layer(
        name=name,
        aliases=aliases,
        kind=kind,
        type=label,
        module=module,
        # a lazy layer says 0 until it has seen its input
        in_channels=_read_int(module, f"in_{features}") or None,
        out_channels=given,
        kernel_size=kernel,
        stride=_lengths(_read(module, "stride"), rank) if spatial else None,
        padding=padding if isinstance(padding, str) else _lengths(padding, rank),
        padding_mode=mode if isinstance(mode, str) else None,
        dilation=_lengths(_read(module, "dilation"), rank) if spatial else None,
        groups=_read_int(module, "groups") if spatial else None,
        bias="bias" in own,
        parameters=0 if any(map(is_lazy, own.values())) else sum(p.numel() for p in own.values()),
        dtype=weight.dtype if weight is not None else None,
        device=weight.device if weight is not None else None,
        path=path,
    )


def _own_parameters(module: nn.Module) -> dict[str, Tensor]:
    """The tensors that a layer itself trains, by name: `bias` stands for whatever makes it."""
    if _is_quantized(module):
        read = {key: _read(module, key) for key in ("weight", "bias")}
        made = {key: get() for key, get in read.items() if callable(get)}
        return {key: tensor for key, tensor in made.items() if isinstance(tensor, Tensor)}
    own = {k: p for k, p in _registered(module, "_parameters").items() if p is not None}
    for key, made_by in parametrizations(module).items():
        for k, p in made_by._parameters.items():
            if p is not None:
                own[key if k in ("original", "original0") else f"{key}.{k}"] = p
    if "bias_orig" in own:  # pruned
        own["bias"] = own.pop("bias_orig")
    return own


def _children(module: nn.Module) -> list[tuple[str, nn.Module]]:
    # quantized Linear keeps its weights in a child, a parametrization is how a weight is made:
    # neither is a part that the model runs.
    if _is_quantized(module):
        return []
    children = _registered(module, "_modules").items()
    hidden = "parametrizations" if parametrizations(module) else None
    return [(k, m) for k, m in children if m is not None and k != hidden]


def _is_quantized(module: nn.Module) -> bool:
    # asked of the class: reading the instance's `weight` may compute it, or raise
    return callable(getattr(type(module), "weight", None))


def _wrapper_class(module: nn.Module) -> str | None:
    names = [c.__name__ for c in type(module).__mro__ if c.__module__.startswith("torch.")]
    return next((name for name in names if name in _WRAPPERS), None)


def _wrapped_key(module: nn.Module) -> str | None:
    """The name under which a wrapper registers what it wraps; None where module is no wrapper."""
    wrapper = _wrapper_class(module)
    if wrapper is None:
        return None
    # with a second child its names could collide with the wrapped module's
    modules = _registered(module, "_modules")
    return _WRAPPERS[wrapper] if list(modules) == [_WRAPPERS[wrapper]] else None


def _registered(module: nn.Module, kind: str) -> dict[str, Any]:
    """What a module registered; nothing where __init__ never ran."""
    if isinstance(module, torch.jit.ScriptModule):
        if kind == "_modules":
            return dict(module.named_children())
        return dict(module.named_parameters(recurse=False)) if kind == "_parameters" else {}
    found = module.__dict__.get(kind)
    return found if isinstance(found, dict) else {}


def _read(module: nn.Module, name: str) -> Any:
    """An attribute, or None where the user's class lacks it or raises."""
    try:
        return getattr(module, name, None)
    except Exception:
        return None


def _read_int(module: nn.Module, name: str) -> int | None:
    value = _read(module, name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _lengths(value: Any, rank: int) -> tuple[int, ...] | None:
    """One int per spatial dimension from an int or a tuple; None from anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,) * rank
    if isinstance(value, (tuple, list)) and all(isinstance(v, int) for v in value):
        return tuple(value)
    return None
