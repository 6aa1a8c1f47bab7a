"""What is exported: the masked autoencoder from a picture to its reconstructions, and a network to its features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from maeday_core.export.cosines import papoulis_gerchberg
from maeday_core.model.backbone import Backbone, join
from maeday_core.model.draft import EXTRAPOLATION, extrapolate
from maeday_core.model.mae import MaskedAutoencoder, denormalise, normalise


class Reconstructing(nn.Module):
    """A masked autoencoder, from pixels to pixels."""

    def __init__(self, model: MaskedAutoencoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, picture: Tensor, visible: Tensor) -> Tensor:
        """A picture (1, 3, S, S), RGB in [0, 1], under N masks that leave K patches each visible.

        Args:
            picture: float32.
            visible: int64 (N, K), the numbers of the visible patches.

        Returns:
            (N, 3, S, S) float32, RGB, not clipped.
        """
        model, images = self.model, normalise(picture)
        hidden = torch.ones(visible.shape[0], model.config.num_patches).scatter(1, visible, 0.0) > 0
        draft = None
        if model.config.draft:
            draft = model.patchify(extrapolate(images, hidden, EXTRAPOLATION, papoulis_gerchberg))
        return denormalise(model.unpatchify(model.decode(model.encode(model.embed(images), visible), visible, draft)))


class Describing(nn.Module):
    """A network that describes the patches of a picture."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.network, self.mean, self.std = backbone.network, backbone.mean, backbone.std

    def forward(self, picture: Tensor) -> Tensor:
        """A picture (1, 3, H, W), RGB in [0, 1] -> features (h, w, C) of unit length."""
        return join(self.network((picture - self.mean) / self.std))
