"""Write a model as ONNX or OpenVINO's format, with a program that runs it without PyTorch."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from maeday_core.cli.options import add_model
from maeday_core.cli.output import print_line

FORMATS = ("onnx", "openvino")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    add_model(parser, "bundled, base, large, owner/name on the Hub, or a path; by default MAEDAY_MODEL, or bundled")
    parser.add_argument(
        "--backbone", help="network that describes patches, a convolutional one of timm's; by default the model's"
    )
    parser.add_argument("--format", default="onnx", choices=FORMATS, help="by default onnx")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the files are written")


def run(options: Namespace) -> int:
    """Export, and print each file and its size."""
    import torch

    from maeday_core.export.write import export
    from maeday_core.methods.tools import default_backbone
    from maeday_core.model.backbone import load_backbone
    from maeday_core.model.load import default_model, load_model

    cpu, name = torch.device("cpu"), options.model or default_model()
    model = load_model(name, device=cpu, dtype=torch.float32)
    network = load_backbone(options.backbone or default_backbone(name), device=cpu)
    for path in export(model, network, options.out, options.format):
        print_line(f"{path.stat().st_size / 1e6:8.1f} MB  {path}")
    return 0
