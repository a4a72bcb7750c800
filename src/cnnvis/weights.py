"""The weights of a layer as they are now, read without changing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils.prune import BasePruningMethod

from cnnvis.layers import check_model, kind_of, parametrizations, type_name, unwrap, walk


def filters(module: nn.Module, *, copy: bool = True) -> Tensor:
    """The weights of a layer as they are now, one filter per output channel.

    Reading leaves the module as it was: parametrizations (spectral norm's power iteration too) are
    computed as in evaluation, without gradients; weights that torch only renews in the next forward
    pass (pruning, the older weight and spectral norms) are computed from what they are made of.

    Args:
        module: A convolution, transposed convolution or Linear, on any device.
        copy: Whether the result is the caller's own. False: it may be the module's own memory, to be
            read at once.

    Returns:
        A copy on the CPU in the module's dtype (float32 where it is quantized), contiguous:
        (out_channels, in_channels / groups, *kernel), of a Linear (out_features, in_features). A
        transposed convolution's taps are not mirrored: tap (y, x) adds to the output that lies
        (y, x) further.

    Raises:
        TypeError: module is no module, or of kind `"other"`.
        ValueError: its weights are not initialized yet, on the meta device, or split over
            processes.
    """
    check_model(module)
    module = unwrap(module)
    kind, name = kind_of(module), type_name(module)
    if kind == "other":
        raise TypeError(
            "filters: the module must be a convolution, a transposed convolution or a Linear, "
            f"received {name}; find_layers(model) lists those of a model"
        )
    weight = _tensor(module, "weight")
    if is_lazy(weight):
        raise ValueError(
            f"filters: the weights must be initialized, received a lazy {name}; "
            "run the model once on its real input, then ask again"
        )
    if weight.is_meta:
        raise ValueError(
            f"filters: the weights must hold values, received a {name} on the meta device; "
            "load them with model.to_empty(device='cpu') and load_state_dict"
        )
    if hasattr(weight, "full_tensor"):
        raise ValueError(
            f"filters: the weights must lie in one process, received a {name} that is split over "
            "several (DTensor); gather them with full_tensor() on every rank first"
        )
    if weight.is_quantized:
        weight = weight.dequantize()
    plain = type(weight) in (Tensor, nn.Parameter) and weight.layout == torch.strided
    if copy or not plain or not weight.is_cpu:
        weight = torch.empty(weight.shape, dtype=weight.dtype, device="cpu").copy_(weight)
    weight = weight.detach()
    return by_filter(weight, cast(int, module.groups)) if kind == "conv_transpose" else weight


def bias(module: nn.Module) -> Tensor | None:
    """What a layer adds to each output channel as it is now, read as `filters` reads the weights.

    Returns:
        Float32 (out_channels,) on the CPU; None where the layer adds nothing, or it cannot be read.
    """
    module = unwrap(module)
    if getattr(module, "bias", None) is None:
        return None
    found = _tensor(module, "bias")
    if not isinstance(found, Tensor) or is_lazy(found) or hasattr(found, "full_tensor"):
        return None
    if found.is_meta or found.ndim != 1 or found.is_complex():
        return None
    return (found.dequantize() if found.is_quantized else found).to("cpu", torch.float32, copy=True)


def by_filter(weight: Tensor, groups: int) -> Tensor:
    """A transposed convolution's weight (in, out / groups, *kernel) as (out, in / groups, *kernel).

    The groups lie one after the other along the inputs.
    """
    taken, given, *kernel = weight.shape
    split = weight.reshape(groups, taken // groups, given, *kernel)
    return split.transpose(1, 2).reshape(groups * given, taken // groups, *kernel)


def _tensor(module: nn.Module, name: str) -> Tensor:
    """A parameter as the next forward pass in evaluation would see it; may share its memory."""
    made_by = parametrizations(module).get(name)
    if made_by is not None:
        # not the attribute: inside parametrize.cached() that would leave a tensor without
        # gradient in the cache that training uses
        with _evaluating(made_by):
            return cast(Tensor, made_by()).detach()
    hook: Any  # torch's own, untyped
    for hook in list(module._forward_pre_hooks.values()):
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return cast(Tensor, hook.apply_mask(module)).detach()  # type: ignore[no-untyped-call]
        if getattr(hook, "name", None) != name:
            continue
        if type(hook).__name__ == "SpectralNorm":
            return cast(Tensor, hook.compute_weight(module, do_power_iteration=False)).detach()
        if type(hook).__name__ == "WeightNorm":
            return cast(Tensor, hook.compute_weight(module)).detach()
    tensor: Any = getattr(module, name)
    if callable(tensor):  # a quantized module's
        tensor = tensor()
    return cast(Tensor, tensor if tensor is None or is_lazy(tensor) else tensor.detach())


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Each module's flag for itself: a user's train() and frozen submodules stay as they were."""
    flags = [(m, m.training) for _, _, m in walk(module)]
    try:
        for m, _ in flags:
            m.training = False
        yield
    finally:
        for m, training in flags:
            m.training = training
