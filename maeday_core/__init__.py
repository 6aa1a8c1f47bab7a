"""MAEDAY: masked autoencoders for few- and zero-shot anomaly detection, from a photo to an explained heat map.

from maeday_core import Settings, detect, load_image, load_model

model = load_model("bundled")
result = detect(model, load_image("part.jpg"), Settings(masks=32, seed=0))
print(result.image_score, result.error_map.shape)
"""

from maeday_core.detection.reconstruction import Detection, Settings
from maeday_core.detection.windows import detect, stream
from maeday_core.errors import DatasetError, ImageError, MaedayError, SettingsError, WeightsError
from maeday_core.fewshot.adapter import Adapter, load_adapter
from maeday_core.fewshot.fine_tuning import FineTuning
from maeday_core.io.images import find_images, load_image
from maeday_core.model.load import load_model
from maeday_core.model.mae import MAEConfig, MaskedAutoencoder

__version__ = "0.1.0"

__all__ = [
    "Adapter",
    "DatasetError",
    "Detection",
    "FineTuning",
    "ImageError",
    "MAEConfig",
    "MaedayError",
    "MaskedAutoencoder",
    "Settings",
    "SettingsError",
    "WeightsError",
    "detect",
    "find_images",
    "load_adapter",
    "load_image",
    "load_model",
    "stream",
]
