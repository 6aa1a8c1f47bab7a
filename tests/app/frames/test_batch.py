"""A visitor's frames as they are kept."""

from __future__ import annotations

import errno
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.frames import batch as batches
from app.frames.batch import Batch
from maeday_core import ImageError
from tests.app.frames.wired import ASKED, AUTOMATIC


def test_a_full_disk_is_not_a_file_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    (tmp_path / "a.png").write_bytes(b"x")
    monkeypatch.setattr(batches, "uploaded", lambda path: path)
    with pytest.raises(ImageError, match=r"none\.png is no longer here"):
        batches.begin(replace(ASKED, files=(str(tmp_path / "none.png"),)))
    monkeypatch.setattr(batches.shutil, "copy", full)
    before = list((batches.HOME / batches.FRAMES).iterdir())
    with pytest.raises(OSError, match="No space left"):
        batches.begin(replace(ASKED, files=(str(tmp_path / "a.png"),)))
    assert list((batches.HOME / batches.FRAMES).iterdir()) == before


def test_names_of_uploads_are_kept_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "uploaded", lambda path: path)
    for folder in ("1", "2"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.png").write_bytes(b"x")
    batch = batches.begin(replace(ASKED, files=(str(tmp_path / "1" / "a.png"), str(tmp_path / "2" / "a.png"))))
    assert sorted(path.name for path in (batch.run.folder / "sources").iterdir()) == ["a (2).png", "a.png"]
    assert batch.total == 2
    batches.delete(batch)
    assert not batch.run.folder.exists()


def test_an_ignored_region_changes_what_is_normal(batch: Batch) -> None:
    ignore = np.zeros((120, 180), bool)
    ignore[30:60, 60:90] = True
    assert batch.judgement.anomalous
    assert not batch.judged_again(replace(AUTOMATIC, ignore=ignore)).judgement.anomalous


def test_the_objects_are_kept_as_coco_under_the_names_of_the_visitors_pictures(batch: Batch) -> None:
    _, found, archive = batch.written()
    read = json.loads(found.read_text(encoding="utf-8"))
    assert [image["file_name"] for image in read["images"]] == [one.record.path for one in batch.judgement.verdicts]
    boxes = [[box.x, box.y, box.width, box.height] for one in batch.judgement.verdicts for box in one.boxes]
    assert [one["bbox"] for one in read["annotations"]] == boxes != []
    with zipfile.ZipFile(archive) as packed:
        assert found.name in packed.namelist()
