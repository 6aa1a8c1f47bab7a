"""What a look at all files of a category tells before the work."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maeday_core.errors import DatasetError
from maeday_core.evaluation.datasets import find_categories
from maeday_core.evaluation.look import doubts_about
from tests.evaluation.plates import draw_category, save

SIZE = (40, 56)


@pytest.fixture
def plate(tmp_path: Path) -> Path:
    draw_category(tmp_path / "plate", size=SIZE)
    return tmp_path / "plate"


def doubts(folder: Path) -> list[str]:
    (category,) = find_categories(folder)
    return doubts_about(category)


def test_nothing_is_doubtful_about_sound_files(plate: Path) -> None:
    assert doubts(plate) == []


@pytest.mark.parametrize(("level", "words"), [(0, "mark nothing"), (255, "mark more than half")])
def test_masks_of_nothing_or_all_are_said(plate: Path, level: int, words: str) -> None:
    mask = plate / "ground_truth" / "spot" / "1_mask.png"
    save(mask, np.full(SIZE, level, np.uint8))
    (sentence,) = doubts(plate)
    assert sentence.startswith("Masks of plate")
    assert words in sentence
    assert sentence.endswith(f": 1 ({mask}).")


def test_an_inverted_mask_is_doubtful(plate: Path) -> None:
    for mask in (plate / "ground_truth" / "spot").iterdir():
        save(mask, 255 - np.array(Image.open(mask)))
    (sentence,) = doubts(plate)
    assert sentence.startswith("Masks of plate mark more than half of the picture, as inverted ones do: 2 (")


@pytest.mark.parametrize("name", ["test/good/0.png", "test/spot/1.png", "train/good/1.png"])
def test_a_file_that_is_no_picture_is_named_before_the_work(plate: Path, name: str) -> None:
    (plate / name).write_bytes(b"<html>not found</html>")
    with pytest.raises(DatasetError, match=f"{Path(name).name} is not a picture"):
        doubts(plate)


def test_all_that_cannot_be_used_is_counted(plate: Path) -> None:
    save(plate / "ground_truth" / "spot" / "0_mask.png", np.zeros((9, 9), np.uint8))
    (plate / "test" / "spot" / "1.png").write_bytes(b"")
    with pytest.raises(DatasetError, match=r"they must agree\. 1 more cannot be used either"):
        doubts(plate)


def test_a_photo_that_is_turned_by_exif_has_the_size_it_is_shown_at(plate: Path) -> None:
    path = plate / "test" / "spot" / "0.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(path).transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    assert doubts(plate) == []


def test_what_lies_beside_the_pictures_is_said(plate: Path) -> None:
    (plate / "test" / "good" / "more").mkdir()
    (plate / "test" / "spot" / "3.heic").write_bytes(b"")
    (plate / "test" / "spot" / ".hidden").write_bytes(b"")
    (sentence,) = doubts(plate)
    assert sentence == f"Passed over beside the pictures of plate: 2 ({plate / 'test' / 'good' / 'more'} and others)."
