"""What was found, as a data set that annotation tools and training programs read: COCO, YOLO, Pascal VOC and others."""

from maeday_core.annotations.coco import coco
from maeday_core.annotations.dataset import FORMATS, Dataset
from maeday_core.annotations.picture import Annotated, Region

__all__ = ["FORMATS", "Annotated", "Dataset", "Region", "coco"]
