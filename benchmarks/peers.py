"""How pictures are judged that are given together without good parts: behind `detection.peers` and second looks.

    python -m benchmarks.peers SETS --category hazelnut grid --method ensemble

It judges every set's pictures once, the good ones of `train` among them, and then draws batches of them, of which a
given share is defective. For each share it prints, as means over the sets, false alarms, hits and balanced accuracy of
each picture by itself, of the batch together, and of the best threshold of each set. A method that looks again learns
from the most ordinary pictures of each batch: a few draws take minutes.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from maeday_core.detection.decision import Threshold
from maeday_core.detection.settings import Settings
from maeday_core.evaluation.datasets import Category, find_categories
from maeday_core.fewshot.doubts import appearance
from maeday_core.io.images import load_image
from maeday_core.methods import Method, Tools, detector, find, last
from maeday_core.methods.peers import Peers
from maeday_core.methods.second_look import SecondLooks


@dataclass(frozen=True)
class Judged:
    """The pictures of a set, each judged by itself; arrays (n,) and (n, 9)."""

    paths: list[Path]
    anomalous: npt.NDArray[np.bool_]
    scores: npt.NDArray[np.float64]
    looks: npt.NDArray[np.float64]
    alone: list[Threshold]

    def flagged(self, chosen: npt.NDArray[np.intp], second: SecondLooks) -> npt.NDArray[np.bool_]:
        """Which of the chosen are above the threshold that they have together."""
        peers, paths = Peers(self.scores[chosen], self.looks[chosen]), [self.paths[one] for one in chosen]
        looks = second.of(peers, lambda number: load_image(paths[number]), [path.name for path in paths])
        found = []
        for one, path, look in zip(chosen, paths, looks, strict=True):
            if look:
                result, _ = look(load_image(path))
                found.append(result.image_score > result.threshold.value)
            else:
                found.append(self.scores[one] > peers.threshold(self.looks[one], self.alone[one]).value)
        return np.array(found)

    def batch(self, share: float, size: int, rng: np.random.Generator) -> npt.NDArray[np.intp]:
        """Some of the pictures, of which this share is defective; fewer where there are not so many."""
        good, bad = np.flatnonzero(~self.anomalous), np.flatnonzero(self.anomalous)
        clean = min(len(good), size - round(share * size))
        defective = min(len(bad), round(share * size), round(clean * share / (1 - share)))
        return np.concatenate([rng.choice(good, clean, False), rng.choice(bad, defective, False)])

    @property
    def best(self) -> float:
        """The best balanced accuracy of any one threshold."""
        good, bad = self.scores[~self.anomalous], self.scores[self.anomalous]
        return max(((bad > limit).mean() + (good <= limit).mean()) / 2 for limit in [-np.inf, *self.scores])


def judge(category: Category, method: Method, tools: Tools) -> Judged:
    """Judge all pictures of a set, each by itself."""
    detect = detector(method, tools)
    pictures = [(sample.path, sample.anomalous) for sample in category.samples]
    pictures += [(path, False) for path in category.normals]
    found = []
    for path, anomalous in pictures:
        query = load_image(path)
        result = last(detect(query))
        found.append((anomalous, result.image_score, appearance(query), result.threshold))
    defective, scores, looks, alone = zip(*found, strict=True)
    return Judged([path for path, _ in pictures], np.array(defective), np.array(scores), np.array(looks), list(alone))


def rates(
    judged: Judged, batches: Sequence[npt.NDArray[np.intp]], second: Callable[[], SecondLooks] | None
) -> tuple[float, float]:
    """False alarms and hits, means over the batches; nan where there is nothing to find. Alone without `second`."""
    found = []
    for chosen in batches:
        limits = np.array([judged.alone[one].value for one in chosen])
        flagged = judged.flagged(chosen, second()) if second else judged.scores[chosen] > limits
        bad = judged.anomalous[chosen]
        found.append((flagged[~bad].mean(), flagged[bad].mean() if bad.any() else np.nan))
    alarms, hits = np.mean(found, axis=0)
    return alarms, hits


def main() -> None:
    """Measure and print a line for each share of defective pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--category", nargs="+")
    parser.add_argument("--method", default="ensemble")
    parser.add_argument("--masks", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0, help="of the masks and of the draws")
    parser.add_argument("--shares", nargs="+", type=float, default=[0, 0.1, 0.25, 0.5])
    parser.add_argument("--sizes", nargs="+", type=int, default=[10, 20, 40], help="of the batches")
    parser.add_argument("--draws", type=int, default=20, help="of each size")
    options = parser.parse_args()
    tools = Tools.of(None, Settings(masks=options.masks, seed=options.seed, sampling="balanced"))
    method = find(options.method)
    sets = [judge(one, method, tools) for one in find_categories(options.root, options.category or ())]
    best = 100 * np.mean([one.best for one in sets])
    for share in options.shares:
        line = f"{share:.0%} defective:"
        rng = np.random.default_rng(options.seed)
        batches = [
            [one.batch(share, size, rng) for size in options.sizes for _ in range(options.draws)] for one in sets
        ]
        for name, second in (("alone", None), ("together", functools.partial(SecondLooks, method, tools))):
            found = [rates(one, drawn, second) for one, drawn in zip(sets, batches, strict=True)]
            alarms, hits = 100 * np.mean(found, axis=0)
            line += f" {name}: false alarms {alarms:.0f}, hits {hits:.0f}, accuracy {(100 - alarms + hits) / 2:.0f};"
        print(f"{line} best {best:.0f}", flush=True)


if __name__ == "__main__":
    main()
