"""timm comes without PyTorch's compiler, and the compiler works when it is asked for afterwards."""

import subprocess
import sys

from tests.conftest import ROOT

CODE = """
import sys
from maeday_core import ENSEMBLE, Settings, Tools, detect
import numpy as np

detect(ENSEMBLE, Tools.of("bundled", Settings(masks=1)), np.zeros((32, 32, 3), np.uint8))
assert "torch._dynamo" not in sys.modules, "the compiler was loaded"

import torch
from torchvision.ops.roi_align import is_compile_supported

assert isinstance(is_compile_supported("cpu"), bool)
assert "torch._dynamo" in sys.modules
assert torch._dynamo.utils.is_compile_supported("cpu") == is_compile_supported("cpu")
assert torch.compile(lambda x: x + 1, backend="eager")(torch.ones(1)).item() == 2
"""


def test_a_detection_loads_no_compiler_and_the_compiler_works_afterwards():
    ended = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
