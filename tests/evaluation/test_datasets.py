"""The layouts of data sets: what is found in them, and what is refused."""

import numpy as np
import pytest
from PIL import Image

from maeday_core.errors import DatasetError
from maeday_core.evaluation.datasets import find_categories, ground_truth
from tests.evaluation.plates import draw_category, save


@pytest.fixture
def dataset(tmp_path):
    for name in ("bolt", "nut"):
        draw_category(tmp_path / name)
    return tmp_path


def test_a_folder_of_categories_or_one_of_them(dataset):
    assert [category.name for category in find_categories(dataset)] == ["bolt", "nut"]
    assert [category.name for category in find_categories(dataset, ["nut"])] == ["nut"]
    (nut,) = find_categories(dataset / "nut")
    assert (nut.name, len(nut.samples), len(nut.normals), nut.lacks) == ("nut", 4, 2, [])


def test_unusable_data_sets_say_what_is_wrong(dataset):
    with pytest.raises(DatasetError, match="no folder"):
        find_categories(dataset / "nowhere")
    with pytest.raises(DatasetError, match="it has bolt, nut"):
        find_categories(dataset, ["screw"])
    (dataset / "empty").mkdir()
    with pytest.raises(DatasetError, match=r"no category.*it has no folders"):
        find_categories(dataset / "empty")
    with pytest.raises(DatasetError, match=r"no category.*its folders are good, spot"):
        find_categories(dataset / "nut" / "test")
    (dataset / "nut" / "ground_truth" / "spot" / "1_mask.png").unlink()
    with pytest.raises(DatasetError, match=r"1_mask\.png"):
        find_categories(dataset)


def test_a_mask_of_another_size_is_refused(dataset):
    sample = find_categories(dataset, ["bolt"])[0].samples[-1]
    assert ground_truth(sample, (40, 56)).sum() == 140
    with pytest.raises(DatasetError, match="must agree"):
        ground_truth(sample, (40, 55))


def test_metrics_that_cannot_be_computed_are_named(dataset):
    for path in (dataset / "bolt" / "test" / "good").iterdir():
        path.unlink()
    bolt, nut = find_categories(dataset)
    assert "no good test pictures" in bolt.lacks[0]
    assert nut.lacks == []


@pytest.fixture
def candle(tmp_path):
    """One category of VisA as its archive is unpacked."""
    rng = np.random.default_rng(0)
    rows = ["object,split,label,image,mask"]
    for i in range(6):
        bad = i % 2 == 1
        image = f"candle/Data/Images/{'Anomaly' if bad else 'Normal'}/{i:03}.JPG"
        mask = f"candle/Data/Masks/Anomaly/{i:03}.png" if bad else ""
        plate = rng.integers(90, 110, (40, 50, 3), dtype=np.uint8)
        if bad:
            plate[5:15, 5:15] = 255
            truth = np.zeros((40, 50), np.uint8)
            truth[5:15, 5:15] = 1 + i % 3  # VisA numbers the kinds of defects
            save(tmp_path / mask, truth)
        save(tmp_path / image, plate)
        rows.append(f"candle,{'train' if i in (0, 2) else 'test'},{'anomaly' if bad else 'normal'},{image},{mask}")
    (tmp_path / "split_csv").mkdir()
    (tmp_path / "split_csv" / "1cls.csv").write_text("\n".join(rows))
    return tmp_path


def test_visa_as_it_is_unpacked(candle):
    (category,) = find_categories(candle)
    found = (category.name, len(category.normals), len(category.samples), category.lacks)
    assert found == ("candle", 2, 4, [])
    assert [int(ground_truth(sample, (40, 50)).sum()) for sample in category.samples] == [100, 100, 0, 100]


def test_visa_that_is_incomplete_or_no_visa_is_refused(candle):
    (candle / "candle/Data/Masks/Anomaly/001.png").unlink()
    with pytest.raises(DatasetError, match="unpack the whole archive"):
        find_categories(candle)
    (candle / "split_csv" / "1cls.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match="not VisA's list"):
        find_categories(candle)


def test_visa_with_a_mark_at_its_beginning_and_without_its_columns(candle):
    split = candle / "split_csv" / "1cls.csv"
    split.write_text(split.read_text(), encoding="utf-8-sig")
    assert len(find_categories(candle)[0].samples) == 4
    split.write_text("object;split\ncandle;train\n")
    with pytest.raises(DatasetError, match="found object;split"):
        find_categories(candle)


def sizes(folder):
    (category,) = find_categories(folder)
    return [(sample.defect, int(ground_truth(sample, (40, 56)).sum())) for sample in category.samples]


@pytest.mark.parametrize("good", ["ok", "OK", "Normal", "Good"])
def test_good_by_another_name(dataset, good):
    nut = dataset / "nut"
    expected = sizes(nut)
    (nut / "train" / "good").rename(nut / "train" / good)
    (nut / "test" / "good").rename(nut / "test" / good)
    assert sorted(sizes(nut)) == sorted(expected)
    (category,) = find_categories(nut)
    assert (len(category.normals), category.lacks) == (2, [])


def test_good_by_no_name_that_is_known_is_said(dataset):
    (dataset / "nut" / "test" / "good").rename(dataset / "nut" / "test" / "fine")
    lacks = " ".join(find_categories(dataset / "nut")[0].lacks)
    assert "no good test pictures (a folder good, normal, ok; there are fine, spot)" in lacks


@pytest.mark.parametrize("name", ["{}.png", "{}.tif", "{}_mask.bmp"])
def test_masks_by_another_name(dataset, name):
    nut = dataset / "nut"
    expected = sizes(nut)
    for mask in list((nut / "ground_truth" / "spot").iterdir()):
        Image.open(mask).save(mask.with_name(name.format(mask.stem.removesuffix("_mask"))))
        mask.unlink()
    assert sizes(nut) == expected


def test_names_in_capitals(dataset):
    nut = dataset / "nut"
    expected = sizes(nut)
    for mask in list((nut / "ground_truth" / "spot").iterdir()):
        mask.rename(mask.with_name(mask.name.upper()))
    (nut / "ground_truth" / "spot").rename(nut / "ground_truth" / "SPOT")
    for name in ("train", "test", "ground_truth"):
        (nut / name).rename(nut / name.capitalize())
    assert sizes(nut) == expected
    assert len(find_categories(nut)[0].normals) == 2


def test_a_defect_without_ground_truth_is_said(dataset):
    (dataset / "nut" / "ground_truth" / "spot").rename(dataset / "nut" / "ground_truth" / "stain")
    lacks = find_categories(dataset / "nut")[0].lacks
    assert lacks == ["nut has no ground truth (ground_truth/spot): its pixel metrics cannot be computed."]
    (dataset / "nut" / "test" / "good").rename(dataset / "nut" / "test" / "stain")
    lacks = find_categories(dataset / "nut")[0].lacks[1:]
    assert lacks == ["nut has no ground truth of spot: its pixel metrics are of the other defects."]


def test_a_folder_of_masks_is_their_union(dataset):
    nut = dataset / "nut"
    expected = sizes(nut)
    for mask in list((nut / "ground_truth" / "spot").iterdir()):
        whole = np.array(Image.open(mask))
        mask.unlink()
        for number, part in enumerate((slice(0, 20), slice(20, 40))):
            half = np.zeros_like(whole)
            half[part] = whole[part]
            save(mask.with_name(mask.stem.removesuffix("_mask")) / f"{number:03}.png", half)
    assert sizes(nut) == expected


def test_mvtec_ad_2_keeps_its_masks_in_its_public_test_folder(dataset):
    nut = dataset / "nut"
    expected = sizes(nut)
    (nut / "test").rename(nut / "test_public")
    (nut / "ground_truth").rename(nut / "test_public" / "ground_truth")
    assert sizes(nut) == expected


def test_pictures_that_lie_deeper_are_said(dataset):
    (dataset / "nut" / "test" / "spot").rename(dataset / "nut" / "test" / "rgb")
    (dataset / "nut" / "test" / "spot").mkdir()
    (dataset / "nut" / "test" / "rgb").rename(dataset / "nut" / "test" / "spot" / "rgb")
    with pytest.raises(DatasetError, match="spot holds no pictures, but folders"):
        find_categories(dataset / "nut")


def test_visa_that_is_no_table_is_refused(candle):
    for content in (b"\0\0", "object,split".encode("utf-16"), b"", b"object,split,label,image,mask\ncandle,test"):
        (candle / "split_csv" / "1cls.csv").write_bytes(content)
        with pytest.raises(DatasetError):
            find_categories(candle)
