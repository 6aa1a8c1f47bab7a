"""Without good parts, test pictures are judged among those of one kind, as `maeday detect` judges what it is given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from maeday_core.detection.decision import Ordinary, Threshold
from maeday_core.detection.windows import is_large
from maeday_core.evaluation.records import Score
from maeday_core.evaluation.run import Run
from maeday_core.fewshot.doubts import appearance
from maeday_core.io.files import replacing
from maeday_core.io.images import RGBImage, load_image
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
    looks, small = [], []
    for number, path in enumerate(paths):
        photo = load_image(path)
        looks.append(appearance(photo))
        if not is_large(photo.shape):
            small.append(number)
    peers = Peers().with_more([score.image_score for score in scores], looks)

    def photo_of(number: int) -> RGBImage:
        return load_image(paths[small[number]])

    names = [paths[number].name for number in small]
    second = SecondLooks(run.method, run.tools).of(peers.some(small), photo_of, names)
    again = dict(zip(small, second, strict=True))
    for number, (score, look) in enumerate(zip(scores, looks, strict=True)):
        if judge := again.get(number):
            result, _ = judge(load_image(paths[number]))
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
