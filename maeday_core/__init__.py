"""MAEDAY: masked autoencoders for few- and zero-shot anomaly detection, from a photo to an explained heat map.

from maeday_core import ENSEMBLE, MAEDAY, Tools, detect, learn, load_image

tools = Tools.of("bundled")
result = detect(MAEDAY, tools, load_image("part.jpg"))
print(result.image_score, result.error_map.shape)

reference = learn(ENSEMBLE, tools, [load_image("good.jpg")])
judged = detect(ENSEMBLE, tools, load_image("part.jpg"), reference)
print(judged.image_score > judged.threshold.value)
"""

from maeday_core.detection.result import (
    Detection,
    Matches,
    Provenance,
    Reconstructions,
    Settings,
    Threshold,
    Unit,
)
from maeday_core.errors import DatasetError, ImageError, MaedayError, SettingsError, WeightsError
from maeday_core.io.images import Photos, RGBImage, find_images, load_image
from maeday_core.methods import (
    ENSEMBLE,
    ENSEMBLE_RAW,
    MAEDAY,
    METHODS,
    PATCHCORE,
    SELF_REFERENCE,
    TWO_PATCHCORES,
    Method,
    Reference,
    Shots,
    Sum,
    Tools,
    detect,
    detector,
    find,
    learn,
    learning,
    load_reference,
    register,
    save_reference,
)
from maeday_core.model.load import load_model
from maeday_core.model.mae import MAEConfig, MaskedAutoencoder

__version__ = "0.1.0"

__all__ = [
    "ENSEMBLE",
    "ENSEMBLE_RAW",
    "MAEDAY",
    "METHODS",
    "PATCHCORE",
    "SELF_REFERENCE",
    "TWO_PATCHCORES",
    "DatasetError",
    "Detection",
    "ImageError",
    "MAEConfig",
    "MaedayError",
    "MaskedAutoencoder",
    "Matches",
    "Method",
    "Photos",
    "Provenance",
    "RGBImage",
    "Reconstructions",
    "Reference",
    "Settings",
    "SettingsError",
    "Shots",
    "Sum",
    "Threshold",
    "Tools",
    "Unit",
    "WeightsError",
    "detect",
    "detector",
    "find",
    "find_images",
    "learn",
    "learning",
    "load_image",
    "load_model",
    "load_reference",
    "register",
    "save_reference",
]
