"""One of anomalib's methods as a process, in an environment of its own: see `benchmarks.rivals`.

It fills a bank with pictures of noise, says so, and answers every line with the seconds that one more picture takes.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import timm
import torch

create_model = timm.create_model
timm.create_model = lambda *given, **options: create_model(*given, **options | {"pretrained": False})  # before anomalib

from anomalib.models.image.anomaly_dino.torch_model import AnomalyDINOModel  # noqa: E402
from anomalib.models.image.patchcore.torch_model import PatchcoreModel  # noqa: E402

METHODS: dict[str, Callable[[], Any]] = {
    "wrn50": lambda: PatchcoreModel(("layer2", "layer3"), "wide_resnet50_2", pre_trained=False),
    "dinov2": lambda: AnomalyDINOModel(encoder_name="vit_small_patch14_dinov2"),
}
"""By the network that they share with ours."""


def main(network: str, side: int, shots: int, patches: int, threads: int) -> None:
    """Answer until there are no more lines."""
    torch.set_num_threads(threads)
    model, picture = METHODS[network](), torch.rand(1, 3, side, side)
    with torch.inference_mode():
        model.train()
        for _ in range(shots):
            model(torch.rand(1, 3, side, side))
        model.memory_bank = torch.vstack(model.embedding_store)[:patches]
        model.eval()
        print("ready", flush=True)
        for _ in sys.stdin:
            start = time.perf_counter()
            model(picture)
            print(time.perf_counter() - start, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
