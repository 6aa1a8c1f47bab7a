"""Speed on this machine, each figure beside a rival or a limit measured in the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from maeday_core.detector import Settings, detect, stream
from maeday_core.masks import mask_from_noise
from maeday_core.model import CONFIGS, MAEConfig, MaskedAutoencoder
from maeday_core.weights import best_device, best_dtype, load_model

MASKS = 32
ROUNDS = 7


def bench_detect() -> Iterator[dict[str, Any]]:
    """Time detection with N = 32 masks at base size and with the bundled model.

    Yields rows of `what`, `value`, `unit`. Times are medians of seven interleaved rounds. The rival is transformers'
    `ViTMAEForPreTraining` (needs transformers) with the same shape and number format, as one batch of 32.
    """
    device = best_device()
    dtype = best_dtype(device)
    threads = torch.get_num_threads()
    yield _row(f"device {device.type}, {str(dtype).removeprefix('torch.')}, threads", threads, "")

    torch.manual_seed(0)
    base = MaskedAutoencoder(CONFIGS["base"]).to(device, dtype).eval()
    query = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    noise = torch.rand(MASKS, base.config.num_patches, device=device)
    masks = mask_from_noise(noise, 0.75)
    image = torch.randn(1, 3, 224, 224, device=device, dtype=dtype)
    contenders: dict[str, Callable[[], Any]] = {
        "base: forward of 32 masks": lambda: base.decode(base.encode(base.embed(image), masks), masks),
        "base: detect, 32 masks": lambda: detect(base, query),
        "matmul": _matmul(device, dtype),
    }
    if rival := _transformers_forward(image, noise):
        contenders["transformers: forward of a batch of 32"] = rival
    seconds = _interleaved(contenders, device)
    matmul = seconds.pop("matmul")
    for what, value in seconds.items():
        yield _row(what, 1000 * value, "ms")
    ours = seconds["base: forward of 32 masks"]
    if rival:
        yield _row("ours / transformers", ours / seconds["transformers: forward of a batch of 32"], "")
    rate = 2 * _MATMUL_SIDE**3 / matmul
    work = forward_flops(base.config, MASKS)
    yield _row("base: work of 32 masks", work / 1e9, "GFLOP")
    yield _row("matrix multiplication rate of this machine", rate / 1e9, "GFLOP/s")
    yield _row("base: share of that rate reached", 100 * work / ours / rate, "%")

    bundled = load_model("bundled", device=device, dtype=dtype)
    first, whole = [], []
    for _ in range(1 + ROUNDS):
        start = time.perf_counter()
        times = [time.perf_counter() - start for _ in stream(bundled, query, Settings(masks=MASKS))]
        first.append(times[0])
        whole.append(times[-1])
    yield _row("bundled: work of 32 masks", forward_flops(bundled.config, MASKS) / 1e9, "GFLOP")
    yield _row("bundled: 32 masks, streamed", 1000 * statistics.median(whole[1:]), "ms")
    yield _row("bundled: first partial heat map", 1000 * statistics.median(first[1:]), "ms")
    yield _row("bundled: first / whole", statistics.median(first[1:]) / statistics.median(whole[1:]), "")


def forward_flops(config: MAEConfig, masks: int, ratio: float = 0.75) -> float:
    """Floating-point operations of one image under `masks` masks: two for each multiply-add, attention included."""

    def blocks(tokens: int, dim: int, mlp_dim: int, depth: int) -> float:
        return depth * 2 * tokens * (4 * dim**2 + 2 * dim * mlp_dim + 2 * tokens * dim)

    c = config
    visible = int(c.num_patches * (1 - ratio)) + 1
    pixels = 3 * c.patch_size**2
    encoder = blocks(visible, c.dim, c.mlp_dim, c.depth)
    decoder = blocks(c.num_patches + 1, c.decoder_dim, c.decoder_mlp_dim, c.decoder_depth)
    edges = 2 * visible * c.dim * c.decoder_dim + 2 * (c.num_patches + 1) * c.decoder_dim * pixels
    return 2 * c.num_patches * pixels * c.dim + masks * (encoder + decoder + edges)


_MATMUL_SIDE = 2048


def _matmul(device: torch.device, dtype: torch.dtype) -> Callable[[], torch.Tensor]:
    a, b = (torch.randn(_MATMUL_SIDE, _MATMUL_SIDE, device=device).to(dtype) for _ in range(2))
    return lambda: a @ b


def _transformers_forward(image: torch.Tensor, noise: torch.Tensor) -> Callable[[], Any] | None:
    try:
        from transformers import ViTMAEConfig, ViTMAEForPreTraining
    except ImportError:
        return None
    model = ViTMAEForPreTraining(ViTMAEConfig()).to(image.device, image.dtype).eval()  # type: ignore[arg-type]
    batch = image.expand(len(noise), -1, -1, -1).contiguous()
    return lambda: model(batch, noise=noise)


def _interleaved(contenders: dict[str, Callable[[], Any]], device: torch.device) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in contenders}
    with torch.inference_mode():
        for _ in range(1 + ROUNDS):
            for name, run in contenders.items():
                start = time.perf_counter()
                run()
                if device.type == "cuda":
                    torch.cuda.synchronize()
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def _row(what: str, value: float, unit: str) -> dict[str, Any]:
    return {"what": what, "value": float(value), "unit": unit}
