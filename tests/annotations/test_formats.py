"""Data sets for other programs: an independent reader finds the same pictures, boxes and areas in each format."""

import json
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from matplotlib.path import Path as Path2D
from PIL import Image
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO
from torchvision.datasets import VOCDetection

from maeday_core.annotations import FORMATS, Annotated, Dataset, Region, coco
from maeday_core.annotations.picture import rings
from maeday_core.detection.objects import BlockMap, find_objects, masks_of
from maeday_core.errors import SettingsError

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools

SIZE = 61, 97
CENTRES = np.stack(np.indices(SIZE)[::-1], axis=-1).reshape(-1, 2) + 0.5


def annotated(seed: int) -> Annotated:
    """A picture whose regions have holes, pieces and pixels at the border; number 0 has none."""
    error_map = cv2.GaussianBlur(np.random.default_rng(seed).random(SIZE, np.float32), (0, 0), 2)
    blocks = BlockMap(np.ascontiguousarray(error_map[:31, :49]), 2, *SIZE)  # the last blocks are cut off
    limit = float(np.quantile(blocks.values, 0.7))
    boxes = find_objects(blocks, limit) if seed else []
    regions = [Region(box, mask) for box, mask in zip(boxes, masks_of(blocks, limit, boxes), strict=True)]
    return Annotated(f"{seed}.jpg", f"/from/{seed}.png", SIZE, limit + (1 if seed else 0), limit, tuple(regions))


@pytest.fixture(scope="module")
def pictures() -> list[Annotated]:
    found = [annotated(seed) for seed in range(3)]
    assert sum(len(picture.regions) for picture in found) > 4
    return found


@pytest.fixture(scope="module")
def folder(pictures, tmp_path_factory) -> Path:
    dataset = Dataset(tmp_path_factory.mktemp("formats") / "dataset", list(FORMATS))
    for picture in pictures:
        dataset.add(picture, np.full((*SIZE, 3), 90, np.uint8))
    dataset.write()
    return dataset.folder


def whole(region: Region) -> np.ndarray:
    mask, box = np.zeros(SIZE, bool), region.box
    mask[box.y : box.y + box.height, box.x : box.x + box.width] = region.mask
    return mask


def boxes_of(picture: Annotated) -> list[tuple[int, int, int, int]]:
    return [(one.box.x, one.box.y, one.box.width, one.box.height) for one in picture.regions]


def test_a_region_has_the_area_and_the_box_that_its_row_states(pictures):
    for region in (region for picture in pictures for region in picture.regions):
        assert whole(region).sum() == region.box.area
        assert region.mask.any(0).all() or region.mask.any(0)[[0, -1]].all()
        assert region.mask.any(1)[[0, -1]].all()


@given(arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_outlines_enclose_exactly_the_pixels_of_a_mask(mask):
    outlines = [ring.ravel().tolist() for ring in rings(mask)]
    if not outlines:
        assert not mask.any()
        return
    read = coco_masks.decode(coco_masks.merge(coco_masks.frPyObjects(outlines, *mask.shape)))
    assert np.array_equal(read, mask)


def test_coco_is_read_by_pycocotools(folder, pictures, capsys):
    read = COCO(str(folder / "coco.json"))
    assert [image["file_name"] for image in read.loadImgs(read.getImgIds())] == ["0.jpg", "1.jpg", "2.jpg"]
    for number, picture in enumerate(pictures, 1):
        found = read.loadAnns(read.getAnnIds(number))
        assert [tuple(one["bbox"]) for one in found] == boxes_of(picture)
        assert [one["score"] for one in found] == [region.box.peak for region in picture.regions]
        for one, region in zip(found, picture.regions, strict=True):
            mask = read.annToMask(one)
            assert mask.sum() == one["area"] == region.box.area
            assert np.array_equal(mask, whole(region))


def test_voc_is_read_by_torchvision(folder, pictures):
    for picture in pictures:
        root = ElementTree.parse(folder / "voc" / f"{Path(picture.name).stem}.xml").getroot()
        read = VOCDetection.parse_voc_xml(root)["annotation"]
        assert (folder / read["folder"] / read["filename"]).is_file()
        assert (int(read["size"]["height"]), int(read["size"]["width"])) == SIZE
        edges = [[int(one["bndbox"][edge]) for edge in ("xmin", "ymin", "xmax", "ymax")] for one in read["object"]]
        assert [(x - 1, y - 1, right - x + 1, low - y + 1) for x, y, right, low in edges] == boxes_of(picture)


def test_yolo_has_a_label_for_each_picture_as_shares_of_it(folder, pictures):
    assert (folder / "data.yaml").read_text() == 'train: images\nval: images\nnames:\n  0: "anomaly"\n'
    height, width = SIZE
    for picture in pictures:
        rows = np.loadtxt(folder / "labels" / f"{Path(picture.name).stem}.txt", ndmin=2) if picture.regions else []
        read = []
        for number, x, y, across, down in rows:
            assert number == 0
            read.append(((x - across / 2) * width, (y - down / 2) * height, across * width, down * height))
        assert np.allclose(read, boxes_of(picture), atol=1e-3)


def test_labelme_draws_each_region(folder, pictures):
    for picture in pictures:
        read = json.loads((folder / "labelme" / f"{Path(picture.name).stem}.json").read_text())
        with Image.open(folder / "labelme" / read["imagePath"]) as opened:
            assert opened.size == (read["imageWidth"], read["imageHeight"])
        for number, region in enumerate(picture.regions, 1):
            outlines = [Path2D(one["points"]) for one in read["shapes"] if one["group_id"] == number]
            drawn = np.any([outline.contains_points(CENTRES).reshape(SIZE) for outline in outlines], axis=0)
            assert np.array_equal(drawn, whole(region))


def test_label_studio_has_a_task_for_each_picture_with_boxes_in_per_cent(folder, pictures):
    tasks = json.loads((folder / "label-studio.json").read_text())
    interface = ElementTree.parse(folder / "label-studio.xml").getroot()
    control, shown = interface.find("RectangleLabels"), interface.find("Image")
    height, width = SIZE
    for task, picture in zip(tasks, pictures, strict=True):
        assert task["data"][shown.attrib["value"].removeprefix("$")].endswith(f"images/{picture.name}")
        (prediction,) = task["predictions"]
        read = []
        for result in prediction["result"]:
            value = result["value"]
            assert (result["from_name"], result["to_name"]) == (control.attrib["name"], control.attrib["toName"])
            assert value["rectanglelabels"] == [control.find("Label").attrib["value"]]
            read.append(
                [
                    value[side] * size / 100
                    for side, size in zip(("x", "y", "width", "height"), (width, height, width, height), strict=True)
                ]
            )
        assert np.allclose(read, boxes_of(picture), atol=1e-6)


def test_a_data_set_is_made_anew_but_nobody_elses_files_are_removed(tmp_path, pictures):
    grey = np.zeros((*SIZE, 3), np.uint8)
    for names in ([0, 1], [2]):
        dataset = Dataset(tmp_path / "dataset", ["coco"])
        for name in names:
            dataset.add(pictures[name], grey)
        dataset.write()
    assert [path.name for path in (tmp_path / "dataset" / "images").iterdir()] == ["2.jpg"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "kept.txt").write_text("mine")
    with pytest.raises(SettingsError, match="holds other files"):
        Dataset(tmp_path / "mine", ["coco"])
    Dataset(tmp_path / "dataset", ["yolo"]).write()  # nothing came: what was there stays
    assert (tmp_path / "dataset" / "coco.json").is_file()


def test_a_data_set_without_anything_found_is_still_one(pictures):
    made = coco([])
    assert made["images"] == made["annotations"] == []
    assert coco(pictures[:1])["images"][0]["verdict"] == "normal"
