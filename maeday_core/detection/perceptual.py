"""The perceptual error: how different a picture and its reconstruction look to a network trained on pictures.

A reconstruction that puts one grain in the place of another is wrong in every pixel and yet looks right; a smear across
a crack is wrong in few and does not. So the squared distance of features is a second kind of error (the idea: Zhang et
al., CVPR 2018).
"""

from __future__ import annotations

import numpy as np
import torch

from maeday_core.io.images import RGBImage, resize_map
from maeday_core.model.backbone import load_backbone


def perceptual_error(seen: RGBImage, total: np.ndarray, times: np.ndarray, device: torch.device) -> np.ndarray:
    """Squared distance of EfficientNet-Lite0's features, of unit length, of a picture and of its mean reconstruction.

    Args:
        seen: uint8 (S, S, 3), the picture as the model saw it.
        total: float32 (S, S, 3), RGB in [0, 1]: the sum of its reconstructions where their masks hid the pixel.
        times: (S, S), how many masks hid it; where none did the picture itself is taken.
        device: where the features are computed.

    Returns:
        float32 (S, S), 0 to 4, interpolated between the features' cells of 8 px.
    """
    hidden = times[..., None]
    mean = np.where(hidden > 0, total / np.maximum(hidden, 1), seen / np.float32(255))
    reconstruction = (np.clip(mean, 0, 1) * 255).round().astype(np.uint8)
    backbone = load_backbone(device=device)
    squares = (backbone(seen) - backbone(reconstruction)).square().sum(dim=-1)
    return resize_map(squares.cpu().numpy(), *seen.shape[:2])
