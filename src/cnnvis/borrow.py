"""A model while it is looked at: what a look changes on it, and all of it put back.

An interrupt can come between any two lines, so putting back is a method that may be called twice and
goes on where it was cut off, hooks are found by their class and not by handles that may never have
been noted, and a hook that is left over all the same does nothing.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# Two looks at once would put back each other's flags: one at a time, in the whole process. A look
# that starts another one (a layer that uses cnnvis) may.
LOOKING = threading.RLock()

Seen = Callable[[nn.Module, Any], None]


class Borrowed:
    """The flags, hooks, buffers and random states of a model, as they were when this was made.

    Args:
        modules: All modules of the model, each once.

    Attributes:
        finished: To be set once the forward pass has ended. One that was cut off may have written
            into a buffer without counting its version.
        replaced: Names of buffers that the model put other tensors in the place of; they are left,
            as the model may have noted elsewhere what they were made for.
    """

    def __init__(self, modules: Iterable[tuple[str, nn.Module]]) -> None:
        self.finished = False
        self.replaced: list[str] = []
        self._live = True
        self._is_given_back = False
        self._contexts: list[AbstractContextManager[Any]] = []
        self._gradients = torch.is_grad_enabled()
        self._modules = list(modules)
        self._training = [module for _, module in self._modules if _flag(module)]
        self._places = [
            (name, module, key, buffer)
            for name, module in self._modules
            for key, buffer in _buffers(module).items()
        ]
        self._buffers = [buffer for _, _, _, buffer in self._places]
        self._versions = list(map(_version, self._buffers))
        self._copies = _Copies(self._buffers)
        self._devices = sorted(self._gpus()) if _has_gpus() else []
        self._random = (
            torch.get_rng_state(),
            [torch.cuda.get_rng_state(device) for device in self._devices],
            np.random.get_state(),
            random.getstate(),
        )

    def eval(self) -> None:
        """Gradients off, and every module's `training` flag; no `eval()` of the user's is called."""
        torch.set_grad_enabled(False)
        for module in self._training:
            module.training = False

    def watch(self, module: nn.Module, seen: Seen) -> None:
        """Calls seen(module, output) after each call of the module by this thread."""
        module.register_forward_hook(_Hook(self, seen))

    def enter(self, context: AbstractContextManager[Any]) -> None:
        """Enters a context, which is left when the model is given back.

        It must bear to be left without being entered, and twice: no interrupt finds the moment
        between what it does and the note that it did.
        """
        self._contexts.append(context)
        context.__enter__()

    @property
    def live(self) -> bool:
        """Whether the model is not given back yet."""
        return self._live

    def give_back(self) -> None:
        """All as it was. May be called again, also after it was cut off."""
        if self._is_given_back:
            return
        self._live = False
        for context in reversed(self._contexts):
            context.__exit__(None, None, None)
        torch.set_grad_enabled(self._gradients)
        for _, module in self._modules:
            hooks: dict[int, Any] = module.__dict__.get("_forward_hooks") or {}
            for key, hook in list(hooks.items()):
                # of this look, and whatever an earlier one could not take away
                if isinstance(hook, _Hook) and not hook.borrowed.live:
                    hooks.pop(key, None)
        for module in self._training:
            module.training = True
        self.replaced = [
            f"{name}.{key}" if name else key
            for name, module, key, buffer in self._places
            if not _is_held(module, key, buffer)
        ]
        versions = list(map(_version, self._buffers))
        if not self.finished or versions != self._versions:
            self._write_back(versions)
        torch.set_rng_state(self._random[0])
        for device, state in zip(self._devices, self._random[1], strict=True):
            torch.cuda.set_rng_state(state, device)
        np.random.set_state(self._random[2])
        random.setstate(self._random[3])
        self._is_given_back = True

    def _write_back(self, versions: Sequence[int | None]) -> None:
        """Back into the buffers that the pass wrote into; into all of them where it was cut off."""
        for index, (buffer, version) in enumerate(zip(self._buffers, versions, strict=True)):
            written = version != self._versions[index]
            if (written or not self.finished) and (copy := self._copies.of(index)) is not None:
                if buffer.shape == copy.shape:
                    buffer.data.copy_(copy)
                else:  # an observer's, which grows with what it has seen
                    buffer.data = copy.clone()

    def _gpus(self) -> set[int]:
        return {
            t.device.index for _, module in self._modules for t in _tensors(module) if t.is_cuda
        }


class _Hook:
    """A forward hook for one thread and one look. Returns nothing: that would replace the output."""

    def __init__(self, borrowed: Borrowed, seen: Seen) -> None:
        self.borrowed = borrowed
        self._seen = seen
        self._thread = threading.get_ident()

    def __call__(self, module: nn.Module, args: Any, output: Any) -> None:
        # another thread may run the model at the same time
        if self.borrowed.live and threading.get_ident() == self._thread:
            self._seen(module, output)

    def __deepcopy__(self, memo: Any) -> _Hook:
        # a model that copies a part of itself in its forward copies this along: it stays ours
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (_nothing, ())


def _nothing() -> Callable[..., None]:
    """What a hook is once it was pickled along with the model."""
    return lambda module, args, output: None


def _has_gpus() -> bool:
    """Whether a tensor can be on one: nobody made one there before CUDA was initialized."""
    started: bool = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return started


def _flag(module: nn.Module) -> bool:
    try:
        return bool(module.training)
    except Exception:  # frozen TorchScript has none
        return False


def _tensors(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(recurse=False), *_buffers(module).values()]


def _buffers(module: nn.Module) -> dict[str, Tensor]:
    if isinstance(module, torch.jit.ScriptModule):
        return dict(module.named_buffers(recurse=False))
    buffers = module.__dict__.get("_buffers")
    if not buffers:
        return {}
    return {key: buffer for key, buffer in buffers.items() if isinstance(buffer, Tensor)}


def _is_held(module: nn.Module, key: str, buffer: Tensor) -> bool:
    """Whether a buffer of the module is still that tensor."""
    own = module.__dict__.get("_buffers")
    if own is None or isinstance(module, torch.jit.ScriptModule):
        own = _buffers(module)
    return own.get(key) is buffer


def _version(buffer: Tensor) -> int | None:
    # tensors made in inference mode count no versions; nothing can write into them but there
    return None if buffer.is_inference() else buffer._version


class _Copies:
    """The values of buffers; those of one kind in one piece, as most are of a few numbers.

    Args:
        buffers: They are only read.
    """

    def __init__(self, buffers: Sequence[Tensor]) -> None:
        kinds: dict[tuple[torch.dtype, torch.device], list[int]] = {}
        self._alone: dict[int, Tensor | None] = {}
        self._places: dict[int, tuple[Tensor, int, torch.Size]] = {}  # piece, offset, shape
        for index, buffer in enumerate(buffers):
            plain = type(buffer) is Tensor and buffer.layout == torch.strided
            if plain and not (buffer.is_meta or buffer.is_quantized):
                kinds.setdefault((buffer.dtype, buffer.device), []).append(index)
            else:
                self._alone[index] = _copy(buffer)
        for kind in kinds.values():
            try:
                flat = [
                    buffers[i] if buffers[i].ndim == 1 else buffers[i].reshape(-1) for i in kind
                ]
                piece = torch.cat(flat).detach()
            except Exception:  # one of them has no values, or there is no room for all
                self._alone.update({index: _copy(buffers[index]) for index in kind})
                continue
            offset = 0
            for index in kind:
                self._places[index] = piece, offset, buffers[index].shape
                offset += buffers[index].numel()

    def of(self, index: int) -> Tensor | None:
        """The values of one of them; None where they could not be had."""
        if index not in self._places:
            return self._alone[index]
        piece, offset, shape = self._places[index]
        return piece[offset : offset + shape.numel()].view(shape)


def _copy(buffer: Tensor) -> Tensor | None:
    """The values, or None where they cannot be had: a meta tensor, one split over processes."""
    try:
        return None if buffer.is_meta else buffer.detach().clone()
    except Exception:
        return None
