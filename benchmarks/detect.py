"""Detection with N = 32 masks: at base size beside transformers and beside this machine's limit, and as it ships."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator

import torch

from benchmarks.timing import Contenders, Row, interleaved, machine, noise, ratio, row
from maeday_core.detection.reconstruction import detect, micro_batches, stream
from maeday_core.detection.settings import Settings
from maeday_core.io.images import RGBImage
from maeday_core.model.device import best_device, best_dtype
from maeday_core.model.draft import EXTRAPOLATION
from maeday_core.model.load import load_model
from maeday_core.model.mae import CONFIGS, MAEConfig, MaskedAutoencoder, visible_places
from maeday_core.model.masks import mask_from_noise

MASKS = 32
RATIO = 0.75
ROUNDS = 11
MATRIX_SIDE = 2048
OURS = "base: forward of 32 masks"
WHOLE = "base: detect, 32 masks"
RIVAL = "transformers: forward of a batch of 32"
MULTIPLICATION = "matrix multiplication"


def run() -> Iterator[Row]:
    """Time detection; times are medians of eleven interleaved rounds.

    The rival is transformers' `ViTMAEForPreTraining` (where transformers is installed) with the same shape and number
    format, as one batch of 32; ours goes through the micro-batches of `detect`.
    """
    device = best_device()
    dtype = best_dtype(device)
    query = noise(224, 224)
    yield machine(device, dtype)
    torch.manual_seed(0)
    base = MaskedAutoencoder(CONFIGS["base"]).to(device, dtype).eval()
    contenders = _contenders(base, query)
    with torch.inference_mode():
        times = interleaved(contenders, device, ROUNDS)
    seconds = {name: statistics.median(values) for name, values in times.items()}
    yield from (row(name, 1000 * value, "ms") for name, value in seconds.items() if name != MULTIPLICATION)
    if RIVAL in times:
        yield row("ours / transformers, median of the rounds", ratio(times, OURS, RIVAL), "")
    rate = 2 * MATRIX_SIDE**3 / seconds[MULTIPLICATION]
    work = forward_flops(base.config, MASKS)
    yield row("base: work of 32 masks", work / 1e9, "GFLOP")
    yield row("matrix multiplication rate of this machine", rate / 1e9, "GFLOP/s")
    yield row("base: share of that rate reached", 100 * work / seconds[OURS] / rate, "%")
    yield from _bundled(load_model("bundled", device=device, dtype=dtype), query, work, seconds[WHOLE])


def _contenders(base: MaskedAutoencoder, query: RGBImage) -> Contenders:
    drawn = torch.rand(MASKS, base.config.num_patches, device=base.device)
    masks = mask_from_noise(drawn, RATIO)
    image = torch.randn(1, 3, 224, 224, device=base.device, dtype=base.dtype)
    a, b = (torch.randn(MATRIX_SIDE, MATRIX_SIDE, device=base.device).to(base.dtype) for _ in range(2))
    contenders: Contenders = {
        OURS: lambda: _forward(base, image, masks),
        WHOLE: lambda: detect(base, query),
        MULTIPLICATION: lambda: a @ b,
    }
    if rival := _transformers_forward(image, drawn):
        contenders[RIVAL] = rival
    return contenders


def _forward(model: MaskedAutoencoder, image: torch.Tensor, masks: torch.Tensor) -> None:
    tokens = model.embed(image)
    for batch in masks.split(list(micro_batches(len(masks)))):
        visible = visible_places(batch)
        model.decode(model.encode(tokens, visible), visible, model.draft(image, batch))


def _transformers_forward(image: torch.Tensor, drawn: torch.Tensor) -> Callable[[], object] | None:
    try:
        from transformers import ViTMAEConfig, ViTMAEForPreTraining
    except ImportError:
        return None
    model = ViTMAEForPreTraining(ViTMAEConfig()).to(image.device, image.dtype).eval()  # type: ignore[arg-type]
    batch = image.expand(len(drawn), -1, -1, -1).contiguous()
    return lambda: model(batch, noise=drawn)


def _bundled(model: MaskedAutoencoder, query: RGBImage, base_work: float, base_seconds: float) -> Iterator[Row]:
    """The bundled model: the whole detection, and when its first heat map is there."""
    first, whole = [], []
    for _ in range(1 + ROUNDS):
        start = time.perf_counter()
        moments = [time.perf_counter() - start for _ in stream(model, query, Settings(masks=MASKS))]
        first.append(moments[0])
        whole.append(moments[-1])
    seconds, seconds_to_first = statistics.median(whole[1:]), statistics.median(first[1:])
    work = forward_flops(model.config, MASKS)
    yield row("bundled: work of 32 masks", work / 1e9, "GFLOP")
    yield row("bundled / base, work", work / base_work, "")
    yield row("bundled: 32 masks, streamed", 1000 * seconds, "ms")
    yield row("bundled / base, time of a detection", seconds / base_seconds, "")
    yield row("bundled: first partial heat map", 1000 * seconds_to_first, "ms")
    yield row("bundled: first / whole", seconds_to_first / seconds, "")


def forward_flops(config: MAEConfig, masks: int, mask_ratio: float = RATIO) -> float:
    """Floating-point operations of one image under `masks` masks.

    Two for each multiply-add, attention included; 2.5 n log2(n) for a real Fourier transform of n values.
    """

    def blocks(tokens: int, dim: int, mlp_dim: int, depth: int) -> float:
        return depth * 2 * tokens * (4 * dim**2 + 2 * dim * mlp_dim + 2 * tokens * dim)

    c = config
    visible = int(c.num_patches * (1 - mask_ratio)) + 1
    pixels = 3 * c.patch_size**2
    encoder = blocks(visible, c.dim, c.mlp_dim, c.depth)
    decoder = blocks(c.num_patches + 1, c.decoder_dim, c.decoder_mlp_dim, c.decoder_depth)
    edges: float = 2 * visible * c.dim * c.decoder_dim + 2 * (c.num_patches + 1) * c.decoder_dim * pixels
    if c.draft:
        canvas = (c.image_size // 2 + EXTRAPOLATION.margin) ** 2
        edges += EXTRAPOLATION.steps * 2 * 2.5 * canvas * math.log2(canvas) + 2 * c.num_patches * c.decoder_dim * pixels
    return 2 * c.num_patches * pixels * c.dim + masks * (encoder + decoder + edges)
