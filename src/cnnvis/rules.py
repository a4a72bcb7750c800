"""What operations read that go element by element, or all along some dimensions.

An operation without a rule, here or in `windows` or `reshapes`, is unknown: guessing is worse.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from cnnvis.dependence import Dependence
from cnnvis.joining import hull_of
from cnnvis.reach import Unknown
from cnnvis.rulebook import Call, Result, flat, listed, rule

# element by element


@rule(
    "clone _to_copy to contiguous detach alias lift lift_fresh positive type_as prelu _prelu_kernel "
    "native_dropout dropout alpha_dropout feature_dropout feature_alpha_dropout rrelu rrelu_with_noise "
    "log_sigmoid log_sigmoid_forward quantize_per_tensor quantize_per_channel dequantize "
    "fake_quantize_per_tensor_affine_cachemask fake_quantize_per_channel_affine_cachemask tril triu "
    "where masked_fill nan_to_num relu relu6 hardtanh hardswish silu mish selu conj resolve_conj "
    "resolve_neg bernoulli as_strided __and__ __or__ __xor__ real imag mul_relu add_relu celu threshold "
    "leaky_relu elu sigmoid tanh hardsigmoid softplus softsign tanhshrink subtract multiply divide "
    "true_divide square rsub add mul clip pin_memory cpu cuda float half double"
)
def pointwise(call: Call) -> Result:
    """Every element reads what the elements at its place read."""
    if call.name == "as_strided" and not _same_places(call.args[0], call.out):
        raise Unknown("memory is read in another order")
    shape = call.out.shape
    tensors = flat([*call.args, *call.kwargs.values()])
    return [call.hull([t for t in tensors if _fits(t, shape)], shape)] + [
        call.hull(tensors, out.shape) if out.shape == shape else None for out in call.outs[1:]
    ]


@rule("copy")
def _copied(call: Call) -> Result:
    return call.hull([call.get("src")])


@rule("fill")
def _filled(call: Call) -> Result:
    return call.hull([call.get("value")])


def _same_places(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors lie in memory element by element alike."""
    strides = [[s for n, s in zip(t.shape, t.stride(), strict=True) if n > 1] for t in (a, b)]
    same_start = bool(a.storage_offset() == b.storage_offset())
    return a.shape == b.shape and strides[0] == strides[1] and same_start


def _fits(tensor: Tensor, shape: Sequence[int]) -> bool:
    """Raises for a tensor that does not broadcast to a shape; true otherwise."""
    own = tensor.shape
    pairs = zip(reversed(own), reversed(shape), strict=False)
    if len(own) > len(shape) or any(a not in (1, b) for a, b in pairs):
        raise Unknown("an argument is no operand")
    return True


# everything along some dimensions


@rule(
    "mean sum nansum nanmean amax amin max min var std var_mean std_mean prod logsumexp norm "
    "linalg_vector_norm frobenius_norm argmax argmin any all median nanmedian count_nonzero aminmax "
    "kthvalue mode"
)
def _reduced(call: Call) -> Result:
    if call.read(call.get("other")) is not None or len(flat(call.args)) > 1:
        return pointwise(call)  # max of two tensors
    x = call.only()
    rank = len(x.dims)
    chosen = call.get("dim")
    dims = list(range(rank)) if chosen in (None, []) else [d % max(rank, 1) for d in listed(chosen)]
    if rank == 0:
        return [x] * len(call.outs)
    keep = bool(call.get("keepdim", default=False))
    return [x.reduced(dims, keep=keep)] * len(call.outs)


@rule("_softmax softmax log_softmax _log_softmax _safe_softmax sort argsort msort renorm")
def _mixed(call: Call) -> Result:
    x = call.only()
    return [x.mixed([call.get("dim", default=-1) % len(x.dims)])] * len(call.outs)


@rule("topk")
def _chosen(call: Call) -> Result:
    x = call.only()
    dim = call.get("dim") % len(x.dims)
    return [x.reduced([dim], keep=True).expanded(call.out.shape)] * len(call.outs)


@rule("cumsum cumprod logcumsumexp cummax cummin _cummax_helper")
def _cumulated(call: Call) -> Result:
    x = call.only()
    return [x.lost(call.get("dim") % len(x.dims))] * len(call.outs)


@rule("glu")
def _gated(call: Call) -> Result:
    x = call.only()
    dim = call.get("dim") % len(x.dims)
    half = x.shape[dim] // 2
    halves = [x.gathered(dim, range(0, half)), x.gathered(dim, range(half, 2 * half))]
    return hull_of(halves, call.out.shape)


@rule("native_layer_norm layer_norm rms_norm _fused_rms_norm fused_layer_norm")
def _layer_normalized(call: Call) -> Result:
    x = call.given(call.args[0])
    rank = len(x.dims)
    x = x.mixed(range(rank - len(call.get("normalized_shape")), rank))
    parts = [x, call.read(call.get("weight")), call.read(call.get("bias"))]
    return hull_of([part for part in parts if part is not None], call.out.shape)


@rule("native_group_norm group_norm")
def _group_normalized(call: Call) -> Result:
    x = call.only()
    shape = x.shape
    groups = call.get("group", "num_groups")
    grouped = x.viewed((shape[0], groups, shape[1] // groups, *shape[2:]))
    return grouped.mixed(range(2, len(grouped.dims))).viewed(shape)


@rule(
    "native_batch_norm batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training "
    "_batch_norm_with_update _batch_norm_no_update _batch_norm_impl_index cudnn_batch_norm "
    "miopen_batch_norm"
)
def _batch_normalized(call: Call) -> Result:
    x = call.only()
    own = call.get("training", default="no_training" not in call.name)
    if own or call.get("running_mean") is None:
        return x.mixed([dim for dim in range(len(x.dims)) if dim != 1])
    return x


@rule("instance_norm")
def _instance_normalized(call: Call) -> Result:
    x = call.only()
    if call.get("use_input_stats"):
        return x.mixed(range(2, len(x.dims)))
    return x


# products


@rule("mm bmm matmul mv dot addmm baddbmm addbmm addmv _addmm_activation linear")
def _multiplied(call: Call) -> Result:
    first = call.get("batch1", "mat1", "mat", "self", "input")
    second = call.get("batch2", "mat2", "vec", "tensor", "other", "weight")
    bias = call.get("bias") if call.name == "linear" else None
    if call.name.startswith(("add", "badd", "_addmm")):
        bias = call.get("self")
    a, b = call.read(first), call.read(second)
    shape = tuple(call.out.shape)
    if call.name == "linear" and b is not None:
        b = b.permuted([1, 0]) if len(b.dims) == 2 else b.inserted(1)
    column = second.dim() == 1
    if column:
        shape = (*shape, 1)
    row = first.dim() == 1
    if row:
        shape = (*shape[:-1], 1, shape[-1]) if shape else (1, 1)
    parts = []
    if a is not None:
        a = a.inserted(0) if row else a
        parts.append(a.reduced([len(a.dims) - 1], keep=True))
    if b is not None:
        b = b.inserted(1) if column else b
        parts.append(b.reduced([len(b.dims) - 2], keep=True))
    if call.name == "addbmm":
        parts = [part.reduced([0], keep=False) for part in parts]
    product = hull_of(parts, shape) if parts else Dependence.nothing(call.lengths, shape)
    last = len(product.dims) - 1
    product = product.dropped([last] * column + [last - 1] * row)
    added = call.read(bias)
    return product if added is None else hull_of([product, added], call.out.shape)


@rule(
    "scaled_dot_product_attention _scaled_dot_product_attention_math "
    "_scaled_dot_product_attention_math_for_mps _scaled_dot_product_flash_attention "
    "_scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_efficient_attention "
    "_scaled_dot_product_cudnn_attention _scaled_dot_product_fused_attention_overrideable"
)
def _attended(call: Call) -> Result:
    query, key, value = (call.read(call.get(name)) for name in ("query", "key", "value"))
    mask = call.read(call.get("attn_mask", "attn_bias"))
    last = call.out.dim() - 1
    if call.get("query").shape[:-2] != call.get("key").shape[:-2]:
        raise Unknown("heads share keys")
    parts = []
    if query is not None:
        parts.append(query.reduced([last], keep=True))
    if key is not None:
        parts.append(key.reduced([last - 1, last], keep=True))
    if value is not None:
        parts.append(value.reduced([last - 1], keep=True))
    if mask is not None:
        parts.append(mask.reduced([len(mask.dims) - 1], keep=True))
    # two of an image's rows and columns meet in a sum over keys, whatever a mask leaves out of it
    return hull_of(parts, call.out.shape)


@rule("_native_multi_head_attention")
def _multi_head_attention(call: Call) -> Result:
    parts = []
    for name in ("key", "value"):
        x = call.read(call.get(name))
        if x is not None:
            parts.append(x.reduced([1, 2], keep=True))
    query = call.read(call.get("query"))
    if query is not None:
        parts.append(query.reduced([2], keep=True))
    return hull_of(parts, call.out.shape)


@rule("_transformer_encoder_layer_fwd")
def _encoder_layer(call: Call) -> Result:
    return call.given(call.args[0]).reduced([1, 2], keep=True).expanded(call.out.shape)


@rule("quantized::linear")
def _quantized_linear(call: Call) -> Result:
    x = call.only()
    return x.reduced([len(x.dims) - 1], keep=True).expanded(call.out.shape)
