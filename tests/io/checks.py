"""Checks of the decoder: what a picture, a refusal and a whole folder of files must come to."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import maeday_core
from maeday_core.errors import ImageError
from maeday_core.io.images import load_image

# A process that loads every file of a folder and prints what came of each, and the memory it took.
CHILD = """
import json, sys, types
from pathlib import Path
sys.modules["maeday_core"] = package = types.ModuleType("maeday_core")  # the package without torch, which is slow
package.__path__ = [sys.argv[1]]
from maeday_core.io.images import ImageError, load_image

def megabytes(key):
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024

load_image(b"P5 1 1 255 a")
results, before = {}, megabytes("VmRSS")
for path in sorted(Path(sys.argv[2]).iterdir()):
    try:
        image = load_image(path)
        results[path.name] = [image.dtype.name, image.ndim, image.shape[2]]
    except ImageError as error:
        results[path.name] = str(error)
    except BaseException as error:
        results[path.name] = {"escaped": repr(error)}
print(json.dumps({"results": results, "megabytes": megabytes("VmHWM") - before}))
"""
TIMEOUT = 300  # seconds; a folder takes a few, and a decoder that hangs takes them all


def load_all(folder):
    """Load every file of `folder` in a process of its own, which must neither crash, nor hang, nor print."""
    package = Path(maeday_core.__file__).parent
    command = [sys.executable, "-W", "always", "-c", CHILD, str(package), str(folder)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert child.returncode == 0, child.stderr[-2000:]
    assert "Warning" not in child.stderr
    return json.loads(child.stdout)


def refusal(source, **options):
    """The text of the error: one sentence on what is wrong and what to do, in the user's terms."""
    with pytest.raises(ImageError) as caught:
        load_image(source, **options)
    text = str(caught.value)
    assert text.endswith(".")
    assert ". " not in text
    assert "\n" not in text
    assert ";" in text
    assert not any(internal in text for internal in ("0x", "BytesIO", "Errno", "Error", os.sep + "tmp"))
    return text


def assert_close(image, expected, tolerance=0):
    expected = np.asarray(expected)
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.flags.writeable
    expected = np.stack([expected] * 3, axis=2) if expected.ndim == 2 else expected
    assert image.shape == expected.shape
    assert np.abs(image.astype(int) - expected).max() <= tolerance


def over_white(rgb, alpha):
    alpha = alpha[..., None] / 255
    return np.rint(rgb * alpha + 255 * (1 - alpha))
