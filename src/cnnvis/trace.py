"""What really ran in a forward pass, operation by operation.

Hooks see modules that are called. The operations underneath also tell of convolutions that are
called as functions, of weights that are used without a call of their module (attention's
projections, TorchScript), of outputs that a later operation overwrites, and of what each value
depends on. A dispatch mode sees them in this thread only, and leaves what they compute as it is.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils import _python_dispatch
from torch.utils._python_dispatch import TorchDispatchMode

from cnnvis.callers import NOWHERE, Caller, callers
from cnnvis.fields import Fields, ReceptiveField
from cnnvis.layers import Layer, find_layers, walk
from cnnvis.memory import available
from cnnvis.operation import Convolution, Schema, storage_of, tensors
from cnnvis.reading import Reading

_CONVOLUTIONS = {"aten::convolution", "aten::_convolution"}
_QUANTIZED = ("quantized::conv", "quantized::linear")
# operation -> where the first of its two factors stands among the arguments
_PRODUCTS = {"aten::mm": 0, "aten::bmm": 0, "aten::addmm": 1, "aten::baddbmm": 1, "aten::linear": 0}
_COPIES = {"aten::_to_copy", "aten::clone"}
_CONV_KINDS = ("conv", "conv_transpose")

_REGISTRIES = {"_parameters", "_buffers", "_modules"}

_NO_IMAGE = "The inputs are not images of one size."

# an output that takes fewer bytes is not worth asking the system about
_LARGE = 64 << 20

Take = Callable[[Layer, Tensor], None]


class Trace(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Watches one forward pass of a model, which has to run in its context.

    Args:
        model: The model.
        inputs: What it is given; every tensor in it is looked for.
        take: Called with a layer and what a call of it gave: what `called` is told of, and what no
            hook can tell of: for a convolution that is called as a function, with a `Layer` made
            up for it.

    Attributes:
        functional: The layers that were made up, by name.
        weights: What they convolved with in their first call, copied.
        bypassed: Names of layers that computed without being called as modules.
        used: Names of layers whose weights an operation read.
        in_place: From layer name to the operation that overwrote its output later on.
        macs: From layer name to its multiply-adds, over all calls and the whole batch.
        fields: From layer name to the receptive field of each call, None where it is not known.
        reasons: From layer name to why the field of a call is not known.
        images: How many images the inputs hold; 1 where they are not known to hold any.
        problem: What went wrong in watching; "" if nothing did. The pass itself is not disturbed.
        read: Whether the model looked at values, or drew random numbers outside of torch, so that
            another pass may take another course.
    """

    supports_higher_order_operators = True

    def __init__(self, model: nn.Module, inputs: Any, take: Take) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.functional: dict[str, Layer] = {}
        self.weights: dict[str, Tensor] = {}
        self.bypassed: set[str] = set()
        self.used: set[str] = set()
        self.in_place: dict[str, str] = {}
        self.macs: dict[str, int] = {}
        self.fields: dict[str, list[ReceptiveField | None]] = {}
        self.reasons: dict[str, str] = {}
        self.problem = ""
        self.read = False
        self._take = take
        self._drawn: Any = None
        self._watching = True
        self._flags: dict[str, bool] = {}
        self._reading = Reading(self._read)
        modules = [(name, module) for name, _, module in walk(model)]
        self._root = modules[0][1]
        self._names = {id(module): name for name, module in reversed(modules)}
        self._layers = {id(layer.module): layer for layer in find_layers(model)}
        # by the number of a storage; what is kept of it sees to it that it is not given out again
        self._owners: dict[int, Layer] = {}
        self._outputs: dict[int, str] = {}
        self._kept: list[StorageWeakRef] = []
        for layer in self._layers.values():
            for parameter in layer.module.parameters():
                self._note(self._owners, parameter, layer)
        self._sites: dict[Any, Layer] = {}
        self._schemas: dict[Any, Schema] = {}
        self._rank = _rank(self._layers.values())
        constants = list(_constants(module for _, module in modules))
        self._lasting = {storage_of(tensor) for tensor in constants}
        self._images = _images(inputs, self._rank)
        first = self._images[0] if self._images else None
        batched = first is not None and first.ndim == self._rank + 2
        self.images = max(len(first) if batched and first is not None else len(self._images), 1)
        images = {id(image) for image in self._images}
        others = [tensor for tensor in tensors(inputs) if id(tensor) not in images]
        self._fields = Fields(self._images, self._rank, [*constants, *others])

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # else the first operation imports all of torch._dynamo, which takes two seconds
        return False

    @property
    def repeats(self) -> bool:
        """Whether a pass of the same structure takes this course again, all of it through hooks."""
        return not (self.read or self.problem or self.functional or self.bypassed)

    def __enter__(self) -> Trace:
        self._flags = _flags()
        self._drawn = _drawn()
        self._reading.__enter__()
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *error: Any) -> None:
        """May be left twice, or without being entered: an interrupt can come within either."""
        try:
            if self in _python_dispatch._get_current_dispatch_mode_stack():
                super().__exit__(*error)  # type: ignore[no-untyped-call]
        except IndexError:  # it was cut off on its way out
            _python_dispatch._pop_mode()
        finally:
            vars(_python_dispatch).update(self._flags)
            self._reading.__exit__(*error)
            self.read |= self._drawn != _drawn()

    def release(self) -> None:
        """Lets go of whom it told, and of all that later passes have no use for."""
        self._take = _nobody
        self._fields = Fields([], self._rank)
        self._images = []

    def _read(self, tensor: Tensor, how: str) -> None:
        if self._watching:
            self.read = True
            try:
                self._fields.left(tensor, how)
            except Exception as error:
                self.problem = self.problem or f"{how}: {type(error).__name__}: {error}"

    def called(self, layer: Layer, output: Tensor) -> None:
        """To be told of every call that a hook saw, right after it."""
        watching, self._watching = self._watching, False  # what we do is none of the model's
        try:
            self._tell(layer, output)
        finally:
            self._watching = watching

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if not self._watching:
            return func(*args, **kwargs)
        schema = self._schemas.get(func)
        if schema is None:
            schema = self._schemas[func] = Schema.of(func)
        self.read |= schema.reads
        if schema.name in _CONVOLUTIONS:
            _check_room(Convolution.of(args), args[0])
        out = func(*args, **kwargs)
        self._watching = False  # what we do now is none of the model's
        try:
            self._see(schema, func, args, kwargs, out)
        except Exception as error:
            self.problem = self.problem or f"{schema.name}: {type(error).__name__}: {error}"
        finally:
            self._watching = True
        return out

    def _see(
        self, schema: Schema, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any
    ) -> None:
        for tensor in schema.written(args, kwargs):
            name = self._outputs.get(storage_of(tensor) or 0)
            if name is not None:
                self.in_place.setdefault(name, schema.name.partition("::")[2])
        owner: Layer | None = None
        for tensor in tensors(args):
            found = self._owners.get(storage_of(tensor) or 0)
            if found is not None:
                owner = found
                self.used.add(found.name)
        self._fields.follow(func, args, kwargs, out)
        if schema.name in _CONVOLUTIONS:
            self._convolved(Convolution.of(args), args[0], owner, out)
        elif schema.name in _PRODUCTS and owner is not None:
            factor: Tensor = args[_PRODUCTS[schema.name]]
            self._count(owner.name, out.numel() * factor.shape[-1])
        elif schema.name in _COPIES and owner is not None:
            self._note(self._owners, out, owner)  # autocast's cast weights
        elif schema.name.startswith(_QUANTIZED):
            caller = next(callers(), None)
            layer = self._layers.get(id(caller.module)) if caller is not None else None
            if layer is not None:
                weight: Tensor = args[1].unpack()[0]
                self._count(layer.name, out.numel() * weight.numel() // max(weight.shape[0], 1))

    def _convolved(self, conv: Convolution, x: Tensor, owner: Layer | None, out: Tensor) -> None:
        around: list[Caller] = []
        for caller in callers():
            layer = self._layers.get(id(caller.module))
            hooked = caller.called and not isinstance(caller.module, torch.jit.ScriptModule)
            if layer is not None and layer.kind in _CONV_KINDS and hooked:
                self._count(layer.name, conv.macs(x, out))
                return
            around.append(caller)
        if owner is not None and owner.kind in _CONV_KINDS:
            layer = owner
            self.bypassed.add(owner.name)
        else:
            layer = self._made_up(conv, around)
        self._count(layer.name, conv.macs(x, out))
        self._tell(layer, out)

    def _tell(self, layer: Layer, output: Tensor) -> None:
        try:
            self._locate(layer, output)
        except Exception as error:
            self.problem = self.problem or f"{layer.name}: {type(error).__name__}: {error}"
        self._take(layer, output)

    def _locate(self, layer: Layer, output: Tensor) -> None:
        field = None
        rank = len(layer.kernel_size or ()) or self._rank
        if self._images:
            field = self._fields.of(output, rank)
        if field is None:
            reason = self._fields.reason(output, rank) if self._images else _NO_IMAGE
            self.reasons.setdefault(layer.name, reason)
        self.fields.setdefault(layer.name, []).append(field)
        self._note(self._outputs, output, layer.name)

    def _made_up(self, conv: Convolution, around: Sequence[Caller]) -> Layer:
        """The layer for a convolution that no layer tells of: one for each place and weight."""
        innermost = around[0] if around else None
        registered = next((c.module for c in around if id(c.module) in self._names), self._root)
        weight = storage_of(conv.weight)
        line = innermost.line if innermost is not None else NOWHERE
        # a weight that is made anew for each call is told by the line that it is made for
        made_anew = weight not in self._lasting and line != NOWHERE
        site = (
            id(innermost.module) if innermost is not None else None,
            line if made_anew else weight,
            conv.weight.shape,
            (conv.stride, conv.padding, conv.dilation, conv.groups, conv.transposed),
        )
        if site not in self._sites:
            what = conv.function
            if innermost is not None and innermost.module is not registered:
                what = type(innermost.module).__name__  # of a plain list of modules
            inside = self._names[id(registered)]
            base = f"{inside}.{what}()" if inside else f"{what}()"
            taken = {*self.functional, *(layer.name for layer in self._layers.values())}
            name = next(
                name
                for name in (base, *(f"{base} {n}" for n in range(2, len(taken) + 3)))
                if name not in taken
            )
            layer = conv.as_layer(name, registered)
            self._sites[site] = self.functional[name] = layer
            self.weights[name] = conv.weight.detach().clone()
            self._note({}, conv.weight, None)
        return self._sites[site]

    def _count(self, name: str, macs: int) -> None:
        self.macs[name] = self.macs.get(name, 0) + macs

    def _note(self, what: dict[int, Any], tensor: Tensor, value: Any) -> None:
        number = storage_of(tensor)
        if number is not None:
            what[number] = value
            kept = StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
            self._kept.append(kept)


def _nobody(layer: Layer, output: Tensor) -> None:
    """Takes nothing."""


def _drawn() -> Any:
    """Where Python's and NumPy's random numbers are."""
    numpy = np.random.get_state(legacy=False)
    return random.getstate(), repr({**numpy, "state": None}), _bytes_of(numpy["state"])


def _bytes_of(state: Mapping[str, Any]) -> list[Any]:
    return [each.tobytes() if isinstance(each, np.ndarray) else each for each in state.values()]


def _flags() -> dict[str, bool]:
    """What torch notes of the modes that are on, beside their stack."""
    return {name: flag for name, flag in vars(_python_dispatch).items() if isinstance(flag, bool)}


def _rank(layers: Iterable[Layer]) -> int:
    """How many spatial dimensions the first convolution has; 2 where there is none."""
    return next((len(la.kernel_size or ()) or 2 for la in layers if la.kind in _CONV_KINDS), 2)


def _images(inputs: Any, rank: int) -> list[Tensor]:
    """The inputs that lie on one lattice of pixels; none where there is no such lattice."""
    candidates = [tensor for tensor in tensors(inputs) if tensor.ndim > rank]
    if not candidates:
        return []
    shape = candidates[0].shape
    alike = [t for t in candidates if t.ndim == len(shape) and t.shape[:-rank] == shape[:-rank]]
    if any(tensor.shape != shape for tensor in alike):
        return []
    return [tensor for tensor in candidates if tensor.shape[-rank:] == shape[-rank:]]


def _constants(modules: Iterable[nn.Module]) -> Iterator[Tensor]:
    """What the modules hold: parameters, buffers, and tensors among their plain attributes."""
    for module in modules:
        yield from module.parameters(recurse=False)
        yield from module.buffers(recurse=False)
        if not isinstance(module, torch.jit.ScriptModule):
            for name, value in vars(module).items():
                if name not in _REGISTRIES:
                    yield from tensors(value, depth=3)


def _check_room(conv: Convolution, x: Tensor) -> None:
    """Refuses an output that the system could only make by ending the process.

    Raises:
        MemoryError: Twice its size is not there: what computes it needs room of its own.
    """
    if x.device.type != "cpu" or x.ndim != conv.weight.ndim:
        return
    shape = conv.output_shape(x)
    size = math.prod(shape) * x.element_size()
    if size < _LARGE:
        return
    left = available()
    if left is not None and 2 * size > left:
        raise MemoryError(
            f"{conv.function} would give {shape}, {size / 2**30:.1f} GiB, and needs as much again to "
            f"compute it, of which {left / 2**30:.1f} GiB are left; pass a smaller image"
        )
