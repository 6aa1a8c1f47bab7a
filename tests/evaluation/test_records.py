"""What is written is read back, and what is not of this format is refused in one sentence."""

import json
from dataclasses import fields, replace

import pytest

from maeday_core.errors import DatasetError
from maeday_core.evaluation.means import means
from maeday_core.evaluation.records import Mean, Result, Score, append, read
from tests.evaluation.plates import made_up

CONTRACT = {
    *("category", "method", "shots", "seed", "model", "masks", "tile", "images", "image_auroc", "pixel_auroc", "aupro"),
    *("f1_max", "balanced_accuracy", "best_balanced_accuracy", "false_alarms", "hits", "good_looks", "defective_looks"),
    *("outline_f1", "best_outline_f1", "alarm_rate"),
}
SCORE = Score(
    "x",
    "plate",
    "maeday",
    0,
    0,
    "a.png",
    "good",
    None,
    "00000.npy",
    0.5,
    0.6,
    "again-00000.npy",
    0.4,
    0.3,
    0.4,
    0.04,
    0.2,
    0.1,
    None,
)
RESULT = made_up(masks=8, mask_ratio=0.75, model="tiny", image_auroc=80.0, false_alarms=7.5, alarm_rate=0.05)


@pytest.mark.parametrize("entry", [SCORE, RESULT, next(means([RESULT, replace(RESULT, category="other")]))])
def test_records_are_read_back_as_they_were(tmp_path, entry):
    append(tmp_path / "file.jsonl", [entry, entry])
    assert read(tmp_path / "file.jsonl", type(entry)) == [entry, entry]


def test_results_and_means_have_the_keys_of_the_contract():
    (mean,) = means([RESULT, replace(made_up("other", image_auroc=60.0), made_by=replace(RESULT.made_by, seed=1))])
    assert isinstance(mean, Mean)
    assert RESULT.record().keys() >= CONTRACT
    assert (RESULT.record()["false_alarms"], RESULT.record()["alarm_rate"]) == (7.5, 0.05)
    assert mean.record().keys() >= CONTRACT | {"image_auroc_std"}
    assert (mean.record()["category"], mean.record()["seed"], mean.record()["images"]) == ("mean", None, 8)
    assert (mean.metrics.image_auroc, mean.deviations.image_auroc, mean.metrics.aupro) == (70.0, 10.0, None)


@pytest.mark.parametrize("entry", [SCORE, RESULT])
def test_a_missing_field_is_an_error(tmp_path, entry):
    row = entry.record()
    names = [key for key in row if key != "format"]
    assert len(names) > len(fields(entry)) / 2
    for name in names:
        (tmp_path / "file.jsonl").write_text(json.dumps({k: v for k, v in row.items() if k != name}) + "\n")
        with pytest.raises(DatasetError, match=f"without the field '{name}'"):
            read(tmp_path / "file.jsonl", type(entry))


@pytest.mark.parametrize("change", [{"format": 2}, {"format": 99}, None])
def test_another_format_is_refused(tmp_path, change):
    row = {k: v for k, v in RESULT.record().items() if k != "format"} if change is None else RESULT.record() | change
    (tmp_path / "file.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(DatasetError, match="reads format 5: evaluate again, into another folder") as caught:
        read(tmp_path / "file.jsonl", Result)
    assert "\n" not in str(caught.value)
