"""Writing a model and a network for other programs."""

from __future__ import annotations

import importlib.util
import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from maeday_core import __version__
from maeday_core.detection.settings import Settings
from maeday_core.errors import SettingsError
from maeday_core.export import run
from maeday_core.export.graph import Describing, Reconstructing
from maeday_core.io.files import check_folder, replacing, writing
from maeday_core.model.backbone import MULTIPLE, Backbone
from maeday_core.model.mae import MaskedAutoencoder, visible_places
from maeday_core.model.masks import draw_masks

Format = Literal["onnx", "openvino"]
OPSET = 18
"""Of ONNX; onnxruntime from 1.14 and openvino from 2023 on read it."""
MOST_BYTES = 2**31
"""Of an ONNX file."""
EXTRA = "install what exporting needs: pip install 'maeday[export]'"


def export(model: MaskedAutoencoder, network: Backbone, folder: Path, form: Format = "onnx") -> list[Path]:
    """Write a model, a network, and `run.py`, which runs both without PyTorch.

    Args:
        model: on the CPU in float32, and so is the network.
        network: a convolutional one.
        folder: is made if there is none; files of these names are replaced.
        form: `onnx`, one file each; or `openvino`, two files each.

    Returns:
        The files.

    Raises:
        SettingsError: a package is missing, or the network is a transformer.
        OutputError: the folder cannot be written.
    """
    missing = [one for one in ("onnx", form) if importlib.util.find_spec(one) is None]
    if missing:
        raise SettingsError(f"There is no package {missing[0]}: {EXTRA}.")
    if network.multiple != MULTIPLE:
        raise SettingsError(f"The backbone {network.name} is a transformer, which is not exported; choose another one.")
    if sum(one.numel() for one in model.parameters()) * 4 >= MOST_BYTES:
        raise SettingsError(
            f"The model {model.info.name} is over 2 GB, too large for an ONNX file; choose another one."
        )
    check_folder(folder)
    config, settings = model.config, Settings()
    visible = visible_places(draw_masks(2, config.num_patches, settings.mask_ratio, 0))
    suffix = ".onnx" if form == "onnx" else ".xml"
    pictures = [torch.zeros(1, 3, side, side) for side in (config.image_size, network.side)]
    names = {"visible": {0: "masks", 1: "shown"}, "reconstructions": {0: "masks"}}
    autoencoder, describer = (folder / f"{name}{suffix}" for name in ("autoencoder", "network"))
    _write(Reconstructing(model), (pictures[0], visible), autoencoder, ["picture", "visible"], "reconstructions", names)
    _write(Describing(network), (pictures[1],), describer, ["picture"], "features", {})
    facts = {
        "format": form,
        "autoencoder": autoencoder.name,
        "network": describer.name,
        "image_size": config.image_size,
        "patches": config.num_patches,
        "mask_ratio": settings.mask_ratio,
        "network_size": network.side,
        "model": model.info.name,
        "model_sha256": model.info.sha256,
        "backbone": network.name,
        "maeday": __version__,
    }
    described, program = folder / "maeday.json", folder / "run.py"
    with replacing(described) as path:
        path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    with replacing(program) as path:
        shutil.copyfile(run.__file__, path)
    return [*sorted(folder.glob("autoencoder.*")), *sorted(folder.glob("network.*")), described, program]


def _write(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    path: Path,
    names: list[str],
    output: str,
    axes: dict[str, dict[int, str]],
) -> None:
    with writing(path), tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as scratch:
        traced = Path(scratch, path.stem).with_suffix(".onnx")
        with warnings.catch_warnings():
            # The exporter that follows the values is called old; the new one takes a minute where this takes a second.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module.eval(),
                inputs,
                traced,
                dynamo=False,
                opset_version=OPSET,
                input_names=names,
                output_names=[output],
                dynamic_axes=axes,
            )
        if path.suffix == ".xml":
            import openvino

            whole = traced.with_suffix(".xml")
            openvino.save_model(openvino.convert_model(traced), whole, compress_to_fp16=False)
            traced.unlink()
        for file in Path(scratch).iterdir():
            file.replace(path.with_name(file.name))
