"""Pictures large and varied enough to be used for training."""

import cv2
import numpy as np


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 9, 9, 3), dtype=np.uint8)
    return [cv2.resize(c, (300, 280), interpolation=cv2.INTER_CUBIC) for c in coarse]
