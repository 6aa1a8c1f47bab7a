"""The records of an evaluation: scores of pictures, results of runs, and the one place where both are written and read.

A record is a line of a JSON Lines file, its nested parts side by side, with the number of the format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Self, TypeVar, get_type_hints

from maeday_core.detection.result import Provenance
from maeday_core.errors import DatasetError
from maeday_core.io.journal import append_rows, read_rows

FORMAT = 5


class Record:
    """A frozen dataclass that is a line of a file."""

    def record(self) -> dict[str, Any]:
        """The fields ready for JSON, those of nested dataclasses beside the others."""
        return {"format": FORMAT, **_flat(self)}

    @classmethod
    def restore(cls, row: Mapping[str, Any]) -> Self:
        """The record of what `record` gave.

        Raises:
            KeyError: a field is missing.
        """
        restored: Self = _nested(cls, row)
        return restored


@dataclass(frozen=True)
class Score(Record):
    """What a run found in one test picture.

    Attributes:
        run: the id of the run.
        category, method, shots, seed: of the run.
        path: of the picture.
        defect: the folder it lies in, `good` for a good one.
        mask: path of its ground truth; None for a good one and where there is none.
        map: file name of its error map in the run's folder of maps.
        image_score: S.
        judged_score: what `threshold` judges: S or, where a picture was looked at again beside its peers, S of that.
        judged_map: file name of the error map of `judged_score`.
        threshold: the automatic one of this picture; a higher score is anomalous. Without good parts, once all pictures
            are scored, that among its peers.
        look: above this score, at most `threshold`, the verdict is "look here".
        alone: the automatic threshold of this picture by itself.
        alike, least: of what it rests on, as in `detection.decision.Ordinary`.
        seconds: from the decoded picture to the result.
        learn_seconds: how long the method took to learn; None without shots.
    """

    run: str
    category: str
    method: str
    shots: int
    seed: int
    path: str
    defect: str
    mask: str | None
    map: str
    image_score: float
    judged_score: float
    judged_map: str
    threshold: float
    look: float
    alone: float
    alike: float
    least: float
    seconds: float
    learn_seconds: float | None


@dataclass(frozen=True)
class Metrics:
    """How good a method is, per cent; None where there is no ground truth or only one class.

    Attributes:
        image_auroc, image_ap: area under the ROC and the precision-recall curve of the image scores.
        f1_max: the best F1 of the image scores over all thresholds.
        f1_threshold: the threshold that gives it, in the unit of the map.
        balanced_accuracy: mean of the shares of good and of defective pictures that get the right verdict at their
            automatic threshold.
        best_balanced_accuracy: the best that a global threshold gives, one for all pictures; their own may do better.
        false_alarms: share of the good pictures above their automatic threshold.
        hits: share of the defective pictures above their automatic threshold.
        balanced_accuracy_alone, false_alarms_alone, hits_alone: the same, had each picture been judged by itself, as
            all metrics of scores and maps are.
        good_looks, defective_looks: share of the good and of the defective pictures whose verdict is "look here".
        pixel_auroc, pixel_ap: as for images, over all pixels of all pictures.
        aupro: area under the per-region overlap curve up to a false positive rate of 30 %.
        hit_rate: share of the defects (not pictures, and at no threshold) in whose surroundings the highest value lies
            within the defect's box.
        outline_f1: F1 of the pixels that are outlined at their picture's automatic threshold.
        best_outline_f1: the best F1 that a global threshold gives, one for all pixels; their own may do better.
    """

    image_auroc: float | None
    image_ap: float | None
    f1_max: float | None
    f1_threshold: float | None
    balanced_accuracy: float | None
    best_balanced_accuracy: float | None
    false_alarms: float | None
    hits: float | None
    balanced_accuracy_alone: float | None
    false_alarms_alone: float | None
    hits_alone: float | None
    good_looks: float | None
    defective_looks: float | None
    pixel_auroc: float | None
    pixel_ap: float | None
    aupro: float | None
    hit_rate: float | None
    outline_f1: float | None
    best_outline_f1: float | None


METRICS = tuple(metric.name for metric in fields(Metrics))


@dataclass(frozen=True)
class Result(Record):
    """The result of a run: one method on one category with one seed.

    Attributes:
        category: the category's name.
        made_by: all that the numbers depend on beside the pictures.
        run: the id of the run; None for a mean.
        images: how many test pictures there are.
        metrics: over all test pictures.
        seconds_per_image: the mean over them.
        learn_seconds: as in `Score`.
    """

    category: str
    made_by: Provenance
    run: str | None
    images: int
    metrics: Metrics
    seconds_per_image: float
    learn_seconds: float | None


@dataclass(frozen=True)
class Mean(Result):
    """The mean over the categories; the seed of `made_by` is None.

    Attributes:
        deviations: of the metrics over the seeds; None where there is one seed.
    """

    deviations: Metrics = field(metadata={"suffix": "_std"})


RecordType = TypeVar("RecordType", bound=Record)


def append(path: Path, records: Iterable[Record]) -> None:
    """Write records at the end of a file."""
    append_rows(path, [entry.record() for entry in records])


def read(path: Path, kind: type[RecordType]) -> list[RecordType]:
    """The records of a file, none if there is no file; a last line that was cut off is left out.

    Raises:
        DatasetError: the file holds something else, is of another format, or a field is missing.
    """
    rows = read_rows(path)
    for row in rows:
        if row.get("format") != FORMAT:
            raise DatasetError(
                f"{path} has format {row.get('format', 0)} and this version reads format {FORMAT}: evaluate again, "
                "into another folder."
            )
    try:
        return [kind.restore(row) for row in rows]
    except KeyError as error:
        raise DatasetError(
            f"{path} has a line without the field {error}: evaluate again, into another folder."
        ) from error


def _flat(record: Any, suffix: str = "") -> dict[str, Any]:
    row: dict[str, Any] = {}
    for part in fields(record):
        value = getattr(record, part.name)
        row |= _flat(value, part.metadata.get("suffix", "")) if is_dataclass(value) else {part.name + suffix: value}
    return row


def _nested(kind: Any, row: Mapping[str, Any], suffix: str = "") -> Any:
    types = get_type_hints(kind)
    values = {
        part.name: _nested(types[part.name], row, part.metadata.get("suffix", ""))
        if is_dataclass(types[part.name])
        else row[part.name + suffix]
        for part in fields(kind)
    }
    return kind(**values)
