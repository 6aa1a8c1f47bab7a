"""Pretraining a masked autoencoder on one's own pictures: the recipe of the bundled model."""

from __future__ import annotations

import json
import math
import os
import pickle
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from maeday_core.errors import SettingsError, WeightsError
from maeday_core.io.images import RGBImage
from maeday_core.model.checkpoints import save_weights
from maeday_core.model.mae import CONFIGS, MAEConfig, MaskedAutoencoder, normalise
from maeday_core.model.masks import mask_from_noise
from maeday_core.pretraining.corpus import Corpus, draw_crops

LEARNING_RATE = 1.5e-3
CONTINUED_RATE = 1e-3  # where the weights are trained ones already
BATCH_SIZE = 64
VISIBLE_WEIGHT = 0.25
MASK_RATIO = 0.75


def new_model(config: MAEConfig, seed: int) -> MaskedAutoencoder:
    """A model with the MAE paper's initialisation: Xavier weights, sine-cosine positions (here learned further)."""
    torch.manual_seed(seed)
    model = MaskedAutoencoder(config)
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
    nn.init.xavier_uniform_(model.patch_embed.proj.weight.view(config.dim, -1))
    if config.draft:  # silent until it has learned something
        nn.init.zeros_(model.draft_embed.weight)
        nn.init.zeros_(model.draft_gate.weight)
    nn.init.normal_(model.cls_token, std=0.02)
    nn.init.normal_(model.mask_token, std=0.02)
    for positions in (model.pos_embed, model.decoder_pos_embed):
        positions.data[0, 1:] = _sincos_positions(config.grid_size, positions.shape[-1])
    return model


def _sincos_positions(grid: int, dim: int) -> Tensor:
    omega = 1 / 10000 ** (torch.arange(dim // 4) / (dim // 4))
    y, x = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    angles = [axis.reshape(-1, 1) * omega for axis in (x, y)]
    return torch.cat([f(a) for a in angles for f in (torch.sin, torch.cos)], dim=1)


def reconstruction_loss(model: MaskedAutoencoder, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """The training loss and, for the curve, the mean squared error on hidden patches alone (normalised pixels).

    The loss adds a quarter of the error on visible patches, because the error map counts those too, and divides each
    image's error by its contrast, so that dark and pale surfaces are learned as well as vivid ones.
    """
    target = model.patchify(images)
    error = (model(images, masks).float() - target).square().mean(dim=-1)
    hidden = (error * masks).sum(dim=1) / masks.sum(dim=1)
    visible = (error * ~masks).sum(dim=1) / (~masks).sum(dim=1)
    contrast = images[..., ::4, ::4].flatten(1).std(dim=1) + 0.2
    return ((hidden + VISIBLE_WEIGHT * visible) / contrast).mean(), hidden.mean()


def pretrain(
    corpus: Corpus,
    out: str | os.PathLike[str],
    *,
    config: MAEConfig = CONFIGS["small"],
    steps: int = 100_000,
    minutes: float = math.inf,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
    start: MaskedAutoencoder | None = None,
    resume: str | os.PathLike[str] | None = None,
    log: Callable[[dict[str, float]], None] = lambda row: None,
    log_every: int = 100,
) -> MaskedAutoencoder:
    """Train until `steps` or `minutes` are used up, whichever comes first; the rate falls along a cosine to that end.

    Every batch follows from the seed and the step alone, so a resumed run continues the same sequence.

    Args:
        corpus: the pictures.
        out: the weights file to write, one that `load_model` takes. Beside it lie, as `out` with another ending,
            `.state`, from which an interrupted run resumes, and `.jsonl`, the rows given to `log`.
        minutes: training time, that of earlier runs included.
        start: a model whose weights to start from, instead of random ones; what it lacks (a draft) starts silent.
        resume: a `.state` file.
        log: receives `step`, `loss` (as trained), `masked_mse` and `held_out_mse` (normalised pixels, hidden patches),
            `crops_per_second` and `minutes` every `log_every` steps.

    Returns:
        The trained model, float32.

    Raises:
        SettingsError: a value out of its range, or `out` no `.safetensors` file.
        WeightsError: `resume` is no state of such a run, or `start` has other sizes than `config`.
    """
    out = Path(out)
    if out.suffix != ".safetensors" or out.is_dir():
        raise SettingsError(f"Weights are written as safetensors: give a file name with that ending, not {out}.")
    if steps < 1 or not minutes > 0 or seed < 0:
        raise SettingsError("Give at least one step, more than no minutes, and a seed of 0 or more.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = new_model(config, seed).to(device).train()
    if start is not None:
        if replace(start.config, draft=config.draft) != config:
            raise WeightsError(f"The model {start.info.name} has other sizes than the one to train: {config}.")
        model.load_state_dict(start.state_dict(), strict=False)
    rate = CONTINUED_RATE if start else LEARNING_RATE
    for block in [*model.blocks, *model.decoder_blocks]:
        block.attn.fused_attn = device.type != "cpu"  # on a CPU the fused kernel's backward pass takes twice the time
    torch.set_flush_denormal(True)
    cv2.setNumThreads(1)
    decayed = [p for p in model.parameters() if p.ndim >= 2 and p.shape[0] > 1]
    rest = [p for p in model.parameters() if not (p.ndim >= 2 and p.shape[0] > 1)]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), fused=True)
    warmup = max(1, min(500, steps // 10))
    step, seconds = 0, 0.0
    if resume:
        try:
            state = torch.load(resume, map_location=device, weights_only=True)
            model.load_state_dict(state["model"])
            optimizer.load_state_dict(state["optimizer"])
            step, seconds = state["step"], state["seconds"]
        except (KeyError, TypeError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise WeightsError(f"{resume} is not the state of an interrupted run of this model.") from error

    def save() -> None:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seconds": seconds}
        torch.save(state, out.with_suffix(".tmp"))
        os.replace(out.with_suffix(".tmp"), out.with_suffix(".state"))

    window: list[tuple[float, float]] = []
    with ThreadPoolExecutor(1) as loader, out.with_suffix(".jsonl").open("a" if resume else "w") as curve:
        batch = loader.submit(_draw_batch, corpus.train, config, batch_size, seed, step)
        while (progress := max(step / steps, seconds / 60 / minutes)) < 1:
            began = time.perf_counter()
            images, masks = (t.to(device) for t in batch.result())
            batch = loader.submit(_draw_batch, corpus.train, config, batch_size, seed, step + 1)
            for group in optimizer.param_groups:
                group["lr"] = rate * min(1, (step + 1) / warmup) * 0.5 * (1 + math.cos(math.pi * progress))
            with torch.autocast(device.type, torch.bfloat16):
                loss, masked = reconstruction_loss(model, images, masks)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            step += 1
            seconds += time.perf_counter() - began
            window.append((loss.item(), masked.item()))
            if step % log_every == 0 or step == steps:
                trained, hidden = np.mean(window, axis=0)
                row = {
                    "step": step,
                    "loss": round(float(trained), 5),
                    "masked_mse": round(float(hidden), 5),
                    "held_out_mse": round(held_out_error(model, corpus.held_out), 5),
                    "crops_per_second": round(step * batch_size / seconds, 1),
                    "minutes": round(seconds / 60, 2),
                }
                curve.write(json.dumps(row) + "\n")
                curve.flush()
                log(row)
                save()
                window.clear()
    save()
    model.eval()
    save_weights(model, out, {"steps": str(step), "crops": str(step * batch_size), "minutes": f"{seconds / 60:.0f}"})
    return model


@torch.inference_mode()
def held_out_error(model: MaskedAutoencoder, images: Sequence[RGBImage], count: int = 64) -> float:
    """Mean squared error on the hidden patches of held-out crops, always the same ones (normalised pixels)."""
    crops, masks = (t.to(model.device) for t in _draw_batch(images, model.config, count, 2**31, 0))
    with torch.autocast(model.device.type, torch.bfloat16):
        return reconstruction_loss(model, crops, masks)[1].item()


def _draw_batch(
    images: Sequence[RGBImage], config: MAEConfig, count: int, seed: int, step: int
) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng([seed, step])
    crops = torch.from_numpy(draw_crops(images, count, config.image_size, rng)).permute(0, 3, 1, 2)
    masks = mask_from_noise(torch.from_numpy(rng.random((count, config.num_patches))), MASK_RATIO)
    return normalise(crops.float() / 255), masks
