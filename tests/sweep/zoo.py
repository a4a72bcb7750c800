"""The models of the sweep: how each is built, and an input that it accepts.

All of torchvision's builders and at least one small member of every file of timm's models, with
random weights, on inputs as small as they take.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import timm
import torch
import torchvision
from timm.models import _registry
from torch import Tensor, nn

_SIDE = 64
"""Height and width of an image, in pixels, where nothing is said."""


@dataclass(frozen=True)
class Case:
    """One model of the sweep.

    Attributes:
        family: `"torchvision/resnet"`: what runs in one process.
        name: Of the model; `" int8"` follows where it is quantized.
        build: Makes the model.
        inputs: Makes the positional arguments of its forward, the same ones every time.
    """

    family: str
    name: str
    build: Callable[[], nn.Module] = field(repr=False)
    inputs: Callable[[], tuple[Any, ...]] = field(repr=False)


def families() -> dict[str, list[Case]]:
    """Every case by its family, torchvision's first."""
    found: dict[str, list[Case]] = {}
    for case in (*torchvision_cases(), *timm_cases()):
        found.setdefault(case.family, []).append(case)
    return found


def torchvision_cases() -> list[Case]:
    """All of `torchvision.models.list_models()`; the quantizable ones as float and as int8."""
    cases = []
    for name in torchvision.models.list_models():
        family = _family(name)
        options = {"weights": None, **_OPTIONS.get(family, {}), **_OPTIONS.get(name, {})}
        inputs = _INPUTS.get(name) or _INPUTS.get(family) or _images()
        for quantize in (False, True) if family.startswith("quantization.") else (None,):
            more = {} if quantize is None else {"quantize": quantize}
            label = f"{name} int8" if quantize else name
            build = _builder(torchvision.models.get_model, name, {**options, **more})
            cases.append(Case(f"torchvision/{family}", label, build, inputs))
    return cases


def timm_cases() -> list[Case]:
    """The members in `TIMM`."""
    cases = []
    for family, names in TIMM.items():
        for name in names:
            side = _SIDES.get(name, _SIDE)
            options = {"img_size": side} if name in _RESIZED else {}
            build = _builder(timm.create_model, name, options)
            cases.append(Case(f"timm/{family}", name, build, _images((1, 3, side, side))))
    return cases


def unknown_families() -> list[str]:
    """The files of timm's models that no member was chosen from: timm has grown."""
    return sorted(set(_registry._module_to_models) - set(TIMM))


def _family(name: str) -> str:
    module: str = torchvision.models.get_model_builder(name).__module__
    return module.removeprefix("torchvision.models.")


def _builder(
    make: Callable[..., Any], name: str, options: dict[str, Any]
) -> Callable[[], nn.Module]:
    return lambda: make(name, **options)


def _images(*shapes: tuple[int, ...]) -> Callable[[], tuple[Tensor, ...]]:
    """Makes one tensor of each shape, its values in 0 to 1."""

    def make() -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(1)
        return tuple(torch.rand(shape, generator=generator) for shape in shapes or _ONE)

    return make


def _list_of_images(*sizes: tuple[int, int]) -> Callable[[], tuple[list[Tensor]]]:
    return lambda: (list(_images(*((3, *size) for size in sizes))()),)


_ONE = ((1, 3, _SIDE, _SIDE),)

# Random heads are sure of nothing: without a threshold something is found, and the later stages run.
_RCNN = {
    "weights_backbone": None,
    "min_size": 128,
    "max_size": 160,
    "rpn_pre_nms_top_n_test": 100,
    "rpn_post_nms_top_n_test": 50,
    "box_detections_per_img": 10,
    "box_score_thresh": 0.0,
}
_ONE_STAGE = {
    "weights_backbone": None,
    "min_size": 128,
    "max_size": 160,
    "topk_candidates": 50,
    "detections_per_img": 10,
    "score_thresh": 0.0,
}
_SINGLE_SHOT = {"weights_backbone": None, "topk_candidates": 50, "detections_per_img": 10}

# by family or by name: what the builder is told
_OPTIONS: dict[str, dict[str, Any]] = {
    "detection.faster_rcnn": _RCNN,
    "detection.mask_rcnn": _RCNN,
    "detection.keypoint_rcnn": _RCNN,
    "detection.retinanet": _ONE_STAGE,
    "detection.fcos": _ONE_STAGE,
    "detection.ssd": _SINGLE_SHOT,
    "detection.ssdlite": _SINGLE_SHOT,
    # its heads get no proposal at all: convolutions of empty tensors
    "maskrcnn_resnet50_fpn_v2": {"box_score_thresh": 0.9},
    "segmentation.deeplabv3": {"weights_backbone": None},
    "segmentation.fcn": {"weights_backbone": None},
    "segmentation.lraspp": {"weights_backbone": None},
    "vision_transformer": {"image_size": 64},
    "vit_h_14": {"image_size": 56},
}

_TWO_IMAGES = _list_of_images((96, 128), (128, 96))
_VIDEO = _images((1, 3, 4, 64, 64))

# by family or by name: what the model is given, where it is not one small image
_INPUTS: dict[str, Callable[[], tuple[Any, ...]]] = {
    "detection.faster_rcnn": _TWO_IMAGES,
    "detection.mask_rcnn": _TWO_IMAGES,
    "detection.keypoint_rcnn": _TWO_IMAGES,
    "detection.retinanet": _TWO_IMAGES,
    "detection.fcos": _TWO_IMAGES,
    # these enlarge what they get, to 300 and 320 pixels
    "detection.ssd": _list_of_images((96, 128)),
    "detection.ssdlite": _list_of_images((96, 128)),
    "inception": _images((1, 3, 96, 96)),
    "quantization.inception": _images((1, 3, 96, 96)),
    "maxvit": _images((1, 3, 224, 224)),
    "vit_h_14": _images((1, 3, 56, 56)),
    "optical_flow.raft": _images((1, 3, 128, 128), (1, 3, 128, 128)),
    "video.resnet": _VIDEO,
    "video.swin_transformer": _VIDEO,
    "video.s3d": _images((1, 3, 16, 224, 224)),
    "video.mvit": _images((1, 3, 16, 224, 224)),
}

# file of timm's models -> members; several where the file holds several architectures
TIMM: dict[str, tuple[str, ...]] = {
    "beit": ("beit_base_patch16_224",),
    "byoanet": ("halonet_h1", "lambda_resnet26t", "eca_botnext26ts_256"),
    "byobnet": ("mobileone_s1", "gernet_s", "resnext26ts", "repvgg_a0"),
    "cait": ("cait_xxs24_224",),
    "coat": ("coat_tiny", "coat_lite_tiny"),
    "convit": ("convit_tiny",),
    "convmixer": ("convmixer_768_32",),
    "convnext": ("convnext_atto", "convnextv2_atto"),
    "cpubone": ("cpubone_nano",),
    "crossvit": ("crossvit_tiny_240",),
    "csatv2": ("csatv2",),
    "cspnet": ("cs3darknet_focus_s", "cspresnet50"),
    "cspnext": ("cspnext_tiny",),
    "davit": ("davit_tiny",),
    "deepseek_vit": ("deepseek_vit_412m",),
    "deit": ("deit_tiny_patch16_224",),
    "densenet": ("densenetblur121d",),
    "dla": ("dla46x_c",),
    "dpn": ("dpn48b",),
    "edgenext": ("edgenext_xx_small",),
    "efficientformer": ("efficientformer_l1",),
    "efficientformer_v2": ("efficientformerv2_s0",),
    "efficientnet": (
        "mobilenetv2_050",
        "efficientnet_lite0",
        "tf_efficientnet_b0",
        "mixnet_s",
        "mnasnet_small",
        "tf_efficientnet_cc_b0_4e",
        "tinynet_e",
        "test_efficientnet_gn",
    ),
    "efficientvim": ("efficientvim_m1",),
    "efficientvit_mit": ("efficientvit_b0",),
    "efficientvit_msra": ("efficientvit_m0",),
    "eva": ("eva02_tiny_patch14_224", "vit_tiny_patch16_dinov3_qkvb"),
    "fasternet": ("fasternet_t0",),
    "fastvit": ("fastvit_t8",),
    "focalnet": ("focalnet_tiny_srf",),
    "gcvit": ("gcvit_xxtiny",),
    "gemma4_vit": ("gemma4_vit_167m",),
    "ghostnet": ("ghostnet_050", "ghostnetv3_050"),
    "hardcorenas": ("hardcorenas_b",),
    "hgnet": ("hgnetv2_b0",),
    "hiera": ("hiera_tiny_224",),
    "hieradet_sam2": ("sam2_hiera_tiny",),
    "hrnet": ("hrnet_w18_small",),
    "iformer": ("iformer_t",),
    "inception_next": ("inception_next_atto",),
    "inception_resnet_v2": ("ens_adv_inception_resnet_v2",),
    "inception_v3": ("adv_inception_v3",),
    "inception_v4": ("inception_v4",),
    "lcnetv2": ("lcnetv2_small",),
    "levit": ("levit_128s", "levit_conv_128s"),
    "lowformer": ("lowformer_b0",),
    "mambaout": ("mambaout_femto",),
    "maxxvit": ("coatnet_nano_rw_224", "coatnext_nano_rw_224", "maxvit_rmlp_pico_rw_256"),
    "metaformer": ("poolformer_s12", "caformer_s18"),
    "mlp_mixer": ("mixer_s32_224", "gmixer_12_224", "resmlp_12_224", "gmlp_ti16_224"),
    "mobilenetv3": (
        "mobilenetv3_small_050",
        "lcnet_050",
        "fbnetv3_b",
        "tf_mobilenetv3_small_minimal_100",
        "mobilenetv4_conv_small_050",
    ),
    "mobilenetv5": ("mobilenetv5_base",),
    "mobilevit": ("mobilevit_xxs", "mobilevitv2_050"),
    "mvitv2": ("mvitv2_tiny",),
    "naflexvit": ("naflexvit_base_patch16_gap",),
    "nasnet": ("nasnetalarge",),
    "nest": ("jx_nest_tiny",),
    "nextvit": ("nextvit_small",),
    "nfnet": ("nf_regnet_b0", "nf_resnet26", "dm_nfnet_f0"),
    "pit": ("pit_ti_224",),
    "pnasnet": ("pnasnet5large",),
    "pvt_v2": ("pvt_v2_b0",),
    "qwen3_vit": ("qwen3_vit_88m",),
    "rdnet": ("rdnet_tiny",),
    "regnet": ("regnetx_002", "regnety_002", "regnetz_005"),
    "repghost": ("repghostnet_050",),
    "repvit": ("repvit_m1",),
    "res2net": ("res2next50",),
    "resnest": ("resnest14d",),
    "resnet": ("resnet10t", "ecaresnet26t", "resnetblur18", "seresnext26d_32x4d"),
    "resnetv2": ("resnetv2_50x1_bit", "resnetv2_18"),
    "rexnet": ("rexnet_100",),
    "selecsls": ("selecsls42",),
    "senet": ("legacy_seresnet18",),
    "sequencer": ("sequencer2d_s",),
    "shvit": ("shvit_s1",),
    "sknet": ("skresnet18",),
    "starnet": ("starnet_s050",),
    "swiftformer": ("swiftformer_xs",),
    "swin_transformer": ("swin_tiny_patch4_window7_224",),
    "swin_transformer_v2": ("swinv2_tiny_window16_256",),
    "swin_transformer_v2_cr": ("swinv2_cr_tiny_224",),
    "tiny_vit": ("tiny_vit_5m_224",),
    "tnt": ("tnt_s_legacy_patch16_224",),
    "tresnet": ("tresnet_m",),
    "twins": ("twins_pcpvt_small", "twins_svt_small"),
    "vgg": ("vgg11",),
    "visformer": ("visformer_tiny",),
    "vision_transformer": ("vit_tiny_patch16_224", "vit_xsmall_patch16_clip_224", "test_vit3"),
    "vision_transformer_hybrid": ("vit_tiny_r_s16_p8_224",),
    "vision_transformer_relpos": ("vit_relpos_small_patch16_rpn_224",),
    "vision_transformer_sam": ("samvit_base_patch16_224",),
    "vitamin": ("vitamin_small_224",),
    "volo": ("volo_d1_224",),
    "vovnet": ("ese_vovnet19b_slim_dw",),
    "xception": ("legacy_xception",),
    "xception_aligned": ("xception41p",),
    "xcit": ("xcit_nano_12_p8_224",),
}

# height and width, where 64 is too small
_SIDES = {
    "halonet_h1": 256,
    "deepseek_vit_412m": 112,
    "efficientformer_l1": 224,
    "ens_adv_inception_resnet_v2": 96,
    "adv_inception_v3": 96,
    "inception_v4": 96,
}

# these are built for one size of image
_RESIZED = {
    "beit_base_patch16_224",
    "eca_botnext26ts_256",
    "cait_xxs24_224",
    "coat_tiny",
    "coat_lite_tiny",
    "convit_tiny",
    "deit_tiny_patch16_224",
    "efficientformerv2_s0",
    "eva02_tiny_patch14_224",
    "gcvit_xxtiny",
    "hiera_tiny_224",
    "levit_128s",
    "levit_conv_128s",
    "coatnet_nano_rw_224",
    "coatnext_nano_rw_224",
    "maxvit_rmlp_pico_rw_256",
    "mixer_s32_224",
    "gmixer_12_224",
    "resmlp_12_224",
    "gmlp_ti16_224",
    "jx_nest_tiny",
    "pit_ti_224",
    "swin_tiny_patch4_window7_224",
    "swinv2_tiny_window16_256",
    "swinv2_cr_tiny_224",
    "tnt_s_legacy_patch16_224",
    "visformer_tiny",
    "vit_tiny_patch16_224",
    "vit_xsmall_patch16_clip_224",
    "test_vit3",
    "vit_tiny_r_s16_p8_224",
    "vit_relpos_small_patch16_rpn_224",
    "vitamin_small_224",
    "volo_d1_224",
}
