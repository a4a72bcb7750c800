"""All of a model, and around it, that a look must leave as it was: as plain values to compare."""

from __future__ import annotations

import random
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from tests.sweep.digest import digest
from torch import Tensor, nn

State = Mapping[str, Any]


def state_of(model: nn.Module) -> State:
    """What there is to compare, by a name that says what it is and where."""
    state: dict[str, Any] = dict(_around())
    # iterating over a model's own methods would run its code; these are torch's registries
    for name, module in model.named_modules():
        state[f"{name}: training"] = module.training
        state[f"{name}: attributes"] = tuple(module.__dict__)
        state[f"{name}: class"] = (id(type(module)), id(type(module).forward))
        for key, value in module.__dict__.items():
            if "hooks" in key and isinstance(value, dict):
                state[f"{name}: {key}"] = [(at, id(hook)) for at, hook in value.items()]
        for key, tensor in (*module._parameters.items(), *module._buffers.items()):
            state[f"{name}.{key}"] = None if tensor is None else _tensor(tensor)
        if callable(getattr(type(module), "weight", None)):  # quantized: packed, in no registry
            state[f"{name}: packed"] = digest(module.weight())
    return state


def changed(before: State, after: State) -> list[str]:
    """The names of what is not the same, or is only in one of them."""
    names = dict.fromkeys((*before, *after))
    missing = object()
    return [name for name in names if before.get(name, missing) != after.get(name, missing)]


def _tensor(tensor: Tensor) -> dict[str, Any]:
    return {
        "object": id(tensor),
        "address": tensor.data_ptr(),
        "values": digest(tensor),
        "layout": (tensor.stride(), tensor.storage_offset(), str(tensor.device)),
        "version": tensor._version,
        "requires_grad": tensor.requires_grad,
        "is_leaf": tensor.is_leaf,
        "grad": None if not tensor.is_leaf or tensor.grad is None else digest(tensor.grad),
        "hooks": len(tensor._backward_hooks or ()),
    }


def _around() -> State:
    """What the whole process, or this thread, has set."""
    shared = nn.modules.module
    numpy = np.random.get_state(legacy=False)
    return {
        "random: torch": digest(torch.get_rng_state()),
        "random: numpy": zlib.crc32(repr(numpy).encode() + numpy["state"]["key"].tobytes()),
        "random: python": random.getstate(),
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "default dtype": torch.get_default_dtype(),
        "default device": str(torch.get_default_device()),
        "threads": torch.get_num_threads(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "quantized engine": torch.backends.quantized.engine,
        "function modes": torch._C._len_torch_function_stack(),
        "dispatch modes": torch._C._len_torch_dispatch_stack(),
        "hooks on all modules": [
            [(at, id(hook)) for at, hook in hooks.items()]
            for key, hooks in vars(shared).items()
            if key.startswith("_global_") and isinstance(hooks, dict)
        ],
    }
