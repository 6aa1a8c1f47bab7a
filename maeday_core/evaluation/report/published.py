"""What the paper and others have published on MVTec-AD, to stand beside what is measured: quoted, not measured here."""

from __future__ import annotations

PAPER = "Schwartz et al., MAEDAY, arXiv 2211.14307"
COLUMNS = (("maeday", 0), ("patchcore", 1), ("maeday", 1), ("2xpatchcore", 1), ("ensemble", 1))
"""Method and shots of the columns of Tables 1 and 2."""

_TABLE_1 = """
bottle 74.3 96.1 74.8 98.3 93.7
cable 53.0 82.6 50.1 83.6 69.0
capsule 64.0 63.0 59.9 63.7 64.9
hazelnut 97.1 84.9 97.0 85.4 94.1
metal_nut 43.6 75.4 53.1 77.0 73.4
pill 63.4 77.5 63.5 79.1 81.7
screw 69.9 46.0 78.1 45.8 61.4
toothbrush 77.5 84.4 81.7 83.8 92.5
transistor 48.3 82.1 56.3 80.1 75.3
zipper 82.0 96.6 79.0 96.9 94.3
carpet 74.6 99.1 72.3 99.2 97.9
grid 97.9 43.4 97.1 43.2 83.9
leather 92.9 100.0 93.4 100.0 99.9
tile 84.3 98.5 87.2 98.7 98.4
wood 94.8 98.5 96.7 98.5 99.5
mean 74.5 81.9 76.0 82.2 85.3
"""
_TABLE_2 = """
bottle 50.7 97.9 50.8 98.1 95.9
cable 65.5 90.3 73.1 91.3 84.2
capsule 48.1 97.1 48.4 97.2 95.3
hazelnut 94.1 88.5 94.0 88.8 98.3
metal_nut 39.6 89.6 47.0 90.1 68.4
pill 61.5 94.7 62.0 95.1 91.3
screw 96.9 88.6 96.4 88.8 97.4
toothbrush 72.3 95.0 77.6 95.2 92.2
transistor 59.7 92.3 61.9 92.3 86.0
zipper 76.2 96.9 73.9 97.1 96.2
carpet 76.2 98.9 78.4 99.0 98.2
grid 95.4 55.7 96.7 55.9 96.6
leather 94.6 99.1 96.4 99.1 99.4
tile 30.9 94.8 37.4 94.9 90.1
wood 78.8 92.0 80.0 92.1 92.9
mean 69.4 91.4 71.6 91.7 92.2
"""


def _parsed(table: str) -> dict[str, dict[tuple[str, int], float]]:
    rows = (line.split() for line in table.strip().splitlines())
    return {name: dict(zip(COLUMNS, map(float, values), strict=True)) for name, *values in rows}


TABLES = {"image_auroc": _parsed(_TABLE_1), "pixel_auroc": _parsed(_TABLE_2)}
"""By metric, category (`mean` is that of all) and column, per cent."""
CATEGORIES = frozenset(TABLES["image_auroc"]) - {"mean"}

FOREIGN_OBJECTS = (
    ("PatchCore, 1 shot", 98.2, 73.2, 85.7),
    ("MAEDAY, zero-shot", 95.6, 85.6, 90.6),
)
"""Table 3: ROC-AUC indoors, outdoors and their mean, on the paper's own frames."""
SECONDS = (("PatchCore, 1 shot", 4.0, 0.07), ("MAEDAY, 1 shot", 100.0, 0.15))
"""Table 4, on an A100: to learn, and per image."""
PRESETS = {"full": "full fine-tuning", "paper": "LoRA"}
FINE_TUNING = {"full": (75.4, 70.9), "paper": (76.0, 71.6)}
"""Table 5, by the preset that does the same: image and pixel ROC-AUC with one shot."""
OTHERS = (
    ("WinCLIP (needs text), 0 shots", 91.8, 85.1, "Jeong et al., CVPR 2023"),
    ("WinCLIP, 1 shot", 93.1, 95.2, "Jeong et al., CVPR 2023"),
    ("PatchCore, 1 shot", 83.4, 92.0, "as quoted by WinCLIP"),
    ("AnomalyDINO, 1 shot", 96.6, None, "Damm et al., WACV 2025"),
    ("MuSc, the whole test set at once", 97.8, 97.3, "Li et al., ICLR 2024"),
    ("SubspaceAD, 1 shot", 98.0, 97.6, "2026"),
)
"""Image and pixel ROC-AUC on MVTec-AD."""
