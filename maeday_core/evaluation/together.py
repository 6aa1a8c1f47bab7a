"""Without good parts, test pictures are judged among those of one kind, as `maeday detect` judges what it is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from maeday_core.detection.decision import Ordinary, Threshold
from maeday_core.evaluation.records import Score
from maeday_core.evaluation.run import Run
from maeday_core.fewshot.doubts import appearance
from maeday_core.io.files import replacing
from maeday_core.io.images import load_image
from maeday_core.methods.peers import Peers
from maeday_core.methods.second_look import SecondLooks


def judged_together(run: Run, scores: Sequence[Score], maps: Path) -> Iterator[Score]:
    """The scores of a run without good parts, each as it is judged among its peers.

    Args:
        run: the run.
        scores: of all its pictures, each by itself.
        maps: the folder of their error maps; those of second looks are written there, too.
    """
    paths = [sample.path for sample in run.category.samples]
    looks = [appearance(load_image(path)) for path in paths]
    peers = Peers().with_more([score.image_score for score in scores], looks)
    second = SecondLooks(run.method, run.tools)
    again = second.of(peers, lambda number: load_image(paths[number]), [path.name for path in paths])
    for path, score, look, judge in zip(paths, scores, looks, again, strict=True):
        if judge:
            result, _ = judge(load_image(path))
            name = f"again-{score.map}"
            with replacing(maps / name) as temporary:
                result.save_map(temporary)
            yield replace(
                score,
                judged_score=result.image_score,
                judged_map=name,
                threshold=result.threshold.value,
                look=result.threshold.look,
            )
        else:
            alone = Ordinary(score.alone, score.alike, 0.0, "", least=score.least, alike=score.alike)
            threshold = peers.threshold(look, Threshold(score.alone, score.look, alone, run.tools.settings.alarm_rate))
            yield replace(score, threshold=threshold.value, look=threshold.look)
