"""Photographs are read; what is none is left out and counted."""

import numpy as np
import pytest
from PIL import Image

from maeday_core.errors import DatasetError
from maeday_core.pretraining.corpus import load_corpus
from tests.pretraining.pictures import pictures


def test_corpus_leaves_out_what_is_no_photograph(tmp_path):
    good = pictures(4)
    for i, picture in enumerate(good):
        Image.fromarray(picture).save(tmp_path / f"photo{i}.png")
    Image.fromarray(good[0]).save(tmp_path / "copy.png")
    Image.fromarray(good[0][:200, :200]).save(tmp_path / "small.png")
    Image.fromarray(np.full((300, 300, 3), 99, np.uint8)).save(tmp_path / "flat.png")
    Image.fromarray(good[1][::-1].copy()).save(tmp_path / "rock_normal.png")
    Image.fromarray(np.full((300, 300, 3), (128, 128, 255), np.uint8)).save(tmp_path / "bluish.png")
    (tmp_path / "gui").mkdir()
    Image.fromarray(good[2][::-1].copy()).save(tmp_path / "gui" / "panel.png")
    alpha = np.dstack([good[3][::-1], np.zeros(good[3].shape[:2], np.uint8)])
    Image.fromarray(alpha).save(tmp_path / "transparent.png")
    (tmp_path / "broken.png").write_bytes((tmp_path / "photo0.png").read_bytes()[:3000])
    corpus = load_corpus([tmp_path])
    assert sorted(path.name for path in corpus.files) == ["copy.png", "photo1.png", "photo2.png", "photo3.png"]
    with pytest.raises(DatasetError, match="No usable pictures"):
        load_corpus([tmp_path / "gui"])
