"""The paper's Figures 4 to 6: what the model saw of pictures that it found, missed and took for defective."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from maeday_core.detection.result import SQUARED_ERROR, Provenance
from maeday_core.detection.settings import Settings
from maeday_core.drawing.letters import in_letters_at_hand
from maeday_core.drawing.pictures import COLOUR_MAP, difference, heat_map, masked_input, reconstruction
from maeday_core.evaluation.category import Sample, ground_truth
from maeday_core.evaluation.records import Result, Score
from maeday_core.evaluation.report.figures import Drawing
from maeday_core.io.images import RGBImage, load_image, resize
from maeday_core.methods import MAEDAY, Tools, detect
from maeday_core.model.mae import MaskedAutoencoder

MAX_CATEGORIES = 6
PANELS = ("Query", "Masked", "Recovered", "Difference", "Total score", "Ground truth")
CAPTIONS = {
    "figure-4": "Figure 4, found: the defective picture of each category that scores highest.",
    "figure-5": "Figure 5, missed: the defective picture of each category that scores lowest, below a good one.",
    "figure-6": "Figure 6, mistaken: the good picture of each category that scores highest, above a defective one.",
}
CAPTION_OF_ALL = (
    "Masked, recovered and difference are those of the first mask; the total score is the mean over all masks."
)


def example_figures(results: Sequence[Result], scores: Sequence[Score], model: MaskedAutoencoder) -> Iterator[Drawing]:
    """Figures 4 to 6, by a model's zero-shot scores with the first seed of each category.

    Found is the defective picture that scores highest. Where a good picture scores higher than a defective one, missed
    is the defective picture that scores lowest, and mistaken the good one that scores highest. Pictures that are no
    longer there are left out.
    """
    ours: dict[str, Result] = {}
    for result in results:
        by = result.made_by
        if (by.method, by.shots, by.model_sha256) == (MAEDAY.name, 0, model.info.sha256):
            ours.setdefault(result.category, result)
    shown = list(ours.values())[:MAX_CATEGORIES]
    found, missed, mistaken = [], [], []
    for result in shown:
        of_run = [score for score in scores if score.run == result.run and Path(score.path).is_file()]
        of_run.sort(key=lambda score: score.image_score)
        defective = [score for score in of_run if score.defect != "good"]
        good = [score for score in of_run if score.defect == "good"]
        found += defective[-1:]
        if defective and good and defective[0].image_score < good[-1].image_score:
            missed.append(defective[0])
            mistaken.append(good[-1])
    for (name, caption), chosen in zip(CAPTIONS.items(), (found, missed, mistaken), strict=True):
        if chosen:
            samples = {f"{score.category}\n{score.defect}": _sample(score) for score in chosen}
            settings = _settings(ours[chosen[0].category].made_by)
            yield Drawing(name, f"{caption} {CAPTION_OF_ALL}", what_it_saw(model, samples, settings))


def _settings(made_by: Provenance) -> Settings:
    return Settings(**{field.name: getattr(made_by, field.name) for field in fields(Settings)})


def _sample(score: Score) -> Sample:
    mask = Path(score.mask) if score.mask and Path(score.mask).exists() else None
    return Sample(Path(score.path), score.defect, mask)


def what_it_saw(model: MaskedAutoencoder, samples: Mapping[str, Sample], settings: Settings | None = None) -> Figure:
    """Query, masked input, recovered, difference, total score and ground truth: a row per picture.

    Args:
        model: judges the pictures zero-shot.
        samples: the pictures by the labels to write beside them.
        settings: by default the paper's.
    """
    width, height = 1.5 * len(PANELS) + 0.4, 1.62 * len(samples) + 0.8
    close = ConstrainedLayoutEngine(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0.01)
    figure = Figure(figsize=(width, height), layout=close)
    grid = figure.subplots(len(samples), len(PANELS), squeeze=False)
    for axes, (label, sample) in zip(grid, samples.items(), strict=True):
        score, pictures = _row(Tools.of(model, settings), sample)
        for axis, picture in zip(axes, pictures, strict=True):
            axis.set_xticks([])
            axis.set_yticks([])
            if picture is None:
                axis.set_axis_off()  # its title stays
                axis.text(0.5, 0.5, "not known", ha="center", va="center", fontsize=8, transform=axis.transAxes)
            else:
                axis.imshow(picture)
        axes[0].set_ylabel(in_letters_at_hand(label), fontsize=9, parse_math=False)
        axes[4].set_xlabel(f"S = {score:.2f}", fontsize=8, labelpad=2)
    for axis, title in zip(grid[0], PANELS, strict=True):
        axis.set_title(title, fontsize=10)
    colours = ScalarMappable(Normalize(*SQUARED_ERROR.scale(1)), COLOUR_MAP)
    bar = figure.colorbar(colours, ax=grid, location="bottom", shrink=0.35, aspect=30, pad=0.01, extend="max")
    bar.set_label(f"{SQUARED_ERROR.name}, in multiples of the limit of its picture", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    return figure


def _row(tools: Tools, sample: Sample) -> tuple[float, Sequence[RGBImage | None]]:
    """The image score and the pictures of a row."""
    image = load_image(sample.path)
    result = detect(MAEDAY, tools, image)
    seen = result.reconstructions
    assert seen
    side, scale = len(seen.query), result.unit.scale(result.threshold.value)
    total = resize(heat_map(result.error_map, scale), side, side)
    truth = None
    if sample.mask or not sample.anomalous:
        white = ground_truth(sample, image.shape[:2])[..., None] * np.uint8(255)
        truth = resize(np.repeat(white, 3, axis=2), side, side)
    pictures = (seen.query, masked_input(seen, 0), reconstruction(seen, 0), difference(seen, 0, scale))
    return result.image_score, (*pictures, total, truth)
