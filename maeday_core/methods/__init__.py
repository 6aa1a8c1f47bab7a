"""The methods, each in a file of its own; every file of this folder is imported, so that its method is registered."""

import importlib
import pkgutil

from maeday_core.methods.base import METHODS, Detect, Look, Method, Shots, Style, Sum, find, last, register
from maeday_core.methods.ensemble import ENSEMBLE, ENSEMBLE_RAW
from maeday_core.methods.maeday import MAEDAY
from maeday_core.methods.patchcore import PATCHCORE, TWO_PATCHCORES
from maeday_core.methods.reference import Reference
from maeday_core.methods.saved import load_reference, save_reference
from maeday_core.methods.self_reference import SELF_REFERENCE
from maeday_core.methods.together import Together
from maeday_core.methods.tools import Tools
from maeday_core.methods.use import detect, detector, join, joined_by, learn, learning

__all__ = [
    "ENSEMBLE",
    "ENSEMBLE_RAW",
    "MAEDAY",
    "METHODS",
    "PATCHCORE",
    "SELF_REFERENCE",
    "TWO_PATCHCORES",
    "Detect",
    "Look",
    "Method",
    "Reference",
    "Shots",
    "Style",
    "Sum",
    "Together",
    "Tools",
    "detect",
    "detector",
    "find",
    "join",
    "joined_by",
    "last",
    "learn",
    "learning",
    "load_reference",
    "register",
    "save_reference",
]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
