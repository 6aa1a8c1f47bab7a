"""Data sets with ground truth: finds out which layout a folder has, and reads those that are told by folders' names."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from maeday_core.errors import DatasetError
from maeday_core.evaluation.category import GOOD, TRUTH, Category, Reader, Sample, pictures_in
from maeday_core.evaluation.listed import real_iad, visa
from maeday_core.io.folders import hidden

BAD = frozenset({"bad", "ng", "ko", "defect", "defects", "defective", "anomaly", "anomalous"})
"""Names of folders of defective pictures beside a folder of good ones, in any case."""
MASKS = ("masks", "mask", TRUTH)
"""Names of the folder of their masks."""
TEST = ("test", "test_public")
MASK = "_mask"
"""How the stem of a mask ends, in any case; without it, it is its picture's."""


def find_categories(root: str | os.PathLike[str], names: Iterable[str] = ()) -> list[Category]:
    """The categories below `root`: one category, a folder of them, or VisA or Real-IAD as they are unpacked.

    The layout is MVTec-AD's: `train/good`, `test/good`, `test/<defect>`, `ground_truth/<defect>/<stem>_mask.png`; or
    `split_csv/1cls.csv` names VisA's pictures and masks. Of the first, varieties are known: `test_public`, perhaps with
    `ground_truth` inside (MVTec AD 2); `ok` or `normal` for `good`, in any case; a mask that has its picture's name
    (anomalib, VisA's 1cls, BTAD), with the suffix of any picture; a folder of masks, `<stem>/` (MVTec LOCO).
    `realiad_jsons` holds Real-IAD's lists. Two folders, `good` and `bad`, are enough, with `masks` or without.

    Raises:
        DatasetError: there is none, one named is missing, or an image with a defect has no mask where others do.
    """
    root = Path(root)
    if not root.is_dir():
        raise DatasetError(f"There is no folder {root}.")
    found = next(categories for read in READERS if (categories := read(root)) is not None)
    wanted = list(dict.fromkeys(names)) or list(found)
    for name in wanted:
        if name not in found:
            raise DatasetError(f"{root} holds no category {name!r}; it has {', '.join(found)}.")
    return [found[name]() for name in wanted]


def _mvtec(root: Path) -> dict[str, Callable[[], Category]]:
    folders = [root] if _test(root) else sorted(p for p in root.iterdir() if _test(p))
    if not folders:
        raise DatasetError(
            f"{root} holds no category: expected {root}/test or {root}/<category>/test, or two folders good and bad; "
            f"{_folders_in(root)}."
        )
    named = {folder.name or folder.resolve().name: folder for folder in folders}
    return {name: partial(_mvtec_category, name, folder) for name, folder in named.items()}


def _mvtec_category(name: str, folder: Path) -> Category:
    return Category(name, _samples(folder), _good_below(_child(folder, "train") or folder / "train"))


def _good_below(train: Path) -> list[Path]:
    return [path for good in _folders(train) if _is_good(good) for path in pictures_in(good)]


def _good_and_bad(root: Path) -> dict[str, Callable[[], Category]] | None:
    folders = [path for path in (root, *_folders(root)) if not _test(path) and _two(path)]
    if not folders or _test(root):
        return None
    named = {folder.name or folder.resolve().name: folder for folder in folders}
    return {name: partial(_two_folders, name, folder) for name, folder in named.items()}


def _two(folder: Path) -> tuple[Path, Path] | None:
    """The folders of good and of defective pictures in a folder; None where it does not have both."""
    good, bad = _child(folder, *sorted(GOOD)), _child(folder, *sorted(BAD))
    return (good, bad) if good and bad else None


def _two_folders(name: str, folder: Path) -> Category:
    """A category of two folders; without good parts to learn from, every second good picture is kept for that."""
    good, bad = _two(folder) or (folder, folder)
    masks, train = _child(folder, *MASKS), _child(folder, "train")
    kept = pictures_in(train) or _good_below(train) if train else pictures_in(good)[1::2]
    samples = [Sample(path, "good", None) for path in _pictures_right_in(good) if path not in set(kept)]
    samples += _defective(bad, _child(masks, bad.name) or masks if masks else folder / MASKS[0])
    if not samples:
        raise DatasetError(f"{good} and {bad} hold no pictures; put them right into these folders.")
    if train or not kept:
        return Category(name, samples, kept)
    sentence = (
        f"{len(kept)} good pictures of {name}, every second one, are kept for --shots and not judged; put other good "
        f"ones into {folder / 'train'} to have all of these judged."
    )
    return Category(name, samples, kept, [sentence])


READERS: tuple[Reader, ...] = (visa, real_iad, _good_and_bad, _mvtec)
"""Tried in this order; the last one says what was expected."""


def _samples(folder: Path) -> list[Sample]:
    test = _test(folder) or folder
    truth = _child(folder, TRUTH) or _child(test, TRUTH) or folder / TRUTH
    samples = []
    for defect in _folders(test):
        if defect.name.casefold() == TRUTH:
            continue
        if _is_good(defect):
            samples += [Sample(path, "good", None) for path in _pictures_right_in(defect)]
        else:
            samples += _defective(defect, _child(truth, defect.name) or truth / defect.name)
    if not samples:
        raise DatasetError(f"{test} holds no pictures in folders of its own, such as good; {_folders_in(test)}.")
    return samples


def _defective(folder: Path, marked: Path) -> list[Sample]:
    """The pictures of a folder of one defect, with their masks from another folder, which may be missing."""
    masks, pictures = _masks(marked), _pictures_right_in(folder)
    for path in pictures:
        if marked.is_dir() and path.stem not in masks:
            expected = f"{marked / path.stem}_mask.png, or {path.stem}.png or a folder {path.stem} beside it"
            raise DatasetError(f"{path} has no mask: expected {expected}.")
    return [Sample(path, folder.name, masks.get(path.stem)) for path in pictures]


def _pictures_right_in(folder: Path) -> list[Path]:
    pictures = pictures_in(folder)
    if not pictures and _folders(folder):
        raise DatasetError(f"{folder} holds no pictures, but folders; put its pictures right into it.")
    return pictures


def _test(folder: Path) -> Path | None:
    return _child(folder, *TEST)


def _child(folder: Path, *names: str) -> Path | None:
    """The folder in another one that has the first of these names, in any case."""
    there = {path.name.casefold(): path for path in _folders(folder)} | {path.name: path for path in _folders(folder)}
    return next((there[name] for one in names for name in (one, one.casefold()) if name in there), None)


def _is_good(folder: Path) -> bool:
    return folder.name.casefold() in GOOD


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.is_dir() and not hidden(Path(p.name)))


def _folders_in(folder: Path, most: int = 10) -> str:
    """What is there, for an error that says what is not."""
    names = [path.name for path in _folders(folder)]
    return f"its folders are {', '.join(names[:most])}{', ...' * (len(names) > most)}" if names else "it has no folders"


def _masks(folder: Path) -> dict[str, Path]:
    """The masks in a folder by the stems of their pictures; one that is called a mask goes before its namesake."""
    marks = [*_folders(folder), *pictures_in(folder)]
    plain = {path.name if path.is_dir() else path.stem: path for path in marks}
    called = {stem[: -len(MASK)]: path for stem, path in plain.items() if stem.casefold().endswith(MASK)}
    return plain | called
