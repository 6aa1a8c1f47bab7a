"""Objects: connected regions above a threshold, in pixels of the frame."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from maeday_core.detection.objects import OBJECTS, BlockMap, Box, find_objects


def smooth(rng: np.random.Generator, height: int, width: int, sigma: float = 3) -> np.ndarray:
    """A random map from 0 to 1."""
    error_map = ndimage.gaussian_filter(rng.random((height, width)), sigma).astype(np.float32)
    return (error_map - error_map.min()) / max(np.ptp(error_map), 1e-6)


def one_by_one(blocks: BlockMap, threshold: float, least_area: int) -> list[Box]:
    """The same objects by the definition of each: one look at the whole map for every label."""
    above = (blocks.values > threshold).astype(np.uint8)
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (OBJECTS.closing, OBJECTS.closing))
    count, labels = cv2.connectedComponents(cv2.morphologyEx(above, cv2.MORPH_CLOSE, ellipse), connectivity=8)
    labels[above == 0] = 0
    found = []
    for label in range(1, count):
        rows, columns = np.nonzero(labels == label)
        tops, lefts = rows * blocks.block, columns * blocks.block
        bottoms = np.minimum(tops + blocks.block, blocks.height)
        rights = np.minimum(lefts + blocks.block, blocks.width)
        areas = (bottoms - tops) * (rights - lefts)
        if areas.sum() < max(least_area, 1):
            continue
        x, y, right, bottom = lefts.min(), tops.min(), rights.max(), bottoms.max()
        across, down = (np.average((a + b) / 2, weights=areas) for a, b in ((lefts, rights), (tops, bottoms)))
        peak = float(blocks.values[rows, columns].max())
        found.append(Box(x, y, right - x, bottom - y, areas.sum(), peak, (int(across), int(down))))
    return sorted(found, key=lambda box: -box.peak)


@given(st.integers(1, 1500), st.integers(1, 1500))
def test_a_reduced_map_keeps_the_peak_and_the_size(height: int, width: int) -> None:
    error_map = np.random.default_rng(height + width).random((height, width), dtype=np.float32)
    blocks = BlockMap.of(error_map)
    assert max(blocks.values.shape) <= 512
    assert blocks.values.max() == error_map.max()
    assert blocks.full().shape == error_map.shape
    assert (blocks.full() >= error_map).all()


@given(
    st.integers(0, 10_000),
    st.tuples(st.integers(1, 1300), st.integers(1, 1300)),
    st.floats(0.3, 0.99),
    st.sampled_from([0, 1, 40]),
)
def test_objects_are_those_of_the_definition(seed: int, shape: tuple[int, int], level: float, least_area: int) -> None:
    blocks = BlockMap.of(smooth(np.random.default_rng(seed), *shape, sigma=1 + seed % 5))
    threshold = float(np.quantile(blocks.values, level))
    assert find_objects(blocks, threshold, least_area) == one_by_one(blocks, threshold, least_area)


@given(st.integers(0, 10_000), st.floats(0.3, 0.95))
def test_objects_hold_every_place_above_the_threshold(seed: int, threshold: float) -> None:
    error_map = smooth(np.random.default_rng(seed), 90, 140)
    boxes = find_objects(BlockMap.of(error_map), threshold)
    covered = np.zeros_like(error_map, bool)
    for box in boxes:
        covered[box.y : box.y + box.height, box.x : box.x + box.width] = True
    assert covered[error_map > threshold].all()
    assert sum(box.area for box in boxes) == (error_map > threshold).sum()
    assert boxes[0].peak == error_map.max()
    assert [box.peak for box in boxes] == sorted((box.peak for box in boxes), reverse=True)


def test_parts_a_few_blocks_apart_are_one_object() -> None:
    error_map = np.zeros((60, 60), np.float32)
    error_map[20:24, 20:24] = error_map[20:24, 28:32] = 1
    (near,) = find_objects(BlockMap.of(error_map), 0.5)
    assert (near.x, near.width, near.area) == (20, 12, 32)
    error_map[20:24, 28:32] = 0
    error_map[20:24, 50:54] = 1
    assert len(find_objects(BlockMap.of(error_map), 0.5)) == 2


def test_boxes_stay_inside_a_frame_whose_last_block_does_not() -> None:
    error_map = np.zeros((1001, 1301), np.float32)
    error_map[998:, 1299:] = 1
    (box,) = find_objects(BlockMap.of(error_map), 0.5)
    assert (box.x + box.width, box.y + box.height) == (1301, 1001)
    assert box.area == box.width * box.height


def test_nothing_above_the_threshold_is_no_object() -> None:
    assert find_objects(BlockMap.of(np.zeros((5, 5), np.float32)), 0.0) == []
