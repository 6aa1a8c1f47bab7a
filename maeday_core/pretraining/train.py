"""Pretraining a masked autoencoder on one's own pictures: the recipe of the bundled model."""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import pickle
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from maeday_core.errors import SettingsError, WeightsError
from maeday_core.io.files import replacing, writing
from maeday_core.io.images import RGBImage
from maeday_core.model.checkpoints import save_weights
from maeday_core.model.mae import MAEConfig, MaskedAutoencoder, normalise
from maeday_core.model.masks import mask_from_noise
from maeday_core.pretraining.corpus import Corpus
from maeday_core.pretraining.crops import draw_crops
from maeday_core.pretraining.first_weights import new_model
from maeday_core.pretraining.plan import RECIPE, Plan

STATE_FORMAT = 1
HELD_OUT_SEED = 2**31
Log = Callable[[dict[str, float]], None]


def pretrain(
    corpus: Corpus,
    out: str | os.PathLike[str],
    plan: Plan | None = None,
    *,
    start: MaskedAutoencoder | None = None,
    resume: str | os.PathLike[str] | None = None,
    log: Log = lambda row: None,
) -> MaskedAutoencoder:
    """Train a masked autoencoder.

    Every batch follows from the seed and the step alone, so a resumed run continues the same sequence.

    Args:
        corpus: the pictures.
        out: the weights file to write, one that `load_model` takes. Beside it lie, as `out` with another ending,
            `.state`, from which an interrupted run resumes, and `.jsonl`, the rows given to `log`.
        plan: what to train, and for how long.
        start: a model whose weights to start from, instead of random ones; what it lacks (a draft) starts silent.
        resume: a `.state` file.
        log: receives `step`, `loss` (as trained), `masked_mse` and `held_out_mse` (normalised pixels, hidden patches),
            `crops_per_second` and `minutes` every `plan.log_every` steps.

    Returns:
        The trained model, float32.

    Raises:
        SettingsError: `out` is no `.safetensors` file.
        OutputError: a file cannot be written; the run can be resumed from the last state.
        WeightsError: `resume` is no state of such a run, or `start` has other sizes than `plan.config`.
    """
    plan, out = plan or Plan(), Path(out)
    if out.suffix != ".safetensors" or out.is_dir():
        raise SettingsError(f"Weights are written as safetensors: give a file name with that ending, not {out}.")
    run = Training(plan, start)
    if resume:
        run.load_state(resume)
    with _fast_on_few_cores(), out.with_suffix(".jsonl").open("a" if resume else "w") as curve:
        for row in _rows(run, corpus):
            with writing(curve.name):
                curve.write(json.dumps(row) + "\n")
                curve.flush()
            log(row)
            run.save_state(out.with_suffix(".state"))
    run.save_state(out.with_suffix(".state"))
    crops, minutes = run.step * plan.batch_size, run.seconds / 60
    save_weights(run.model.eval(), out, {"steps": str(run.step), "crops": str(crops), "minutes": f"{minutes:.0f}"})
    return run.model


class Training:
    """A run as it stands: the model, its optimiser, and how far it is.

    Args:
        plan: what to train, and for how long.
        start: a model whose weights to start from, instead of random ones.
    """

    def __init__(self, plan: Plan, start: MaskedAutoencoder | None = None):
        if start is not None and replace(start.config, draft=plan.config.draft) != plan.config:
            raise WeightsError(f"The model {start.info.name} has other sizes than the one to train: {plan.config}.")
        self.plan = plan
        self.step = 0
        self.seconds = 0.0
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = new_model(plan.config, plan.seed).to(self.device).train()
        if start is not None:
            self.model.load_state_dict(start.state_dict(), strict=False)
        self.rate = RECIPE.continued_rate if start else RECIPE.rate
        self.optimizer = _optimizer(self.model, self.rate)

    @property
    def progress(self) -> float:
        """Share of the plan that is done, 0 to 1 and a little more."""
        return max(self.step / self.plan.steps, self.seconds / 60 / self.plan.minutes)

    def train(self, images: Tensor, masks: Tensor) -> tuple[float, float]:
        """One step on images (N, 3, S, S), normalised, under masks (N, L); returns what `reconstruction_loss` does."""
        warmup = max(1, min(RECIPE.warmup, int(self.plan.steps * RECIPE.warmup_share)))
        rising, falling = min(1, (self.step + 1) / warmup), 0.5 * (1 + math.cos(math.pi * self.progress))
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * rising * falling
        with torch.autocast(self.device.type, torch.bfloat16):
            loss, masked = reconstruction_loss(self.model, images.to(self.device), masks.to(self.device))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), RECIPE.clip)
        self.optimizer.step()
        self.step += 1
        return loss.item(), masked.item()

    def save_state(self, path: Path) -> None:
        """Write all that `load_state` needs to continue the run, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        state: dict[str, Any] = {"format": STATE_FORMAT, "step": self.step, "seconds": self.seconds}
        state |= {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        content = io.BytesIO()
        torch.save(state, content)  # which does not say that a disk is full
        # The view is let go here: kept by an error's frames, it ends early releases of Python 3.12 (CPython 111049).
        with replacing(path) as temporary, content.getbuffer() as view:
            temporary.write_bytes(view)

    def load_state(self, path: str | os.PathLike[str]) -> None:
        """Continue where `save_state` was called.

        Raises:
            WeightsError: the file is not the state of such a run.
        """
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
            if state["format"] != STATE_FORMAT:
                raise ValueError(state["format"])
            self.model.load_state_dict(state["model"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.step, self.seconds = state["step"], state["seconds"]
        except (KeyError, TypeError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise WeightsError(f"{path} is not the state of an interrupted run of this model and version.") from error


def _rows(run: Training, corpus: Corpus) -> Iterator[dict[str, float]]:
    """Train to the end of the plan; yields a row of the curve every `log_every` steps."""
    plan = run.plan
    losses: list[tuple[float, float]] = []
    with contextlib.closing(_batches(corpus.train, plan, run.step)) as batches:
        while run.progress < 1:
            began = time.perf_counter()
            losses.append(run.train(*next(batches)))
            run.seconds += time.perf_counter() - began
            if run.step % plan.log_every == 0 or run.step == plan.steps:
                trained, hidden = np.mean(losses, axis=0)
                yield {
                    "step": run.step,
                    "loss": round(float(trained), 5),
                    "masked_mse": round(float(hidden), 5),
                    "held_out_mse": round(held_out_error(run.model, corpus.held_out), 5),
                    "crops_per_second": round(run.step * plan.batch_size / run.seconds, 1),
                    "minutes": round(run.seconds / 60, 2),
                }
                losses.clear()


def _batches(images: Sequence[RGBImage], plan: Plan, step: int) -> Generator[tuple[Tensor, Tensor], None, None]:
    """The batches from `step` on; while one is trained on, the next is drawn."""
    with ThreadPoolExecutor(1) as loader:
        batch = loader.submit(_draw_batch, images, plan.config, plan.batch_size, plan.seed, step)
        while True:
            step += 1
            drawn = batch.result()
            batch = loader.submit(_draw_batch, images, plan.config, plan.batch_size, plan.seed, step)
            yield drawn


def _draw_batch(
    images: Sequence[RGBImage], config: MAEConfig, count: int, seed: int, step: int
) -> tuple[Tensor, Tensor]:
    rng = np.random.default_rng([seed, step])
    crops = torch.from_numpy(draw_crops(images, count, config.image_size, rng)).permute(0, 3, 1, 2)
    masks = mask_from_noise(torch.from_numpy(rng.random((count, config.num_patches))), RECIPE.mask_ratio)
    return normalise(crops.float() / 255), masks


def reconstruction_loss(model: MaskedAutoencoder, images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
    """The training loss and, for the curve, the mean squared error on hidden patches alone (normalised pixels).

    The loss adds a quarter of the error on visible patches, because the error map counts those too, and divides each
    image's error by its contrast, so that dark and pale surfaces are learned as well as vivid ones.

    Args:
        model: the one to train.
        images: (N, 3, S, S), normalised.
        masks: bool (N, L), True where hidden.
    """
    target = model.patchify(images)
    error = (model(images, masks).float() - target).square().mean(dim=-1)
    hidden = (error * masks).sum(dim=1) / masks.sum(dim=1)
    visible = (error * ~masks).sum(dim=1) / (~masks).sum(dim=1)
    contrast = images[..., ::4, ::4].flatten(1).std(dim=1) + RECIPE.least_contrast
    return ((hidden + RECIPE.visible_weight * visible) / contrast).mean(), hidden.mean()


@torch.inference_mode()
def held_out_error(model: MaskedAutoencoder, images: Sequence[RGBImage], count: int = 64) -> float:
    """Mean squared error on the hidden patches of held-out crops, always the same ones (normalised pixels)."""
    crops, masks = (t.to(model.device) for t in _draw_batch(images, model.config, count, HELD_OUT_SEED, 0))
    with torch.autocast(model.device.type, torch.bfloat16):
        return reconstruction_loss(model, crops, masks)[1].item()


def _optimizer(model: MaskedAutoencoder, rate: float) -> torch.optim.AdamW:
    """AdamW whose weight decay spares biases, norms and tokens."""
    decayed = [p for p in model.parameters() if p.ndim >= 2 and p.shape[0] > 1]
    rest = [p for p in model.parameters() if not (p.ndim >= 2 and p.shape[0] > 1)]
    groups = [{"params": decayed, "weight_decay": RECIPE.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=RECIPE.betas, fused=True)


@contextlib.contextmanager
def _fast_on_few_cores() -> Iterator[None]:
    """Denormal numbers count as zero and OpenCV uses one thread, for as long as the block lasts."""
    threads = cv2.getNumThreads()
    flushed = torch.tensor(1e-310, dtype=torch.float64).mul(1).item() == 0
    torch.set_flush_denormal(True)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
        torch.set_flush_denormal(flushed)
