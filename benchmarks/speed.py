"""Speed on this machine, each figure beside a rival or a limit measured in the same run."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch

from maeday_core.detection.reconstruction import Settings, detect, micro_batches, stream
from maeday_core.fewshot.fine_tuning import FineTuning
from maeday_core.methods.base import detector
from maeday_core.methods.patchcore import MAX_PATCHES, build_bank, patchcore
from maeday_core.methods.self_reference import self_reference
from maeday_core.model.backbone import LITE0, load_backbone
from maeday_core.model.device import best_device, best_dtype
from maeday_core.model.draft import EXTRAPOLATION
from maeday_core.model.load import load_model
from maeday_core.model.mae import CONFIGS, MAEConfig, MaskedAutoencoder
from maeday_core.model.masks import mask_from_noise

MASKS = 32
ROUNDS = 11
TUNING_ROUNDS = 5
TILING_ROUNDS = 3
LARGE = ((1536, 1024), (3072, 2048), (4190, 3040), (8000, 2000))
OURS = "base: forward of 32 masks"
BASE = "base: detect, 32 masks"
RIVAL = "transformers: forward of a batch of 32"


def bench_detect() -> Iterator[dict[str, Any]]:
    """Time detection with N = 32 masks at base size and with the bundled model.

    Yields rows of `what`, `value`, `unit`. Times are medians of eleven interleaved rounds. The rival is transformers'
    `ViTMAEForPreTraining` (needs transformers) with the same shape and number format, as one batch of 32; ours goes
    through the micro-batches of `detect`.
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
        OURS: lambda: _forward(base, image, masks),
        BASE: lambda: detect(base, query),
        "matmul": _matmul(device, dtype),
    }
    if rival := _transformers_forward(image, noise):
        contenders[RIVAL] = rival
    with torch.inference_mode():
        times = _interleaved(contenders, device, ROUNDS)
    seconds = {name: statistics.median(values) for name, values in times.items()}
    matmul = seconds.pop("matmul")
    for what, value in seconds.items():
        yield _row(what, 1000 * value, "ms")
    ours = seconds[OURS]
    if rival:
        ratios = [a / b for a, b in zip(times[OURS], times[RIVAL], strict=True)]
        yield _row("ours / transformers, median of the rounds", statistics.median(ratios), "")
    rate = 2 * _MATMUL_SIDE**3 / matmul
    work = forward_flops(base.config, MASKS)
    yield _row("base: work of 32 masks", work / 1e9, "GFLOP")
    yield _row("matrix multiplication rate of this machine", rate / 1e9, "GFLOP/s")
    yield _row("base: share of that rate reached", 100 * work / ours / rate, "%")

    bundled = load_model("bundled", device=device, dtype=dtype)
    first, whole = [], []
    for _ in range(1 + ROUNDS):
        start = time.perf_counter()
        moments = [time.perf_counter() - start for _ in stream(bundled, query, Settings(masks=MASKS))]
        first.append(moments[0])
        whole.append(moments[-1])
    light = forward_flops(bundled.config, MASKS)
    yield _row("bundled: work of 32 masks", light / 1e9, "GFLOP")
    yield _row("bundled / base, work", light / work, "")
    yield _row("bundled: 32 masks, streamed", 1000 * statistics.median(whole[1:]), "ms")
    yield _row("bundled / base, time of a detection", statistics.median(whole[1:]) / seconds[BASE], "")
    yield _row("bundled: first partial heat map", 1000 * statistics.median(first[1:]), "ms")
    yield _row("bundled: first / whole", statistics.median(first[1:]) / statistics.median(whole[1:]), "")


def bench_adapt() -> Iterator[dict[str, Any]]:
    """Time fine-tuning: a step of LoRA and one of all weights at base size, and all of it with the bundled model.

    Yields rows of `what`, `value`, `unit`. The two kinds of step are the paper's, batches of 32, interleaved.
    """
    device = best_device()
    dtype = best_dtype(device)
    yield _row(f"device {device.type}, {str(dtype).removeprefix('torch.')}, threads", torch.get_num_threads(), "")
    shot = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)

    bundled = load_model("bundled", device=device, dtype=dtype)
    start = time.perf_counter()
    tuning = FineTuning(bundled, [shot])
    for _ in tuning:
        pass
    trained = time.perf_counter() - start
    tuning.finish()
    yield _row(f"bundled: {tuning.steps} steps of the default preset", trained, "s")
    yield _row("bundled: the same with calibration", time.perf_counter() - start, "s")

    torch.manual_seed(0)
    base = MaskedAutoencoder(CONFIGS["base"]).to(device, dtype).requires_grad_(False).eval()
    default = FineTuning(base, [shot], steps=1)
    default.run()
    yield _row("base: peak memory, default preset and calibration", _peak_memory(device) / 2**30, "GiB")
    steps = {name: iter(FineTuning(base, [shot], name, steps=1 + TUNING_ROUNDS)) for name in ("paper", "full")}
    times = _interleaved({name: partial(next, run) for name, run in steps.items()}, device, TUNING_ROUNDS)
    for name, what in (("paper", "LoRA"), ("full", "all weights")):
        yield _row(f"base: a step of 32 crops, {what}", statistics.median(times[name]), "s")
    ratios = [a / b for a, b in zip(times["paper"], times["full"], strict=True)]
    yield _row("LoRA / all weights, median of the rounds", statistics.median(ratios), "")


def bench_embeddings() -> Iterator[dict[str, Any]]:
    """Time PatchCore with a bank of eight shots, and self-reference, beside their backbone's forward pass.

    Yields rows of `what`, `value`, `unit`. Times are medians of interleaved rounds. The memory is that of this process
    before and after a bank of a thousand shots.
    """
    device = best_device()
    yield _row(f"device {device.type}, threads", torch.get_num_threads(), "")
    backbone = load_backbone(device=device)
    rng = np.random.default_rng(0)
    shots = [rng.integers(0, 256, (224, 224, 3), dtype=np.uint8) for _ in range(8)]
    start = time.perf_counter()
    bank = build_bank(backbone, shots)
    yield _row(f"a bank of 8 shots in 8 views each, {len(bank.features)} patches", time.perf_counter() - start, "s")
    large = rng.integers(0, 256, (1024, 1536, 3), dtype=np.uint8)
    forward, patches = "lite0: features of 224 x 224", "PatchCore with that bank"
    times = _interleaved(
        {
            forward: lambda: backbone(shots[0]),
            patches: lambda: patchcore(backbone, bank, shots[0]),
            "self-reference, 224 x 224": lambda: self_reference(backbone, shots[0]),
            "self-reference, 1536 x 1024 at half size": lambda: self_reference(backbone, large),
        },
        device,
        ROUNDS,
    )
    for what, values in times.items():
        yield _row(what, 1000 * statistics.median(values), "ms")
    ratios = [a / b for a, b in zip(times[patches], times[forward], strict=True)]
    yield _row("PatchCore / its features, median of the rounds", statistics.median(ratios), "")
    before = _peak_memory(device)
    start = time.perf_counter()
    build_bank(backbone, (rng.integers(0, 256, (224, 224, 3), dtype=np.uint8) for _ in range(1000)), augment=False)
    yield _row(f"a bank of 1000 shots, {MAX_PATCHES} patches", time.perf_counter() - start, "s")
    yield _row("peak memory before it", before / 2**20, "MiB")
    yield _row("peak memory after it", _peak_memory(device) / 2**20, "MiB")


def bench_tiling() -> Iterator[dict[str, Any]]:
    """Time the zero-shot ensemble through windows, four balanced masks, on pictures of growing size.

    Yields rows of `what`, `value`, `unit`: windows, seconds, seconds a megapixel, and the peak memory so far.
    """
    device = best_device()
    yield _row(f"device {device.type}, threads", torch.get_num_threads(), "")
    model = load_model("bundled", device=device)
    settings = Settings(masks=4, sampling="balanced", tile="on")
    judge = detector("ensemble", model, LITE0, settings)
    for width, height in LARGE:
        query = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        seconds = []
        for _ in range(TILING_ROUNDS):
            start = time.perf_counter()
            *_, result = judge(query)
            seconds.append(time.perf_counter() - start)
        name = f"{width} x {height}"
        yield _row(f"{name}: {result.settings['tiles']}", width * height / 1e6, "megapixels")
        yield _row(f"{name}: ensemble", statistics.median(seconds), "s")
        yield _row(f"{name}: a megapixel", statistics.median(seconds) / (width * height / 1e6), "s")
        yield _row(f"{name}: peak memory so far", _peak_memory(device) / 2**30, "GiB")


def _peak_memory(device: torch.device) -> float:
    """Bytes: of the device, or of this process so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB


def forward_flops(config: MAEConfig, masks: int, ratio: float = 0.75) -> float:
    """Floating-point operations of one image under `masks` masks.

    Two for each multiply-add, attention included; 2.5 n log2(n) for a real Fourier transform of n values.
    """

    def blocks(tokens: int, dim: int, mlp_dim: int, depth: int) -> float:
        return depth * 2 * tokens * (4 * dim**2 + 2 * dim * mlp_dim + 2 * tokens * dim)

    c = config
    visible = int(c.num_patches * (1 - ratio)) + 1
    pixels = 3 * c.patch_size**2
    encoder = blocks(visible, c.dim, c.mlp_dim, c.depth)
    decoder = blocks(c.num_patches + 1, c.decoder_dim, c.decoder_mlp_dim, c.decoder_depth)
    edges: float = 2 * visible * c.dim * c.decoder_dim + 2 * (c.num_patches + 1) * c.decoder_dim * pixels
    if c.draft:
        canvas = (c.image_size // 2 + EXTRAPOLATION.margin) ** 2
        edges += EXTRAPOLATION.steps * 2 * 2.5 * canvas * math.log2(canvas) + 2 * c.num_patches * c.decoder_dim * pixels
    return 2 * c.num_patches * pixels * c.dim + masks * (encoder + decoder + edges)


_MATMUL_SIDE = 2048


def _matmul(device: torch.device, dtype: torch.dtype) -> Callable[[], torch.Tensor]:
    a, b = (torch.randn(_MATMUL_SIDE, _MATMUL_SIDE, device=device).to(dtype) for _ in range(2))
    return lambda: a @ b


def _forward(model: MaskedAutoencoder, image: torch.Tensor, masks: torch.Tensor) -> None:
    tokens = model.embed(image)
    for batch in masks.split(list(micro_batches(len(masks)))):
        model.decode(model.encode(tokens, batch), batch, model.draft(image, batch))


def _transformers_forward(image: torch.Tensor, noise: torch.Tensor) -> Callable[[], Any] | None:
    try:
        from transformers import ViTMAEConfig, ViTMAEForPreTraining
    except ImportError:
        return None
    model = ViTMAEForPreTraining(ViTMAEConfig()).to(image.device, image.dtype).eval()  # type: ignore[arg-type]
    batch = image.expand(len(noise), -1, -1, -1).contiguous()
    return lambda: model(batch, noise=noise)


def _interleaved(contenders: dict[str, Callable[[], Any]], device: torch.device, rounds: int) -> dict[str, list[float]]:
    """Seconds of each contender in each round; the order turns, so that nobody always follows the same one."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(1 + rounds):
        order = list(contenders)
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            start = time.perf_counter()
            contenders[name]()
            if device.type == "cuda":
                torch.cuda.synchronize()
            times[name].append(time.perf_counter() - start)
    return {name: values[1:] for name, values in times.items()}


def _row(what: str, value: float, unit: str) -> dict[str, Any]:
    return {"what": what, "value": float(value), "unit": unit}
