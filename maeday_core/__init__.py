"""MAEDAY: masked autoencoders for few- and zero-shot anomaly detection, from a photo to an explained heat map.

from maeday_core import ENSEMBLE, MAEDAY, Tools, detect, learn, load_image

tools = Tools.of("bundled")
result = detect(MAEDAY, tools, load_image("part.jpg"))
print(result.image_score, result.error_map.shape)

reference = learn(ENSEMBLE, tools, [load_image("good.jpg")])
judged = detect(ENSEMBLE, tools, load_image("part.jpg"), reference)
print(judged.image_score > judged.threshold.value)
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
