# What `maeday_core` exports; each name is imported when it is first used.
from .detection.decision import Ordinary, Threshold, Verdict
from .detection.result import Detection, Matches, Provenance, Reconstructions, Unit
from .detection.settings import Settings
from .errors import DatasetError, ImageError, MaedayError, OutputError, SettingsError, WeightsError
from .io.folders import find_images
from .io.images import Photos, RGBImage, load_image
from .methods import (
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
from .model.load import load_model
from .model.mae import MAEConfig, MaskedAutoencoder

__version__: str

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
    "Ordinary",
    "OutputError",
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
    "Verdict",
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
