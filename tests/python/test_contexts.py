"""In every context in which a model can come: right, or refused by name. Never silently wrong."""

from __future__ import annotations

import copy
import os
import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from nets import Shared, TwoConvs, image_tensor, pruned, recording, same, state
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize
from torch.utils.checkpoint import checkpoint

from cnnvis import ForwardError, Inspection, find_layers, inspect
from cnnvis.frame import unpack

X = image_tensor()


def eager(model: nn.Module, *args: Any, **kwargs: Any) -> list[tuple[nn.Module, Tensor]]:
    """Every call of a layer of a copy of the model in eval mode, without cnnvis."""
    with recording() as made, torch.no_grad():
        model(*args, **kwargs)
    return made


def check(
    model: nn.Module,
    *args: Any,
    twin: nn.Module | None = None,
    layers: Any = lambda layer: layer.kind != "other",
    **kwargs: Any,
) -> Inspection:
    """Looks at a model and compares every call of every layer with what the oracle recorded.

    Args:
        model: The model, left as it was, which is checked too.
        args: Of its forward.
        twin: What the oracle runs, a model with the same modules; None: a copy in eval mode.
        layers: As for `inspect`.
        kwargs: Of its forward.
    """
    if twin is None:
        twin = copy.deepcopy(model)
        for module in twin.modules():
            module.training = False
    names = {id(module): name for name, module in twin.named_modules()}
    expected: dict[str, list[Tensor]] = {}
    for module, output in eager(twin, *copy.deepcopy(args), **copy.deepcopy(kwargs)):
        expected.setdefault(names[id(module)], []).append(output)
    before = state(model)
    look = inspect(model, inputs=kwargs or args, layers=layers)
    assert same(before, state(model))
    ran = {run.name: run.calls for run in look.layers if run.ran}
    assert ran == {name: len(calls) for name, calls in expected.items()}
    for name, calls in expected.items():
        for call, output in enumerate(calls):
            got = look.activation(name, call)
            assert got.dtype == output.dtype
            assert torch.equal(got, output) or torch.equal(got.isnan(), output.isnan()), name
        unpack(look.frame(name))
    return look


def kinds(look: Inspection, layer: str | None = None) -> list[str]:
    return [note.kind for note in look.notes if note.layer == layer]


class Normed(nn.Module):
    """Convolutions with all that has a state: BatchNorm, Dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Conv2d(4, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.drop(self.relu(self.norm(self.conv(x)))))


class TestModes:
    def test_training(self) -> None:
        look = check(Normed().train(), X)
        assert "train mode" in kinds(look)

    def test_frozen_batchnorm(self) -> None:
        model = Normed().train()
        model.norm.eval()
        check(model, X)

    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
    def test_precisions(self, dtype: torch.dtype) -> None:
        check(Normed().eval().to(dtype), X.to(dtype))

    def test_complex(self) -> None:
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)).to(torch.complex64)
        look = check(model, torch.complex(X, X.flip(3)))
        codes = unpack(look.frame("0"))
        assert codes.bounds.min() >= 0, "magnitudes"

    def test_float8_fails_by_name(self) -> None:
        model = TwoConvs().to(torch.float8_e4m3fn)
        with pytest.raises(ForwardError, match="model TwoConvs: its forward pass raised"):
            inspect(model, inputs=X.to(torch.float8_e4m3fn))

    def test_channels_last(self) -> None:
        model = Normed().eval().to(memory_format=torch.channels_last)
        check(model, X.to(memory_format=torch.channels_last))

    def test_autocast(self) -> None:
        with torch.autocast("cpu", torch.bfloat16):
            look = check(Normed().eval(), X)
        assert look.activation("conv").dtype == torch.bfloat16

    def test_inference_mode(self) -> None:
        with torch.inference_mode():
            check(Normed(), X)
            made_inside = Normed().eval()
            check(made_inside, X)

    def test_another_default_device_and_dtype(self) -> None:
        model = Normed().eval()
        torch.set_default_dtype(torch.float64)
        try:
            with torch.device("meta"):
                look = inspect(model, inputs=X)
        finally:
            torch.set_default_dtype(torch.float32)
        assert torch.equal(
            look.activation("conv"), F.conv2d(X, model.conv.weight, model.conv.bias, padding=1)
        )

    def test_meta_is_refused(self) -> None:
        with torch.device("meta"):
            model = TwoConvs()
        with pytest.raises(ValueError, match="is on the meta device, .* load its weights"):
            inspect(model, X)

    def test_lazy_is_refused(self) -> None:
        with pytest.raises(ValueError, match="lazy layers that are not initialized"):
            inspect(nn.Sequential(nn.LazyConv2d(4, 3)), X)


@pytest.mark.filterwarnings("ignore")
class TestQuantized:
    def test_static(self) -> None:
        quantization: Any = torch.ao.quantization

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
                self.conv, self.relu = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)
                self.plain = nn.Conv2d(4, 2, 3, stride=2)

            def forward(self, x: Tensor) -> Tensor:
                return self.dequant(self.plain(self.relu(self.conv(self.quant(x)))))

        model = Net().eval()
        model.qconfig = quantization.get_default_qconfig("fbgemm")
        quantization.fuse_modules(model, [["conv", "relu"]], inplace=True)
        prepared = quantization.prepare(model)
        prepared(X)
        quantized = quantization.convert(prepared)
        with torch.no_grad():
            truth = quantized.conv(quantized.quant(X))
        look = inspect(quantized, inputs=X)
        assert [run.name for run in look.layers] == ["conv", "plain"]
        assert torch.equal(look.activation("conv").int_repr(), truth.int_repr())
        assert [run.macs for run in look.layers] == [4 * 27 * 30 * 30, 2 * 36 * 14 * 14]
        frame = unpack(look.frame("conv"))
        lo, hi = float(truth[0, 0].dequantize().min()), float(truth[0, 0].dequantize().max())
        assert frame.bounds[0].tolist() == pytest.approx([lo, hi])

    def test_dynamic(self) -> None:
        model = torch.ao.quantization.quantize_dynamic(TwoConvs().eval(), {nn.Linear})  # type: ignore[no-untyped-call]
        look = inspect(model, inputs=X, layers=lambda layer: layer.kind == "linear")
        assert torch.equal(look.activation("head"), model(X))

    def test_prepared_keeps_its_observers(self) -> None:
        quantization: Any = torch.ao.quantization

        model = TwoConvs().eval()
        model.qconfig = quantization.get_default_qconfig("fbgemm")
        prepared = quantization.prepare(model)
        prepared(X)
        before = state(prepared)
        inspect(prepared, inputs=X * 100)
        after = state(prepared)
        assert same(before[1], after[1]), "what the observers have seen is as it was"


@pytest.mark.filterwarnings("ignore")
class TestTorchScript:
    @pytest.mark.parametrize("how", ["script", "trace", "freeze"])
    def test_convolutions_are_seen_by_their_operations(self, how: str) -> None:
        model = TwoConvs().eval()
        with torch.no_grad():
            truth = model.by_hand(X)
        made: nn.Module
        if how == "trace":
            made = torch.jit.trace(model, X)  # type: ignore[no-untyped-call]
        else:
            made = torch.jit.script(model)
            made = torch.jit.freeze(made) if how == "freeze" else made
        look = inspect(made, inputs=X)
        names = ["conv2d()", "conv2d() 2"] if how == "freeze" else ["first", "second"]
        assert [run.name for run in look.layers] == names
        for name, known in zip(names, ("first", "second"), strict=True):
            assert torch.equal(look.activation(name), truth[known])
            assert torch.equal(look.filters(name), getattr(model, known).weight)
            assert {"functional", "bypassed"} & set(kinds(look, name))

    def test_a_scripted_part(self) -> None:
        model = nn.Sequential(nn.Conv2d(3, 3, 1), torch.jit.script(TwoConvs().eval())).eval()
        look = inspect(model, inputs=X)
        assert [run.name for run in look.layers] == ["0", "1.first", "1.second"]
        assert all(run.ran for run in look.layers)


class TestCompiled:
    @pytest.mark.parametrize("run_before", [False, True])
    def test_wrapped(self, run_before: bool) -> None:
        model = TwoConvs().eval()
        compiled = torch.compile(model, backend="eager")
        if run_before:
            compiled(X)
        look = inspect(compiled, inputs=X)  # type: ignore[arg-type]
        assert torch.equal(
            look.activation("first"), F.conv2d(X, model.first.weight, model.first.bias, 2, 1)
        )
        assert "compiled" in kinds(look)

    def test_in_place(self) -> None:
        model = TwoConvs().eval()
        model.compile(backend="eager")
        model(X)
        assert "compiled" in kinds(check(model, X, twin=model))

    def test_a_compiled_method(self) -> None:
        class Net(TwoConvs):
            @torch.compile(backend="eager")
            def forward(self, x: Tensor) -> Tensor:
                return super().forward(x)

        model = Net().eval()
        model(X)
        with torch.no_grad():
            truth = model.by_hand(X)
        look = inspect(model, inputs=X)
        assert torch.equal(look.activation("first"), truth["first"])


class TestGraphs:
    def test_fx(self) -> None:
        model = TwoConvs().eval()
        check(torch.fx.symbolic_trace(model), X, twin=torch.fx.symbolic_trace(copy.deepcopy(model)))

    def test_exported(self) -> None:
        model = TwoConvs().eval()
        program = torch.export.export(model, (X,))
        with pytest.raises(
            TypeError, match="received an ExportedProgram; pass the model that it was"
        ):
            inspect(program, X)  # type: ignore[arg-type]
        with torch.no_grad():
            truth = model.by_hand(X)
        for graph in (program.module(), torch.export.unflatten(program)):
            look = inspect(graph, inputs=X)
            for run, known in zip(look.layers, ("first", "second"), strict=True):
                assert run.functional
                assert torch.equal(look.activation(run.name), truth[known])


@pytest.fixture
def one_process() -> Iterator[None]:
    dist: Any = torch.distributed

    os.environ.update(MASTER_ADDR="127.0.0.1", GLOO_SOCKET_IFNAME="lo")
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        yield
    finally:
        dist.destroy_process_group()


class TestWrappers:
    def test_data_parallel(self) -> None:
        model = TwoConvs().eval()
        look = inspect(nn.DataParallel(model), inputs=X)
        with torch.no_grad():
            assert torch.equal(look.activation("first"), model.by_hand(X)["first"])

    @pytest.mark.filterwarnings("ignore")
    def test_distributed(self, one_process: None) -> None:
        model = TwoConvs().eval()
        look = inspect(nn.parallel.DistributedDataParallel(model), inputs=X)
        with torch.no_grad():
            assert torch.equal(look.activation("first"), model.by_hand(X)["first"])

    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.skipif(
        torch.__version__.startswith("2.6."), reason="torch 2.6 runs such a model on a GPU alone"
    )
    def test_fully_sharded(self, one_process: None) -> None:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        model = TwoConvs().eval()
        with torch.no_grad():
            truth = model.by_hand(X)
        weight = model.first.weight.detach().clone()
        fully_shard(model, mesh=init_device_mesh("cpu", (1,)))
        look = inspect(model, inputs=X)
        assert torch.equal(look.activation("first"), truth["first"])
        assert torch.equal(look.filters("first"), weight)


class TestStructure:
    def test_shared(self) -> None:
        look = check(Shared(), X)
        assert kinds(look, "conv") == ["ran more than once"]
        assert kinds(look, "unused") == ["never ran"]

    def test_functional(self) -> None:
        class Inner(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv, self.up = nn.Conv2d(4, 4, 3), nn.ConvTranspose2d(4, 2, 2)

        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.kernel = nn.Parameter(torch.rand(4, 3, 3, 3))
                self.listed = [nn.Conv2d(4, 4, 1)]
                self.inner = Inner()

            def forward(self, x: Tensor) -> Tensor:
                x = F.conv2d(x, self.kernel, stride=2).relu_()
                x = self.listed[0](x)
                x = F.conv2d(x, self.inner.conv.weight)
                return self.inner.up.forward(x)

        model = Net()
        look = inspect(model, inputs=X)
        assert [run.name for run in look.layers] == [
            "conv2d()",
            "Conv2d()",
            "inner.conv",
            "inner.up",
        ]
        with torch.no_grad():
            first = F.conv2d(X, model.kernel, stride=2)
            second = model.listed[0](first.relu())
            third = F.conv2d(second, model.inner.conv.weight)
            fourth = model.inner.up(third)
        for run, truth in zip(look.layers, (first, second, third, fourth), strict=True):
            assert torch.equal(look.activation(run.name), truth)
        assert torch.equal(look.filters("conv2d()"), model.kernel)
        assert look.layer("conv2d()").in_place == "relu_"
        assert [run.functional for run in look.layers] == [True, True, False, False]
        assert [run.bypassed for run in look.layers] == [False, False, True, True]
        small = inspect(model, inputs=X, memory_mb=0)
        assert torch.equal(small.activation("conv2d()"), first), "another pass finds it again"

    def test_only_functions(self) -> None:
        class Net(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                return F.conv2d(x, torch.ones(1, 3, 3, 3))

        look = inspect(Net(), inputs=X)
        assert [run.name for run in look.layers] == ["conv2d()"]
        assert [r.name for r in inspect(Net(), inputs=X, layers=["conv2d()"]).layers] == [
            "conv2d()"
        ]

    def test_attention_that_is_fused(self) -> None:
        model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
        x = torch.rand(1, 5, 8)
        with torch.no_grad():
            truth = model(x)
        look = inspect(model, inputs=x, layers="all")
        assert torch.allclose(look.output, truth, atol=1e-5)
        assert "fast path" in kinds(look)
        assert "weights bypassed" in kinds(look, "self_attn.out_proj")
        both = nn.Sequential(nn.Conv1d(5, 5, 1), model).eval()
        with torch.no_grad():
            truth = both(x)
        look = inspect(both, inputs=x)
        assert torch.equal(look.output, truth), "hooks on convolutions leave it its fast path"
        assert "fast path" not in kinds(look)

    @pytest.mark.filterwarnings("ignore")
    def test_parametrized_and_pruned(self) -> None:
        class Doubled(nn.Module):
            def forward(self, weight: Tensor) -> Tensor:
                return 2 * weight

        def net(change: Callable[[nn.Module], Any]) -> nn.Module:
            model = TwoConvs()
            change(model.first)
            change(model.second)
            return model

        for change in (
            parametrizations.weight_norm,
            parametrizations.spectral_norm,
            lambda m: parametrize.register_parametrization(m, "weight", Doubled()),
            lambda m: pruned(m, "weight"),
            nn.utils.weight_norm,
            nn.utils.spectral_norm,
        ):
            model = net(change).eval()
            check(model, X, twin=model)  # some of them cannot be copied

    @pytest.mark.parametrize("reentrant", [False, True])
    @pytest.mark.filterwarnings("ignore")
    def test_checkpointed(self, reentrant: bool) -> None:
        class Net(TwoConvs):
            def forward(self, x: Tensor) -> Tensor:
                return checkpoint(super().forward, x, use_reentrant=reentrant)

        check(Net(), X)

    def test_cyclic(self) -> None:
        model = TwoConvs()
        model.second.parent = model
        with torch.no_grad():
            truth = model.by_hand(X)
        look = inspect(model, inputs=X)
        assert torch.equal(look.activation("second"), truth["second"])

    def test_1200_deep_fails_by_name_and_is_listed(self) -> None:
        model: nn.Module = nn.Conv2d(3, 3, 1)
        for _ in range(1200):
            model = nn.Sequential(model)
        assert len(find_layers(model)) == 1
        with pytest.raises(ForwardError, match="raised RecursionError"):
            inspect(model, inputs=X)
        assert not any(
            module._forward_hooks for module in list(find_layers(model)[0].module.modules())
        )

    def test_20000_layers(self) -> None:
        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.many = nn.ModuleList(nn.Conv2d(3, 3, 1) for _ in range(20_000))

            def forward(self, x: Tensor) -> Tensor:
                return self.many[19_999](self.many[0](x))

        look = inspect(Net(), inputs=X)
        assert len(look.layers) == 20_000
        assert [run.name for run in look.layers if run.ran] == ["many.0", "many.19999"]

    def test_hooks_of_someone_else(self) -> None:
        model = TwoConvs()
        model.first.register_forward_hook(lambda m, i, output: output * 10)
        with torch.no_grad():
            truth = model.by_hand(X)["first"] * 10
        look = inspect(model, inputs=X)
        assert torch.equal(look.activation("first"), truth), "what is passed on"
        assert "foreign hook" in kinds(look, "first")
        assert len(model.first._forward_hooks) == 1

    def test_a_hook_that_removes_ours_or_raises(self) -> None:
        model = TwoConvs()
        model.first.register_forward_hook(lambda m, i, o: m._forward_hooks.clear())
        inspect(model, inputs=X)
        model = TwoConvs()

        def raising(module: nn.Module, args: Any, output: Any) -> None:
            raise RuntimeError("not mine")

        model.second.register_forward_hook(raising)
        before = state(model)
        with pytest.raises(ForwardError, match="RuntimeError: not mine"):
            inspect(model, inputs=X)
        assert same(before, state(model))

    def test_a_look_from_within_a_look(self) -> None:
        class Net(TwoConvs):
            inner: Inspection | None = None

            def forward(self, x: Tensor) -> Tensor:
                if self.inner is None:
                    self.inner = inspect(nn.Sequential(self.first), inputs=x)
                return super().forward(x)

        model = Net()
        before = state(model)
        look = inspect(model, inputs=X)
        assert model.inner is not None
        assert torch.equal(model.inner.activation("0"), look.activation("first"))
        assert same(before, state(model))


class Pair(NamedTuple):
    first: Tensor
    second: Tensor


@dataclass
class Output:
    maps: Tensor
    score: float


class TestInputsAndOutputs:
    @pytest.mark.parametrize(
        "wrap",
        [
            lambda x: (x, [x, None]),
            lambda x: {"maps": x, "more": {"deep": x}},
            lambda x: [x],
            lambda x: Pair(x, x),
            lambda x: Output(x, 1.0),
            lambda x: None,
            lambda x: x.to_sparse(),
            lambda x: x > 0,
        ],
    )
    def test_any_output(self, wrap: Callable[[Tensor], Any]) -> None:
        class Net(TwoConvs):
            def forward(self, x: Tensor) -> Any:
                return wrap(super().forward(x))

        look = check(Net(), X)
        assert isinstance(look.predictions(), list)

    def test_several_and_named_inputs(self) -> None:
        class Net(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.a, self.b = nn.Conv2d(3, 2, 3), nn.Conv2d(3, 2, 3)

            def forward(self, left: Tensor, right: Tensor, *, scale: float = 1.0) -> Tensor:
                return self.a(left) + self.b(right) * scale

        model = Net()
        check(model, X, X.flip(2))
        check(model, left=X, right=X, scale=2.0)
        pair = Pair(X, X)
        assert inspect(model, inputs=pair).layers[0].ran

    def test_lists_of_images(self) -> None:
        class Detector(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv = nn.Conv2d(3, 2, 3)

            def forward(self, images: list[Tensor]) -> list[dict[str, Tensor]]:
                assert isinstance(images, list)
                return [{"boxes": self.conv(image[None])} for image in images]

        look = check(Detector(), [X[0], image_tensor(24)[0]])
        assert look.layers[0].calls == 2
        assert look.layers[0].receptive_field is None
        assert look.layers[0].field_reason == "The inputs are not images of one size."

    @pytest.mark.parametrize(
        ("layer", "shape"),
        [
            (nn.Conv1d(2, 3, 5, stride=2), (2, 2, 50)),
            (nn.Conv3d(2, 3, 3, padding=1), (1, 2, 4, 8, 8)),
            (nn.ConvTranspose1d(2, 3, 5, stride=2), (1, 2, 20)),
            (nn.ConvTranspose2d(2, 4, 3, stride=2, groups=2), (2, 2, 9, 7)),
            (nn.ConvTranspose3d(2, 3, 3), (1, 2, 4, 5, 6)),
        ],
    )
    def test_every_rank(self, layer: nn.Module, shape: tuple[int, ...]) -> None:
        check(nn.Sequential(layer, nn.ReLU(inplace=True)), torch.rand(shape))

    def test_an_empty_batch(self) -> None:
        model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        look = inspect(model, inputs=torch.zeros(0, 3, 8, 8))
        assert look.activation("0").shape == (0, 4, 6, 6)
        with pytest.raises(ValueError, match="layer '0' gave a batch of 0, asked for image 0"):
            look.frame("0")
        assert look.notes is not None

    @pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30, 1e-42])
    def test_odd_numbers(self, bad: float) -> None:
        x = X.clone()
        x[0, 0, 5, 5] = bad
        look = check(TwoConvs(), x)
        assert ("non-finite" in kinds(look, "first")) == (bad != bad or bad == float("inf"))


@pytest.mark.parametrize(
    ("give", "refused"),
    [
        (lambda x: x > 0, ""),
        (lambda x: (x * 9).long(), ""),
        (lambda x: (x * 255).to(torch.uint8), ""),
        (lambda x: torch.fft.fft2(x), ""),
        (lambda x: (x * 1e6).half(), ""),
        (lambda x: x.to(torch.float8_e4m3fn), ""),
        (lambda x: x.to_sparse(), ""),
        (lambda x: (x, 1), ""),
        (lambda x: x[:, :0], ""),
        (lambda x: x[:, :, :0], ""),
        (lambda x: x[:, :, :1, :1], ""),
        (lambda x: x[:, :1, :2].expand(-1, 4096, -1, -1), ""),
        (lambda x: x.mean((1, 2, 3)), ""),
        (lambda x: x.sum(), "gave a single number, which has no channels to show"),
        (lambda x: None, "could not be taken: TypeError: its output is no tensor but NoneType"),
        (lambda x: {"a": x}, "could not be taken: TypeError: its output is no tensor but dict"),
    ],
)
def test_whatever_a_layer_gives_is_shown_or_refused_by_name(
    give: Callable[[Tensor], Any], refused: str
) -> None:
    class Leaf(nn.Module):
        def forward(self, x: Tensor) -> Any:
            return give(x)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.leaf = nn.Conv2d(3, 3, 1), Leaf()

        def forward(self, x: Tensor) -> None:
            self.leaf(self.conv(x))

    for memory_mb in (10, 0):
        look = inspect(Net(), inputs=X - 0.5, layers="all", memory_mb=memory_mb)
        assert look.layer("leaf").ran
        assert "never ran" not in kinds(look, "leaf")
        if refused:
            with pytest.raises(ValueError, match=f"layer 'leaf' .*{refused}"):
                look.frame("leaf")
        else:
            frame = unpack(look.frame("leaf"))
            assert int(np.prod(frame.shape)) == look.activation("leaf").numel()


class TestRandomState:
    def test_a_model_that_draws_numbers_leaves_the_state_and_is_the_same_in_each_look(self) -> None:
        class Noisy(TwoConvs):
            def forward(self, x: Tensor) -> Tensor:
                noise = torch.rand(1) + float(np.random.rand()) + random.random()
                return super().forward(x + noise)

        model = Noisy()
        before = state(model)
        first, second = inspect(model, inputs=X), inspect(model, inputs=X)
        assert torch.equal(first.activation("first"), second.activation("first"))
        assert same(before, state(model))


def test_a_model_that_counts_in_its_buffers_is_set_back() -> None:
    class Counting(TwoConvs):
        seen: Tensor
        last: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("seen", torch.zeros(1))
            self.register_buffer("last", torch.zeros(1))

        def forward(self, x: Tensor) -> Tensor:
            self.seen += 1
            self.last = x.mean()[None]
            return super().forward(x)

    model = Counting()
    look = inspect(model, inputs=X)
    assert float(model.seen) == 0
    assert "model changed" in kinds(look), "what it replaced is left and named"


def test_a_copy_or_a_file_made_in_the_forward_pass_takes_no_live_hooks_along(tmp_path: Any) -> None:
    class Copying(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 1)
            self.copies: list[nn.Module] = []

        def forward(self, x: Tensor) -> Tensor:
            y = self.conv(x)
            self.copies.append(copy.deepcopy(self.conv))
            torch.save(self.conv, tmp_path / "conv.pt")
            return y

    model = Copying()
    inspect(model, inputs=X)
    loaded = torch.load(tmp_path / "conv.pt", weights_only=False)
    for conv in (*model.copies, loaded):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert torch.equal(conv(X), model.conv(X))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
class TestCuda:
    def test_on_a_gpu(self) -> None:
        check(Normed().eval().cuda(), X.cuda())

    def test_over_two_devices(self) -> None:
        class Split(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.a, self.b = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3).cuda()

            def forward(self, x: Tensor) -> Tensor:
                return self.b(self.a(x).cuda())

        check(Split(), X)
