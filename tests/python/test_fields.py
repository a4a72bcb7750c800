"""Fields against what really happens to a unit when pixels change, and against published figures."""

from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from cnnvis.fields import Fields, ReceptiveField


class Follow(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Tells `Fields` of every operation."""

    def __init__(self, fields: Fields) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.fields = fields
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.fields.follow(func, args, kwargs or {}, out)
        self.count += 1
        return out


# Independent evidence: rows and columns of a constant image are changed, one by one, and it is seen
# which units change. All weights are positive, so nothing cancels.

SIZE = (30, 33)

Net = Callable[[Tensor], Sequence[Tensor]]


@dataclass
class Proof:
    """What was compared."""

    units: int = 0
    tight: int = 0
    maps: int = 0
    unknown: Counter[str] = field(default_factory=Counter)


def positive(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed * 7919 + sum(shape))
    weight = torch.rand(shape, generator=generator, dtype=torch.float64) + 0.5
    return weight / max(1, weight[0].numel())


def changed(
    net: Callable[[Tensor], Sequence[Tensor]], size: Sequence[int]
) -> list[tuple[Tensor, list[Tensor]]]:
    """For each map its values, and for each image axis whether a row changes a unit: (rows, *map)."""
    base = torch.ones(1, 3, *size, dtype=torch.float64)
    base = base * (1 + torch.arange(3, dtype=torch.float64)).view(1, 3, *[1] * len(size))
    before = net(base)
    found: list[list[Tensor]] = [[] for _ in before]
    for axis, length in enumerate(size):
        hits = [torch.zeros(length, *out.shape[2:], dtype=torch.bool) for out in before]
        for step in (1e-2, 3.0, 1e4):
            image = base.repeat(length, 1, *[1] * len(size))
            rows = image.movedim(2 + axis, 1)
            for row in range(length):
                rows[row, row] += step * (
                    1 + torch.arange(3, dtype=torch.float64).view(3, *[1] * (len(size) - 1))
                )
            for out, old, hit in zip(net(image), before, hits, strict=True):
                scale = old.abs().amax().clamp(min=1e-300)
                hit |= ((out - old).abs() > 1e-9 * scale).flatten(1, 1).any(1)
        for own, hit in zip(found, hits, strict=True):
            own.append(hit)
    return list(zip(before, found, strict=True))


def prove(net: Net, size: Sequence[int], proof: Proof) -> None:
    """Compares the fields of all maps (1, channels, ...) that a net gives with what changes them."""
    rank = len(size)
    image = torch.ones(1, 3, *size, dtype=torch.float64)
    fields = Fields([image], rank)
    with torch.no_grad():
        with Follow(fields):
            maps = net(image)
        evidence = changed(net, size)
    margin = 0.0
    for out, (values, rows) in zip(maps, evidence, strict=True):
        known = fields.of(out, rank)
        proof.maps += 1
        if known is None:
            proof.unknown[fields.reason(out, rank)] += 1
            continue
        margin = max(margin, *known.stride)
        # what is left over where strides do not divide counts as if the image went on, and so do
        # the borders of a resampled map
        compare(known, values, rows, size, int(2.5 * margin) + 1, proof)


def compare(
    known: ReceptiveField,
    values: Tensor,
    rows: Sequence[Tensor],
    size: Sequence[int],
    margin: int,
    proof: Proof,
) -> None:
    """A field holds whatever changes a unit, and away from borders no more."""
    shape = values.shape[2:]
    chosen = random.Random(0)
    units = {(0,) * len(shape), tuple(n - 1 for n in shape)}
    units |= {tuple(chosen.randrange(n) for n in shape) for _ in range(24)}
    for unit in sorted(units):
        exact, theory = known.unit(unit), known.unit(unit, clip=False)
        inside = all(
            r.start >= margin and r.stop <= n - margin
            for r, n, stride in zip(theory, size, known.stride, strict=True)
            if stride
        )
        place: Any = (slice(None), *unit)
        alive = bool((values[0][place] != 0).any())  # no gap, that a gate leaves at 0
        for axis, (inner, outer) in enumerate(zip(exact, theory, strict=True)):
            hits = rows[axis][place].nonzero().flatten().tolist()
            where = f"unit {unit}, axis {axis}, field {outer}, changed by {hits}, {known}"
            assert set(hits) <= set(inner), where
            assert len(outer) <= known.size[axis], where
            if known.regular and outer:
                begin = (known.start[axis] + known.stride[axis] * unit[axis] + 1e-6) // 1
                assert begin <= outer[0], where
                assert outer[-1] <= begin + known.size[axis] - 1, where
            if known.whole[axis] and inner:
                assert inner == range(size[axis]), where
            if inside and alive and known.stride[axis]:
                proof.tight += 1
                assert (hits[:1], hits[-1:]) == ([*inner[:1]], [*inner[-1:]]), where
        proof.units += 1


# random graphs of operations

Op = Callable[[random.Random, Sequence[Tensor], int], Tensor]
OPS: dict[str, Op] = {}


def op(function: Op) -> Op:
    OPS[function.__name__] = function
    return function


def one(r: random.Random, maps: Sequence[Tensor]) -> Tensor:
    return maps[max(r.randrange(len(maps)), r.randrange(len(maps)))]


@op
def conv(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    groups = r.choice([g for g in (1, 1, 2, x.shape[1]) if x.shape[1] % g == 0])
    k, d = [r.randint(1, 4), r.randint(1, 3)], [r.randint(1, 2), r.randint(1, 3)]
    # no unit reads nothing but padding
    padding = [r.randint(0, (size - 1) * step // 2) for size, step in zip(k, d, strict=True)]
    out = groups * r.randint(1, 2)
    return F.conv2d(
        x,
        positive(out, x.shape[1] // groups, *k, seed=seed),
        stride=[r.randint(1, 3), r.randint(1, 2)],
        padding=padding,
        dilation=d,
        groups=groups,
    )


@op
def turned(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    stride = r.randint(1, 3)
    groups = r.choice([1, x.shape[1]])
    return F.conv_transpose2d(
        x,
        positive(x.shape[1], r.randint(1, 2), r.randint(1, 4), r.randint(1, 3), seed=seed),
        stride=stride,
        padding=r.randint(0, 1),
        output_padding=r.randint(0, stride - 1),
        dilation=r.randint(1, 2) if stride > 1 else 1,
        groups=groups,
    )


@op
def pool(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    k = r.randint(2, 4)
    return F.max_pool2d(
        one(r, maps),
        k,
        r.choice([None, 1, 2]),
        r.randint(0, k // 2),
        r.randint(1, 2),
        r.random() < 0.5,
    )


@op
def average(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    k = r.randint(2, 4)
    return F.avg_pool2d(
        one(r, maps), k, r.choice([None, 1, 2]), r.randint(0, k // 2), r.random() < 0.5
    )


@op
def adaptive(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    return F.adaptive_avg_pool2d(one(r, maps), (r.randint(1, 7), r.randint(2, 9)))


@op
def resize(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    mode = r.choice(["nearest", "nearest-exact", "bilinear", "bilinear", "bicubic"])
    align = r.choice([None, True, False]) if mode in ("bilinear", "bicubic") else None
    aa = mode in ("bilinear", "bicubic") and not align and r.random() < 0.2
    if r.random() < 0.5:
        return F.interpolate(
            x, scale_factor=r.choice([2, 1.5, 0.5, 3]), mode=mode, align_corners=align, antialias=aa
        )
    return F.interpolate(
        x, size=(r.randint(3, 30), r.randint(3, 30)), mode=mode, align_corners=align, antialias=aa
    )


@op
def back(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    """As the decoder of a U-Net: to the size of an earlier map, and joined with it."""
    x, y = one(r, maps), maps[r.randrange(len(maps))]
    return torch.cat(
        (F.interpolate(x, size=y.shape[2:], mode=r.choice(["nearest", "bilinear"])), y), 1
    )


@op
def join(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    same = [y for y in maps if y.shape[2:] == x.shape[2:]]
    return torch.cat([x, *r.sample(same, min(len(same), r.randint(1, 3)))], 1)


@op
def add(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    same = [y for y in maps if y.shape[2:] == x.shape[2:]]
    y = r.choice(same)
    return x + (y if y.shape == x.shape else y.mean(1, keepdim=True))


@op
def in_place(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    y = r.choice([y for y in maps if y.shape[2:] == x.shape[2:]])
    return x.clone().add_(y.sum(1, keepdim=True)).relu_()


@op
def part(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    return x[
        :, :, r.randint(0, 1) : x.shape[2] - r.randint(0, 1), r.randint(0, 1) :: r.randint(1, 2)
    ]


@op
def halves(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    return r.choice(one(r, maps).chunk(2, 1))


@op
def shuffle(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    x = torch.cat((x, x.flip(1)), 1) if x.shape[1] % 2 else x
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


@op
def to_space(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    x = F.conv2d(x, positive(8, x.shape[1], 1, 1, seed=seed))
    if r.random() < 0.5:
        return F.pixel_shuffle(x, 2)
    n, _, h, w = x.shape
    return x.view(n, 2, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, 2, 2 * h, 2 * w)


@op
def to_depth(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    x = x[:, :, : x.shape[2] // 2 * 2, : x.shape[3] // 2 * 2]
    kind = r.randrange(3)
    if kind == 0:
        return F.pixel_unshuffle(x, 2)
    if kind == 1:
        return torch.cat(
            [x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1
        )
    n, c, h, w = x.shape
    x = x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 1, 3, 5, 2, 4)
    return x.reshape(n, 4 * c, h // 2, w // 2)


@op
def gate(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    s = F.adaptive_avg_pool2d(x, 1) if r.random() < 0.5 else x.mean((2, 3), keepdim=True)
    s = F.conv2d(s, positive(x.shape[1], x.shape[1], 1, 1, seed=seed))
    return x * (s / (1 + s))


@op
def layer_norm(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    x = F.conv2d(x, positive(3, x.shape[1], 1, 1, seed=seed)) + torch.tensor(
        [0.3, 0.1, 0.7], dtype=torch.float64
    ).view(3, 1, 1)
    return F.layer_norm(x.permute(0, 2, 3, 1), (3,)).permute(0, 3, 1, 2) + 2


@op
def windows(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    """Attention within windows, rolled as Swin does or not."""
    x = one(r, maps)
    k = 2
    x = x[:, :, : x.shape[2] // k * k, : x.shape[3] // k * k]
    move = r.randint(0, 1)
    x = x.roll((-move, -move), (2, 3)) if move else x
    n, c, h, w = x.shape
    t = x.view(n, c, h // k, k, w // k, k).permute(0, 2, 4, 3, 5, 1).reshape(-1, k * k, c)
    a = (0.01 * t @ t.transpose(1, 2)).softmax(-1) @ t + t
    x = a.view(n, h // k, w // k, k, k, c).permute(0, 5, 1, 3, 2, 4).reshape(n, c, h, w)
    return x.roll((move, move), (2, 3)) if move else x


@op
def attention(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    x = F.avg_pool2d(x, 4) if x.shape[2] * x.shape[3] > 200 else x
    n, c, h, w = x.shape
    t = x.flatten(2).transpose(1, 2)
    if r.random() < 0.5:
        t = torch.cat((t[:, :1] * 0 + 1, t), 1)
        t = (
            F.scaled_dot_product_attention(0.1 * t[:, None], 0.1 * t[:, None], t[:, None])[:, 0] + t
        )[:, 1:]
    else:
        t = t + F.scaled_dot_product_attention(0.1 * t[:, None], 0.1 * t[:, None], t[:, None])[:, 0]
    return t.transpose(1, 2).reshape(n, c, h, w)


@op
def border(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    widths = [r.randint(0, 2) for _ in range(4)]
    return F.pad(x, widths, r.choice(["constant", "reflect", "replicate", "circular"]))


@op
def bordered_conv(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = F.pad(one(r, maps), [r.randint(0, 2) for _ in range(4)], r.choice(["reflect", "replicate"]))
    return F.conv2d(x, positive(2, x.shape[1], 3, 5, seed=seed), stride=r.randint(1, 2))


@op
def deep(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    """More channels that read nothing, as in a parameter-free shortcut."""
    return F.pad(one(r, maps)[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1))


@op
def rows_of(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    columns = F.unfold(x, 3, padding=1, stride=2)
    return columns.view(x.shape[0], -1, (x.shape[2] + 1) // 2, (x.shape[3] + 1) // 2)


@op
def written(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    y = x.clone()
    kind = r.randrange(4)
    if kind == 0:
        y[:, : x.shape[1] // 2] = F.avg_pool2d(x, 3, 1, 1)[:, : x.shape[1] // 2]
    elif kind == 1:
        y[:, 0] *= 2
    elif kind == 2:
        y[:, :, 1:] += F.max_pool2d(x, (3, 1), 1, (1, 0))[:, :, :-1]
    else:
        y = x.new_zeros((x.shape[0], x.shape[1], x.shape[2] + 2, x.shape[3] + 1))
        y[:, :, 1:-1, :-1] = x
    return y


@op
def turned_around(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    return (
        x.flip(r.choice([2, 3])) if r.random() < 0.5 else x.roll(r.randint(1, 3), r.choice([2, 3]))
    )


@op
def cut_and_joined(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    top, bottom = x[:, :, : x.shape[2] // 2], x[:, :, x.shape[2] // 2 :]
    return torch.cat((F.avg_pool2d(top, 3, 1, 1), bottom), 2)


@op
def tiled(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = F.avg_pool2d(one(r, maps), 3)
    return x.repeat(1, 1, 2, 1) if r.random() < 0.5 else x.repeat_interleave(2, 3)


@op
def overlapping(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    """Windows of rows that overlap, one below the other."""
    x = F.avg_pool2d(one(r, maps), 2)
    n, c, _, w = x.shape
    return x.unfold(2, 3, r.randint(1, 3)).transpose(3, 4).reshape(n, c, -1, w)


@op
def norm(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    x = one(r, maps)
    return F.group_norm(x, r.choice([1, x.shape[1]])) + 3


@op
def maximum(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    return one(r, maps).amax(1, keepdim=True) + one(r, maps).mean((1, 2, 3), keepdim=True)


@op
def running(r: random.Random, maps: Sequence[Tensor], seed: int) -> Tensor:
    """Nothing that a field could be told of, until a later operation takes it all."""
    x = one(r, maps)
    return x.cumsum(2) / x.shape[2]


def graph(plan: Sequence[tuple[str, int]]) -> Callable[[Tensor], list[Tensor]]:
    """A net of these operations, each with a number that says how; its maps are what they give."""

    def net(x: Tensor) -> list[Tensor]:
        maps = [x]
        for number, (name, seed) in enumerate(plan):
            try:
                made = OPS[name](random.Random(seed), maps, number)
            except (RuntimeError, ValueError, IndexError):
                continue  # a kernel that does not fit
            if 0 < made[0].numel() <= 4000:
                maps.append(made)
        return maps[1:]

    return net


PLANS = st.lists(
    st.tuples(st.sampled_from(sorted(OPS)), st.integers(0, 2**16)), min_size=1, max_size=5
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(PLANS)
def test_fields_of_random_nets_hold_what_changes_a_unit_and_no_more(
    plan: list[tuple[str, int]],
) -> None:
    prove(graph(plan), SIZE, Proof())


def test_most_fields_of_random_nets_are_known() -> None:
    proof = Proof()

    # the same plans each time, so that what is counted does not depend on chance
    @settings(
        max_examples=70,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
    )
    @given(PLANS)
    def run(plan: list[tuple[str, int]]) -> None:
        prove(graph(plan), SIZE, proof)

    run()
    print(proof)
    assert proof.units > 1500
    assert proof.tight > 500
    assert sum(proof.unknown.values()) < 0.25 * proof.maps, proof.unknown


# these make maps whose rows follow different rules
RAGGED = {"running", "cut_and_joined"}


@pytest.mark.parametrize("name", sorted(set(OPS) - RAGGED))
def test_the_field_of_every_operation_is_exact(name: str) -> None:
    proof = Proof()
    for seed in range(4):
        prove(graph([("conv", 5 * seed), (name, seed), ("conv", seed + 1)]), SIZE, proof)
    assert not proof.unknown
    assert proof.units > 50


def test_the_proof_can_fail() -> None:
    """A field that is one pixel too small or too large is found."""
    proof = Proof()
    image = torch.ones(1, 3, 20, 20, dtype=torch.float64)
    weight = positive(2, 3, 3, 3)
    [(values, rows)] = changed(lambda x: [F.conv2d(x, weight)], (20, 20))
    for kernel in (2, 3, 4):
        fields = Fields([image], 2)
        with Follow(fields):
            other = F.conv2d(image, positive(2, 3, kernel, kernel))[..., :17, :17]
        known = fields.of(other, 2)
        assert known is not None
        if kernel == 3:
            compare(
                known, values[..., :17, :17], [r[..., :17, :17] for r in rows], (20, 20), 1, proof
            )
        else:
            with pytest.raises(AssertionError, match="unit"):
                compare(known, values, rows, (20, 20), 1, proof)


# Real models: pixels that are not a number make everything that is computed from them no number.

PLAIN = "resnet18 resnet50 vgg16:64 densenet121 googlenet inception_v3 mobilenet_v2 squeezenet1_1 "
PLAIN += "mnasnet0_5 shufflenet_v2_x0_5 regnet_x_400mf alexnet:128 fcn_resnet50:64"
GATED = "mobilenet_v3_small efficientnet_b0 regnet_y_400mf deeplabv3_resnet50:64 "
GATED += "lraspp_mobilenet_v3_large convnext_tiny swin_t:224 swin_v2_t vit_b_32:224"


def build(name: str) -> nn.Module:
    options: dict[str, Any] = {"weights": None}
    if name.startswith(("fcn", "deeplab", "lraspp")):
        options["weights_backbone"] = None
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False
    torch.manual_seed(0)
    return torchvision.models.get_model(name, **options).eval()


@dataclass
class Seen:
    """What a layer gave in its first call."""

    name: str
    module: nn.Module
    known: ReceptiveField | None
    reason: str
    shape: tuple[int, ...]


def look(model: nn.Module, image: Tensor, spatial: int = 2) -> list[Seen]:
    """The fields of all parts of a model that have weights."""
    fields = Fields([image], spatial, [*model.parameters(), *model.buffers()])
    seen: dict[str, Seen] = {}

    def note(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, _: Any, out: Any) -> None:
            out = out[0] if isinstance(out, tuple) else out  # attention gives weights as well
            if name not in seen:
                shape = tuple(out.shape)
                found = fields.of(out, spatial)
                seen[name] = Seen(name, module, found, fields.reason(out, spatial), shape)

        return hook

    hooks = [
        module.register_forward_hook(note(name))
        for name, module in model.named_modules()
        if list(module.parameters(recurse=False))
    ]
    with torch.no_grad(), Follow(fields):
        model(image)
    for handle in hooks:
        handle.remove()
    return list(seen.values())


class Enough(Exception):
    pass


@pytest.mark.parametrize("spec", [*PLAIN.split(), *GATED.split()])
def test_fields_of_torchvisions_models_are_exact(spec: str) -> None:
    name, _, given_size = spec.partition(":")
    size = int(given_size or 96)
    model = build(name)
    image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    seen = look(model, image)
    unknown = {s.name: s.reason for s in seen if s.known is None}
    unknown = {n: r for n, r in unknown.items() if r != "It does not depend on the image."}
    # before the first attention, tokens are no map: one of them is a constant
    assert list(unknown) == ([seen[1].name] if name == "vit_b_32" else [])

    picked = []
    for s in seen:
        if s.known is None or len(s.shape) != 4 or any(s.known.whole) or not s.known.regular:
            continue
        if s.shape[1] == s.shape[2] or s.shape[3] < 3:  # channels last
            continue
        unit = (s.shape[2] // 2, s.shape[3] // 2)
        field = s.known.unit(unit)
        if s.known.unit(unit, clip=False) == field and len(field[0]) > 1:
            picked.append((s, unit, field))
    picked = random.Random(0).sample(picked, min(3, len(picked)))
    assert picked
    images = []
    for _, _, (rows, columns) in picked:
        y, x = slice(rows.start, rows.stop), slice(columns.start, columns.stop)
        outside = torch.full_like(image[0], torch.nan)
        outside[:, y, x] = image[0, :, y, x]
        images.append(outside)
        for axis, line in ((1, y.start), (1, y.stop - 1), (2, x.start), (2, x.stop - 1)):
            border = image[0].clone()
            border.select(axis, line).fill_(torch.nan)
            images.append(border)
    left = {s.name for s, _, _ in picked}
    outs: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, _: Any, out: Tensor) -> None:
            outs.setdefault(name, out.clone())
            left.discard(name)
            if not left:
                raise Enough

        return hook

    for s, _, _ in picked:
        s.module.register_forward_hook(keep(s.name))
    with torch.no_grad(), pytest.raises(Enough):
        model(torch.stack(images))
    for number, (s, unit, _) in enumerate(picked):
        gone = outs[s.name][(slice(5 * number, 5 * number + 5), slice(None), *unit)].isnan().any(1)
        assert gone.tolist() == [False, True, True, True, True], (s.name, s.known)


# Published figures: Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural
# Networks", Distill 2019, and by hand their recurrence, from the output back: r <- s r + (k - s)


def by_hand(*layers: tuple[int, int]) -> int:
    """The field of a chain of (kernel, stride), the first one first."""
    size = 1
    for kernel, stride in reversed(layers):
        size = stride * size + (kernel - stride)
    return size


def field_of(name: str, layer: str, size: int = 64) -> ReceptiveField:
    model = build(name)
    image = torch.zeros(1, 3, size, size)
    fields = Fields([image], 2, [*model.parameters(), *model.buffers()])
    found: list[ReceptiveField | None] = []
    module = model.get_submodule(layer)
    module.register_forward_hook(lambda m, i, out: found.append(fields.of(out, 2)))
    with torch.no_grad(), Follow(fields):
        model(image)
    assert found[0] is not None
    return found[0]


VGG = [(3, 1), (3, 1), (2, 2)] * 2 + ([(3, 1)] * 3 + [(2, 2)]) * 3
ALEX = [(11, 4), (3, 2), (5, 1), (3, 2), (3, 1), (3, 1), (3, 1), (3, 2)]


def resnet(blocks: Sequence[int], place: int) -> list[tuple[int, int]]:
    """Stem and bottlenecks, the stride in the 1x1 (place 0) or the 3x3 convolution (place 1)."""
    layers = [(7, 2), (3, 2)]
    for stage, count in enumerate(blocks):
        for block in range(count):
            stride = 2 if stage and not block else 1
            layers += [(1, stride if place == 0 else 1), (3, stride if place == 1 else 1), (1, 1)]
    return layers


def test_published_fields_of_vgg_and_alexnet() -> None:
    # 212 is after the last pooling; the last convolution itself has 196 and a stride of 16
    assert field_of("vgg16", "features.30").size == (212, 212) == (by_hand(*VGG),) * 2
    assert field_of("vgg16", "features.30").stride == (32, 32)
    assert field_of("vgg16", "features.28").size == (196, 196) == (by_hand(*VGG[:-1]),) * 2
    # theirs is the "v2" without normalization, as torchvision's; only paddings and channels differ
    assert field_of("alexnet", "features.12", 128).size == (195, 195) == (by_hand(*ALEX),) * 2


def test_resnets_field_depends_on_where_its_stride_is() -> None:
    # 483 and 1027 are for the stride in the 1x1 convolution, as first published (theirs has it in the
    # last block of a stage instead of the first, which comes to the same); torchvision, like the
    # later "v1.5", has it in the 3x3, which sees less
    assert by_hand(*resnet((3, 4, 6, 3), 0)) == 483
    assert by_hand(*resnet((3, 4, 23, 3), 0)) == 1027
    assert by_hand(*resnet((3, 4, 6, 3), 1)) == 427
    assert field_of("resnet50", "layer4").size == (427, 427)
    assert field_of("resnet50", "layer4").start == (-213, -213)
    model = build("resnet50")
    for module in model.modules():
        if isinstance(module, torchvision.models.resnet.Bottleneck) and module.stride == 2:
            module.conv1.stride, module.conv2.stride = (2, 2), (1, 1)
    [last] = [s for s in look(model, torch.zeros(1, 3, 64, 64)) if s.name == "layer4.2.conv3"]
    assert last.known is not None
    assert (last.known.size, last.known.stride) == ((483, 483), (32, 32))


def test_published_field_of_mobilenet() -> None:
    layers = [(3, 2)]
    for stride in (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1):
        layers += [(3, stride), (1, 1)]
    model = nn.Sequential(
        *(nn.Conv2d(3, 3, k, s, k // 2, groups=3 if k > 1 else 1) for k, s in layers)
    )
    known = look(model, torch.zeros(1, 3, 64, 64))[-1].known
    assert known is not None
    assert known.size == (315, 315) == (by_hand(*layers),) * 2


def test_published_field_of_inception() -> None:
    # theirs is 1311 for the whole of it, with the same windows
    assert field_of("inception_v3", "Mixed_7c", 96).size == (1311, 1311)


# What else is promised


def follow(
    net: Callable[[Tensor], Any], image: Tensor, spatial: int = 2, constants: Sequence[Tensor] = ()
) -> tuple[Fields, Any]:
    fields = Fields([image], spatial, constants)
    with torch.no_grad(), Follow(fields):
        out = net(image)
    return fields, out


IMAGE = torch.rand(1, 3, 16, 16)
KERNEL = torch.rand(3, 3, 3, 3)


def conv3(x: Tensor) -> Tensor:
    return F.conv2d(x, torch.ones(3, 3, 3, 3), padding=1)


def known_of(
    net: Callable[[Tensor], Tensor], image: Tensor = IMAGE, spatial: int = 2
) -> ReceptiveField:
    fields, out = follow(net, image, spatial)
    found = fields.of(out, spatial)
    assert found is not None, fields.reason(out, spatial)
    assert fields.reason(out, spatial) == ""
    return found


def reason_of(net: Callable[[Tensor], Tensor], constants: Sequence[Tensor] = ()) -> str:
    fields, out = follow(net, IMAGE, 2, constants)
    assert fields.of(out, 2) is None
    return fields.reason(out)


def test_an_image_is_its_own_field() -> None:
    assert known_of(lambda x: x) == ReceptiveField((1, 1), (1, 1), (0, 0), (False, False))


def test_a_unit_in_the_gap_of_a_transposed_convolution_depends_on_nothing() -> None:
    known = known_of(lambda x: F.conv_transpose2d(x, torch.ones(3, 1, 1, 1), stride=2))
    assert known.unit((2, 4)) == (range(1, 2), range(2, 3))
    assert known.unit((2, 3)) == (range(0), range(0))
    assert (known.size, known.stride) == ((1, 1), (0.5, 0.5))


def test_a_unit_at_the_border_depends_on_pixels_of_the_image_only() -> None:
    known = known_of(lambda x: conv3(conv3(x)))
    assert known.unit((0, 15)) == (range(0, 3), range(13, 16))
    assert known.unit((0, 15), clip=False) == (range(-2, 3), range(13, 18))


def test_after_a_global_operation_a_unit_depends_on_the_whole_image() -> None:
    for net in (
        lambda x: F.adaptive_avg_pool2d(conv3(x), 1),
        lambda x: conv3(x) * x.mean((2, 3), keepdim=True).sigmoid(),
        lambda x: F.group_norm(x, 3),
        lambda x: F.instance_norm(x),
        lambda x: F.batch_norm(x, None, None, training=True),
        lambda x: conv3(x) + x.amax(),
    ):
        assert known_of(net) == ReceptiveField((16, 16), (0, 0), (0, 0), (True, True))


def test_one_axis_may_be_global_and_the_other_not() -> None:
    known = known_of(lambda x: conv3(x) + x.mean(2, keepdim=True))
    assert known == ReceptiveField((16, 3), (0, 1), (0, -1), (True, False))


def test_sound_and_video_have_one_and_three_axes() -> None:
    sound = known_of(lambda x: F.conv1d(x, torch.ones(4, 2, 5), stride=3), torch.rand(1, 2, 40), 1)
    assert sound == ReceptiveField((5,), (3,), (0,), (False,))
    video = known_of(
        lambda x: F.max_pool3d(
            F.conv3d(x, torch.ones(2, 3, 3, 5, 7), padding=(1, 2, 3)), (1, 2, 2)
        ),
        torch.rand(1, 3, 6, 16, 16),
        3,
    )
    assert video.size == (3, 6, 8)
    assert video.stride == (1, 2, 2)
    assert video.start == (-1, -2, -3)


def test_an_image_without_a_batch_is_followed_as_well() -> None:
    assert known_of(lambda x: conv3(x), torch.rand(3, 16, 16)).size == (3, 3)


def test_maps_whose_channels_come_last_have_the_same_field() -> None:
    assert known_of(lambda x: conv3(x).permute(0, 2, 3, 1)) == known_of(conv3)


def test_writing_into_a_part_of_a_padded_batch_carries_the_field() -> None:
    """As the detection models of torchvision put images into one batch."""

    def net(x: Tensor) -> Tensor:
        batch = x.new_zeros(2, 3, 20, 24)
        for image in batch:
            image[:3, :16, :16].copy_(x[0])
        return conv3(batch)

    assert known_of(net) == known_of(conv3)


def test_other_views_of_memory_that_was_written_are_not_trusted() -> None:
    def net(x: Tensor) -> Tensor:
        y = x.clone()
        flat = y.view(3, 256)
        flat[0].copy_(flat.mean(1)[0])
        return y.transpose(2, 3)

    fields, out = follow(net, IMAGE)
    known = fields.of(out, 2)
    assert known is None
    assert fields.reason(out)


def test_an_in_place_operation_that_changes_nothing_keeps_all_views() -> None:
    def net(x: Tensor) -> Tensor:
        y = conv3(x)
        turned = y.transpose(2, 3)
        y.relu_().mul_(2)
        return turned.transpose(2, 3)

    assert known_of(net) == known_of(conv3)


def test_what_is_read_of_a_tensor_of_unknown_origin_is_not_known() -> None:
    stranger = torch.rand(1, 3, 16, 16)
    assert reason_of(lambda x: x + stranger) == "It is computed from a tensor of unknown origin."
    fields, out = follow(lambda x: x + stranger, IMAGE, 2, [stranger])
    assert fields.of(out, 2) is not None


def test_an_operation_without_a_rule_is_not_guessed() -> None:
    grid = torch.zeros(1, 8, 8, 2)
    assert (
        reason_of(lambda x: F.grid_sample(x, grid, align_corners=False), [grid])
        == "What grid_sampler_2d reads is not known."
    )
    assert reason_of(lambda x: x.cumsum(2)) == "Its units read different places by no rule."
    assert reason_of(lambda x: torch.fft.rfft(x).abs()) == "What _fft_r2c reads is not known."


def test_a_value_that_was_read_into_python_makes_all_later_fields_unknown() -> None:
    def net(x: Tensor) -> Tensor:
        return conv3(x) if float(x.mean()) > 2 else x * 2

    assert reason_of(net).startswith("The model read values of a map into Python before it")
    assert reason_of(lambda x: conv3(x)[:, :, x[0, 0, 0] > 0.5]).startswith("The model read values")
    assert known_of(lambda x: conv3(x) * float(torch.ones(()).sum())).size == (3, 3)


def test_a_map_that_depends_on_no_pixel_has_no_field() -> None:
    assert reason_of(lambda x: torch.ones_like(x)) == "It does not depend on the image."


def test_images_of_different_sizes_have_no_common_field() -> None:
    a, b = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 12, 12)
    fields = Fields([a, b], 2)
    with Follow(fields):
        first, second = a * 2, b * 2
    assert fields.of(first, 2) is not None
    assert fields.of(second, 2) is None
    assert fields.reason(second) == "The inputs have different sizes."


def test_what_cannot_be_followed_raises_nothing() -> None:
    fields = Fields([IMAGE], 2)
    with Follow(fields):
        sparse = IMAGE.to_sparse()
        meta = torch.empty(3, device="meta") * 2
    for strange in (sparse, meta):
        assert fields.of(strange, 1) is None
    fields.follow(None, (IMAGE,), {}, None)
    assert fields.reason(IMAGE).startswith("Following None failed")


def test_weights_made_from_the_image_count_for_every_unit() -> None:
    def net(x: Tensor) -> Tensor:
        weight = F.adaptive_avg_pool2d(x[:, :, :4, :4], 1).view(3, 1, 1, 1)
        return F.conv2d(x[:, :, 8:, 8:], weight, groups=3)

    known = known_of(net)
    assert known.unit((1, 1)) == (range(0, 10), range(0, 10))
    assert known.unit((7, 0)) == (range(0, 16), range(0, 9))


def test_inference_mode_shows_composite_operations_and_they_are_followed() -> None:
    def net(x: Tensor) -> Tensor:
        with torch.inference_mode():
            y = F.interpolate(conv3(x), scale_factor=2.0, mode="bilinear")
            y = F.batch_norm(y, torch.zeros(3), torch.ones(3))
            return F.max_pool2d(
                F.linear(y.flatten(2).transpose(1, 2), torch.ones(4, 3))
                .transpose(1, 2)
                .reshape(1, 4, 32, 32),
                2,
            )

    assert (
        known_of(net).size
        == known_of(
            lambda x: F.max_pool2d(F.interpolate(conv3(x), scale_factor=2.0, mode="bilinear"), 2)
        ).size
    )


def test_a_quantized_model_has_the_fields_of_the_original() -> None:
    if (
        "onednn" not in torch.backends.quantized.supported_engines
        and "fbgemm" not in torch.backends.quantized.supported_engines
    ):
        pytest.skip("no quantized engine")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = torchvision.models.quantization.mobilenet_v2(weights=None, quantize=False).eval()
        packed = torchvision.models.quantization.mobilenet_v2(weights=None, quantize=True).eval()
    image = torch.rand(1, 3, 64, 64)
    want = {s.name: s.known for s in look(plain, image) if isinstance(s.module, nn.Conv2d)}
    fields = Fields([image], 2, [*packed.buffers()])
    got: dict[str, ReceptiveField | None] = {}
    for name, module in packed.named_modules():
        if "Conv" in type(module).__name__ and hasattr(module, "scale"):
            module.register_forward_hook(
                lambda m, i, out, name=name: got.__setitem__(name, fields.of(out, 2))
            )
    with torch.no_grad(), Follow(fields):
        packed(image)
    assert len(got) > 40
    assert all(got[name] == want[name] for name in got if name in want)
    assert None not in got.values()
