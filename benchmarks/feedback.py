"""What an inspector's corrections gain: the measurement behind `detection.feedback`.

    python -m benchmarks.feedback SETS --category magnetic_tile pavement --seeds 0 1 2

A line of 50 parts, two fifths of them defective, is judged part after part, by one good part at first. An inspector
who is told each verdict corrects the first ten that are wrong: a false alarm joins the good parts, a missed defect
lowers the limit as far as the rule allows. Every part is judged before it may be corrected. It prints, for each set and
seed, false alarms, hits and balanced accuracy over the line without corrections and with them, and over the parts after
the last one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from maeday_core.detection.feedback import RULE, FeedbackRule, moved_limit
from maeday_core.detection.result import Detection
from maeday_core.detection.settings import Settings
from maeday_core.evaluation.datasets import Category, find_categories
from maeday_core.io.images import load_image
from maeday_core.methods import Method, Reference, Tools, detector, find, join, last, learn

PARTS, DEFECTIVE, CORRECTIONS = 50, 0.4, 10


@dataclass
class Inspector:
    """Corrects what is wrong, as long as corrections are left.

    Attributes:
        method, tools: judge.
        reference: what is known about good parts, those that joined among them.
        defects: scores of corrected defects, as multiples of their automatic limits.
        rule: moves the limit.
        seconds: how long each correction of a normal part took.
    """

    method: Method
    tools: Tools
    reference: Reference
    rule: FeedbackRule
    defects: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    corrected: int = 0

    def __post_init__(self) -> None:
        self.detect = detector(self.method, self.tools, self.reference)

    def calls(self, path: Path) -> tuple[bool, Detection]:
        """Whether a part is called anomalous by all that was said so far."""
        result = last(self.detect(load_image(path)))
        return result.image_score > self.factor * result.threshold.value, result

    @property
    def factor(self) -> float:
        """Of the automatic limit."""
        return moved_limit((), self.defects, self.rule).factor

    def correct(self, path: Path, anomalous: bool, result: Detection) -> None:
        """Say what a part is."""
        self.corrected += 1
        score = result.image_score / result.threshold.value
        if anomalous:
            self.defects.append(score)
            return
        start = time.perf_counter()
        self.reference = join(self.tools, self.reference, load_image(path), path.name)
        self.detect = detector(self.method, self.tools, self.reference)
        self.seconds.append(time.perf_counter() - start)


def line_of(category: Category, seed: int) -> tuple[Path, list[tuple[Path, bool]]]:
    """A good part to learn from, and the parts of a line with what they are."""
    rng = np.random.default_rng(seed)
    first, *others = (category.normals[i] for i in rng.permutation(len(category.normals)))
    good = [sample.path for sample in category.samples if not sample.anomalous] + others
    bad = [sample.path for sample in category.samples if sample.anomalous]
    defective = min(round(DEFECTIVE * PARTS), len(bad))
    parts = [(good[i], False) for i in rng.permutation(len(good))[: PARTS - defective]]
    parts += [(bad[i], True) for i in rng.permutation(len(bad))[:defective]]
    return Path(first), [parts[i] for i in rng.permutation(len(parts))]


def told(verdicts: list[tuple[bool, bool]]) -> str:
    """False alarms, hits and balanced accuracy of verdicts (said, is), per cent."""
    alarms, hits = (
        100 * np.mean([said for said, anomalous in verdicts if anomalous is wanted] or [np.nan])
        for wanted in (False, True)
    )
    return f"{alarms:.0f} {hits:.0f} {(100 - alarms + hits) / 2:.1f}"


def measure(category: Category, method: Method, tools: Tools, rule: FeedbackRule) -> Iterator[str]:
    """Go along a line; yields what was measured."""
    first, parts = line_of(category, tools.settings.seed)
    reference = learn(method, tools, [load_image(first)])
    plain, helped = (Inspector(method, tools, reference, rule) for _ in range(2))
    without, with_, after = list[tuple[bool, bool]](), list[tuple[bool, bool]](), list[tuple[bool, bool]]()
    rest = list[tuple[bool, bool]]()
    for path, anomalous in parts:
        base, _ = plain.calls(path)
        said, result = helped.calls(path)
        without.append((base, anomalous))
        with_.append((said, anomalous))
        if helped.corrected == CORRECTIONS:
            after.append((said, anomalous))
            rest.append((base, anomalous))
        elif said != anomalous:
            helped.correct(path, anomalous, result)
    yield f"without {told(without)}, with {told(with_)}"
    yield f"after the last: without {told(rest)}, with {told(after)}" if after else "never ten"
    yield f"{helped.corrected} corrections, {len(helped.seconds)} of them normal, limit x {helped.factor:.2f}"
    yield f"at most {max(helped.seconds, default=0):.1f} s each"


def main() -> None:
    """Measure and print a line for each set and seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("root", type=Path)
    parser.add_argument("--category", nargs="+")
    parser.add_argument("--method", default="ensemble")
    parser.add_argument("--masks", type=int, default=16)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of the masks and of the lines")
    parser.add_argument("--least", type=float, default=RULE.least, help="share of the automatic limit")
    options = parser.parse_args()
    print("false alarms, hits, balanced accuracy")
    for category in find_categories(options.root, options.category or ()):
        for seed in options.seeds:
            tools = Tools.of(None, Settings(masks=options.masks, seed=seed, sampling="balanced"))
            found = measure(category, find(options.method), tools, FeedbackRule(least=options.least))
            print(f"{category.name}, {seed}: {'; '.join(found)}", flush=True)


if __name__ == "__main__":
    main()
