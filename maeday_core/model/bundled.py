"""The weights that come with this package."""

from importlib import resources
from pathlib import Path

BUNDLED_FILE = Path(str(resources.files("maeday_core"))) / "assets" / "mae-small.safetensors"
