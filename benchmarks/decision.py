"""How good pictures score beside what the decision expects: the measurement behind `Rates` and `Roughness`.

    python -m benchmarks.decision SETS --method ensemble patchcore --shots 0 1 4 --seeds 0 1 2

For each method and number of shots it prints, as means over the sets (of each, over the draws of good parts):

- `above`: the mean logarithm of the good test pictures' scores over the expected level; 0 where the level is right.
- `spread`: the deviation of that logarithm from picture to picture.
- `uncertainty`: its deviation from one set and draw to the next.
- balanced accuracy at the automatic threshold and at the best one, false alarms, and hits.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maeday_core.detection.settings import Settings
from maeday_core.evaluation.datasets import find_categories
from maeday_core.evaluation.evaluate import Plan
from maeday_core.io.images import Photos, load_image
from maeday_core.methods import Together, Tools, find


@dataclass(frozen=True)
class Draw:
    """The test pictures of one set, judged after one draw of good parts: arrays (n,)."""

    category: str
    anomalous: np.ndarray
    log_ratio: np.ndarray  # of the score over the expected level
    flagged: np.ndarray
    score: np.ndarray

    @property
    def best(self) -> float:
        """The best balanced accuracy of any one threshold."""
        good, bad = self.score[~self.anomalous], self.score[self.anomalous]
        return max(((bad > limit).mean() + (good <= limit).mean()) / 2 for limit in [-np.inf, *self.score])


def draws(plan: Plan, tools: Tools) -> Iterator[tuple[str, int, Draw]]:
    """Judge every set after every draw: method, shots, and what was found."""
    for runs in plan.runs(tools):
        category, methods = runs[0].category, [run.method for run in runs]
        together = Together(runs[0].tools, Photos(runs[0].good))
        found = [together(load_image(sample.path), methods) for sample in category.samples]
        anomalous = np.array([sample.anomalous for sample in category.samples])
        for method in methods:
            results = [one[method] for one in found]
            score = np.array([result.image_score for result in results])
            level = np.array([result.threshold.ordinary.level for result in results])
            flagged = np.array([result.image_score > result.threshold.value for result in results])
            yield method.name, runs[0].shots, Draw(category.name, anomalous, np.log(score / level), flagged, score)


def summary(found: list[Draw]) -> dict[str, float]:
    """Means over the sets, each the mean over its draws; rates in per cent."""
    sets = sorted({draw.category for draw in found})
    weight = np.array([1 / sum(other.category == draw.category for other in found) for draw in found]) / len(sets)
    good = [draw.log_ratio[~draw.anomalous] for draw in found]
    above = np.array([values.mean() for values in good])
    middle = float(weight @ above)
    alarms = np.array([draw.flagged[~draw.anomalous].mean() for draw in found])
    hits = np.array([draw.flagged[draw.anomalous].mean() for draw in found])
    return {
        "above": middle,
        "spread": float(np.sqrt(weight @ np.array([values.var() for values in good]))),
        "uncertainty": float(np.sqrt(weight @ (above - middle) ** 2)),
        "balanced accuracy": float(weight @ (1 - alarms + hits)) * 50,
        "best": float(weight @ np.array([draw.best for draw in found])) * 100,
        "false alarms": float(weight @ alarms) * 100,
        "hits": float(weight @ hits) * 100,
    }


def main() -> None:
    """Measure and print one line for each method and number of shots."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--category", nargs="+")
    parser.add_argument("--method", nargs="+", default=["ensemble"])
    parser.add_argument("--shots", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--masks", type=int, default=16)
    parser.add_argument("--preset", default="default")
    options = parser.parse_args()
    tools = Tools.of(None, Settings(masks=options.masks, sampling="balanced"), preset=options.preset)
    categories = find_categories(options.root, options.category or ())
    found = defaultdict(list)
    methods = [find(name) for name in options.method]
    for method, shots, draw in draws(Plan(categories, methods, options.shots, options.seeds), tools):
        found[method, shots].append(draw)
    for (method, shots), some in found.items():
        print(f"{method}, {shots} shots: " + ", ".join(f"{name} {value:.3g}" for name, value in summary(some).items()))


if __name__ == "__main__":
    main()
