"""timm, without PyTorch's compiler: torchvision asks that for one function, and so loads all of it for nothing.

That takes 150 MB of memory and a second. While timm is imported, two modules stand in for the compiler; what
torchvision keeps of them asks the compiler itself, if it is ever called. The compiler can be imported afterwards.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

COMPILER, UTILS = "torch._dynamo", "torch._dynamo.utils"


@contextlib.contextmanager
def _without_the_compiler() -> Iterator[None]:
    if COMPILER in sys.modules:
        yield
        return
    compiler: Any = ModuleType(COMPILER)
    utils: Any = ModuleType(UTILS)
    compiler.disable, utils.is_compile_supported = _as_it_is, _is_compile_supported
    sys.modules |= {COMPILER: compiler, UTILS: utils}
    try:
        yield
    finally:
        del sys.modules[COMPILER], sys.modules[UTILS]


def _as_it_is(function: Any = None, *_: Any, **__: Any) -> Any:
    """In place of `torch._dynamo.disable`, a decorator for what the compiler should leave alone."""
    return _as_it_is if function is None else function


def _is_compile_supported(device_type: str) -> bool:
    """In place of the function that torchvision asks before it compiles an operator."""
    from torch._dynamo.utils import is_compile_supported

    return bool(is_compile_supported(device_type))


with _without_the_compiler():
    import timm
    from timm.layers.patch_embed import PatchEmbed
    from timm.models.vision_transformer import Block

__all__ = ["Block", "PatchEmbed", "timm"]
