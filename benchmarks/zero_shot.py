"""How the ensemble decides without good parts: the measurement behind `EVIDENCE_ALONE` and `DecisionRule.border`.

    python -m benchmarks.zero_shot SETS --category hazelnut grid --less 0 0.2 0.4 0.6

It judges every set's pictures once, the good ones of `train` among them, and clean surfaces of every kind that
`pretraining.textures` draws. For each of some discounts of the border it then prints, as means over the sets: image
AUROC; balanced accuracy, false alarms and hits on each set by a rule fitted on the other sets and the surfaces; and
that rule fitted on all.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from unittest.mock import patch

import numpy as np

from maeday_core.detection import decision
from maeday_core.detection.settings import Settings
from maeday_core.detection.windows import FloatMap
from maeday_core.evaluation.category import Category
from maeday_core.evaluation.datasets import find_categories
from maeday_core.evaluation.metrics import auroc, rank_scores
from maeday_core.io.images import RGBImage, load_image
from maeday_core.methods import ENSEMBLE, Tools, detect
from maeday_core.pretraining.textures import TEXTURES, draw_texture

SURFACE = 0.3
"""What a kind of drawn surface weighs beside a set of photographs."""


@dataclass(frozen=True)
class Judged:
    """The pictures of a set: maps (n, H, W), and which are defective (n,)."""

    maps: list[FloatMap]
    anomalous: np.ndarray
    weight: float = 1.0

    def logs(self) -> tuple[np.ndarray, np.ndarray]:
        """Logarithms of the image scores and of the ordinary levels, (n,) each."""
        judged = [decision.away_from_border(one) for one in self.maps]
        scores, levels = map(decision.image_score, judged), map(decision.ordinary_level, judged)
        return np.log(list(scores)), np.log(list(levels))


def evenly(values: Iterable, most: int) -> list:
    """At most so many of some values, by even steps."""
    values = list(values)
    return [values[place] for place in np.linspace(0, len(values) - 1, min(most, len(values))).round().astype(int)]


def pictures(category: Category, most: int) -> Iterator[tuple[RGBImage, bool]]:
    """At most so many good and defective pictures of a set, and whether they are defective."""
    bad = [sample.path for sample in category.samples if sample.anomalous]
    good = [sample.path for sample in category.samples if not sample.anomalous]
    good = evenly(good, most) + evenly(category.normals, max(0, most - len(good)))
    yield from ((load_image(path), False) for path in good)
    yield from ((load_image(path), True) for path in evenly(bad, most))


def surfaces(kind: str, count: int) -> Iterator[tuple[RGBImage, bool]]:
    """Clean surfaces of one kind."""
    for number in range(count):
        yield draw_texture(320, np.random.default_rng([number, list(TEXTURES).index(kind)]), kind), False


def judge(tools: Tools, found: Iterable[tuple[RGBImage, bool]], weight: float = 1.0) -> Judged:
    """Judge pictures by the ensemble."""
    pairs = [(detect(ENSEMBLE, tools, picture).error_map, anomalous) for picture, anomalous in found]
    return Judged([one for one, _ in pairs], np.array([anomalous for _, anomalous in pairs]), weight)


def fit(sets: Iterable[tuple[Judged, np.ndarray, np.ndarray]]) -> tuple[float, float, float]:
    """The factor's logarithm, the power and the spread of clean pictures' scores; every set weighs what it says."""
    good = [(one.weight / (~one.anomalous).sum(), s[~one.anomalous], o[~one.anomalous]) for one, s, o in sets]
    weight = np.concatenate([np.full(len(scores), share) for share, scores, _ in good])
    score, level = (np.concatenate([one[place] for one in good]) for place in (1, 2))
    power, factor = np.polyfit(level, score, 1, w=np.sqrt(weight))
    spread = np.sqrt(np.average((score - factor - power * level) ** 2, weights=weight))
    return float(factor), float(power), float(spread)


def row(sets: list[Judged], alarm_rate: float) -> str:
    """One line of the table."""
    known = [(one, *one.logs()) for one in sets]
    rates = []
    for number, (one, score, level) in enumerate(known):
        if one.anomalous.any():
            factor, power, spread = fit(known[:number] + known[number + 1 :])
            flagged = score > factor + power * level + spread * NormalDist().inv_cdf(1 - alarm_rate)
            alarms, hits = flagged[~one.anomalous].mean(), flagged[one.anomalous].mean()
            rates.append((auroc(rank_scores(one.anomalous, score)), 50 * (1 - alarms + hits), 100 * alarms, 100 * hits))
    factor, power, spread = fit(known)
    names = ("image AUROC", "balanced accuracy", "false alarms", "hits")
    means = ", ".join(f"{name} {value:.1f}" for name, value in zip(names, np.mean(rates, axis=0), strict=True))
    return f"{means}; {np.exp(factor):.3f} x ordinary ^ {power:.2f}, spread {spread:.3f}"


def main() -> None:
    """Measure and print one line for each discount of the border."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--category", nargs="+")
    parser.add_argument("--less", nargs="+", type=float, default=[0, 0.2, 0.4, 0.6])
    parser.add_argument("--most", type=int, default=25, help="good, and defective, pictures of a set")
    parser.add_argument("--surfaces", type=int, default=15, help="of every kind")
    parser.add_argument("--alarm-rate", type=float, default=decision.ALARM_RATE)
    options = parser.parse_args()
    tools = Tools.of(None, Settings(masks=16, sampling="balanced"))
    sets = [judge(tools, pictures(one, options.most)) for one in find_categories(options.root, options.category or ())]
    if options.surfaces:
        sets += [judge(tools, surfaces(kind, options.surfaces), SURFACE) for kind in TEXTURES]
    for less in options.less:
        with patch.object(decision, "RULE", replace(decision.RULE, border_less=less)):
            print(f"{less:g} less: {row(sets, options.alarm_rate)}")


if __name__ == "__main__":
    main()
