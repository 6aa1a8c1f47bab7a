"""The layouts of data sets: what is found in them, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from maeday_core.errors import DatasetError
from maeday_core.evaluation.category import ground_truth
from maeday_core.evaluation.datasets import find_categories
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


@pytest.fixture
def btad(dataset):
    """One category as BTAD has it: ok and ko, masks by their pictures' names and of another format."""
    nut = dataset / "nut"
    for good in (nut / "train" / "good", nut / "test" / "good"):
        good.rename(good.with_name("ok"))
    for bad in (nut / "test" / "spot", nut / "ground_truth" / "spot"):
        bad.rename(bad.with_name("ko"))
    for mask in list((nut / "ground_truth" / "ko").iterdir()):
        Image.open(mask).save(mask.with_name(mask.stem.removesuffix("_mask") + ".bmp"))
        mask.unlink()
    return nut


def test_btad(btad):
    (category,) = find_categories(btad)
    assert (len(category.normals), category.lacks) == (2, [])
    assert sorted(sizes(btad)) == [("good", 0), ("good", 0), ("ko", 140), ("ko", 140)]


@pytest.fixture
def real_iad(tmp_path):
    """One category of Real-IAD as its archives are unpacked: NG pictures of a side that shows no defect are OK."""
    rows = []
    for number, kind in enumerate(["OK", "OK", "OK", "AK", "OK", "HS"]):
        folder = "NG/" + kind if kind != "OK" else "OK"
        image = f"{folder}/S{number:04}/toy_{number:04}_{kind}_C1.jpg"
        mask = image.replace(".jpg", ".png") if kind != "OK" else None
        save(tmp_path / "realiad_1024" / "toy" / image, np.full((40, 50, 3), 90, np.uint8))
        if mask:
            save(tmp_path / "realiad_1024" / "toy" / mask, np.pad(np.full((10, 10), 255, np.uint8), ((5, 25), (5, 35))))
        rows.append({"category": "toy", "anomaly_class": kind, "image_path": image, "mask_path": mask})
    lists = tmp_path / "realiad_jsons" / "realiad_jsons"
    lists.mkdir(parents=True)
    listed = {"meta": {"normal_class": "OK", "prefix": "toy/"}, "train": rows[:2], "test": rows[2:]}
    (lists / "toy.json").write_text(json.dumps(listed))
    (lists / "usb.json").write_text(json.dumps(listed))  # its pictures were not unpacked
    return tmp_path


def test_real_iad_as_it_is_unpacked(real_iad):
    (category,) = find_categories(real_iad)
    assert (category.name, len(category.normals), category.lacks) == ("toy", 2, [])
    assert [sample.defect for sample in category.samples] == ["good", "AK", "good", "HS"]
    assert [int(ground_truth(sample, (40, 50)).sum()) for sample in category.samples] == [0, 100, 0, 100]


def test_real_iad_that_is_incomplete_or_no_real_iad_is_refused(real_iad):
    missing = next((real_iad / "realiad_1024").rglob("*_AK_C1.png"))
    missing.unlink()
    with pytest.raises(DatasetError, match=r"toy\.json names .*AK_C1\.png.*unpack the whole archive"):
        find_categories(real_iad)
    for content in ("{}", "[]", "no JSON", '{"meta": {"normal_class": "OK"}, "train": [], "test": []}'):
        (real_iad / "realiad_jsons" / "realiad_jsons" / "toy.json").write_text(content)
        with pytest.raises(DatasetError, match="not Real-IAD's list"):
            find_categories(real_iad)
    (real_iad / "realiad_1024" / "toy").rename(real_iad / "realiad_1024" / "other")
    with pytest.raises(DatasetError, match="holds no category of the lists"):
        find_categories(real_iad)
    (real_iad / "realiad_1024").rename(real_iad / "pictures")
    with pytest.raises(DatasetError, match="but no pictures: unpack realiad_1024"):
        find_categories(real_iad)


@pytest.fixture
def two(tmp_path):
    """Two folders: five good pictures and two defective ones."""
    for number in range(5):
        save(tmp_path / "Good" / f"{number}.png", np.full((40, 50, 3), 90, np.uint8))
    for number in range(2):
        save(tmp_path / "bad" / f"{number}.jpg", np.full((40, 50, 3), 90, np.uint8))
    return tmp_path


def test_two_folders_are_enough(two):
    (category,) = find_categories(two)
    assert [sample.defect for sample in category.samples] == ["good"] * 3 + ["bad"] * 2
    assert [path.stem for path in category.normals] == ["1", "3"]
    assert category.told[0].startswith(f"2 good pictures of {two.name}, every second one, are kept for --shots")
    assert category.lacks == [
        f"{two.name} has no ground truth (ground_truth/bad): its pixel metrics cannot be computed."
    ]
    save(two / "train" / "9.png", np.full((40, 50, 3), 90, np.uint8))
    (category,) = find_categories(two)
    assert (len(category.samples), [path.stem for path in category.normals], category.told) == (7, ["9"], ())


@pytest.mark.parametrize("place", ["masks/{}.png", "ground_truth/bad/{}_mask.png"])
def test_masks_of_two_folders_are_used_where_there_are_some(two, place):
    for number in range(2):
        save(two / place.format(number), np.pad(np.full((10, 10), 255, np.uint8), ((5, 25), (5, 35))))
    (category,) = find_categories(two)
    assert [int(ground_truth(sample, (40, 50)).sum()) for sample in category.samples] == [0, 0, 0, 100, 100]
    assert category.lacks == []
    (two / place.format(1)).unlink()
    with pytest.raises(DatasetError, match=r"1\.jpg has no mask"):
        find_categories(two)


def test_two_folders_for_each_of_several_parts_and_empty_ones(two, tmp_path_factory):
    root = tmp_path_factory.mktemp("parts")
    two.rename(root / "cog")
    assert [category.name for category in find_categories(root)] == ["cog"]
    for path in (root / "cog").glob("*/*"):
        path.unlink()
    with pytest.raises(DatasetError, match="hold no pictures"):
        find_categories(root)
