"""Files in object stores, named by an address (`s3://`, `gs://`, `hf://`), through fsspec.

A remote file is a `UPath` of universal_pathlib. It has what the engine uses of `pathlib.Path`, and is annotated as one.
Only `located` makes one, and only the command line calls it: whatever a server is given stays a local path.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import tempfile
import uuid
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any, cast

from maeday_core.errors import SettingsError
from maeday_core.io.natural import natural

SCHEMES = {"s3": "s3fs", "gs": "gcsfs", "hf": "huggingface_hub"}
"""What can be read and written, and the package that does it."""
ADDRESS = re.compile(rf"({'|'.join(SCHEMES)})://[^/]")
BLOCK = 1_000_000
"""Bytes that are fetched ahead of what is read of an archive or a video."""


def located(text: str) -> Path:
    """The file or folder that a person at the command line names: a local path, or an address in an object store.

    Raises:
        SettingsError: what reads such addresses is not installed.
    """
    if (address := ADDRESS.match(text)) is None:
        return Path(text)
    try:
        from upath import UPath

        return cast(Path, UPath(text.rstrip("/"), use_listings_cache=False))  # others write there, too
    except ImportError as error:
        scheme = address[1]
        raise SettingsError(
            f"{text} needs packages that are not here; install them: pip install 'maeday[cluster]' {SCHEMES[scheme]}"
        ) from error


def is_remote(path: object) -> bool:
    """Whether this is a file or folder in an object store."""
    return not isinstance(path, str | os.PathLike)


@contextlib.contextmanager
def as_os_error() -> Iterator[None]:
    """What a store's own client raises, as the `OSError` that a local file would raise."""
    try:
        yield
    except OSError as error:
        if error.strerror:
            raise
        raise OSError(error.errno or errno.EIO, _first_line(error)) from error
    except Exception as error:  # each client has classes of its own
        raise OSError(errno.EIO, _first_line(error)) from error


def opened(path: Path) -> IO[bytes]:
    """A file, open for reading at any place of it.

    Raises:
        OSError: it cannot be opened.
    """
    if not is_remote(path):
        return path.open("rb")
    with as_os_error():
        return cast(IO[bytes], _system(path).open(_key(path), "rb", block_size=BLOCK))


def start_of(path: Path, length: int) -> bytes:
    """The first bytes of a remote file, in one request.

    Raises:
        OSError: it cannot be read.
    """
    with as_os_error():
        return bytes(_system(path).cat_file(_key(path), start=0, end=length))


def exists(path: Path) -> bool:
    """Whether there is a remote file of this name, or any below it.

    Raises:
        OSError: the store does not answer.
    """
    with as_os_error():
        return bool(_system(path).exists(_key(path)))


def files_below(folder: Path, but_not: Collection[str] = ()) -> Iterator[Path]:
    """A remote file, or all files below a remote folder in the order of a local one; those hidden are passed over.

    Args:
        but_not: addresses of files and folders to pass over.

    Raises:
        OSError: the store does not answer.
    """
    system, key = _system(folder), _key(folder)
    with as_os_error():
        found = [name.removeprefix(key).strip("/").split("/") for name in system.find(key)]
    for parts in sorted(found, key=lambda parts: [natural(part) for part in parts]):
        path = folder.joinpath(*filter(None, parts))
        below = {str(folder.joinpath(*parts[:count])) for count in range(1, len(parts) + 1)}
        if not below & set(but_not) and not any(part.startswith(".") or part == "__MACOSX" for part in parts):
            yield path


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A local path whose file becomes the remote one when the block ends; a reader finds the old or the new one.

    Raises:
        OSError: it cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="maeday-") as folder:
        temporary = Path(folder) / path.name
        yield temporary
        with as_os_error():
            _system(path).put_file(str(temporary), _key(path))


def check_folder(folder: Path) -> None:
    """Write a small file into a remote folder, and remove it.

    Raises:
        OSError: it takes none.
    """
    system, probe = _system(folder), f"{_key(folder)}/.{uuid.uuid4().hex}"
    with as_os_error():
        system.pipe_file(probe, b"probe")
        system.rm_file(probe)


def write(path: Path, content: bytes) -> None:
    """Write a remote file, in place of what has its name.

    Raises:
        OSError: it cannot be written.
    """
    with as_os_error():
        _system(path).pipe_file(_key(path), content)


def create(path: Path, content: bytes) -> bool:
    """Write a remote file if there is none of its name; of several that do so at once, one does. Whether it was this.

    Raises:
        OSError: it cannot be written.
    """
    with as_os_error():
        try:
            _system(path).pipe_file(_key(path), content, mode="create")
        except FileExistsError:
            return False
    return True


def copy(pairs: list[tuple[Path, Path]]) -> None:
    """Copy files within one store, many at a time; nothing passes through this machine.

    Raises:
        OSError: one of them cannot be copied.
    """
    if pairs:
        sources, targets = ([_key(path) for path in paths] for paths in zip(*pairs, strict=True))
        with as_os_error():
            _system(pairs[0][0]).copy(sources, targets)


def remove_folder(folder: Path) -> None:
    """Remove all files below a remote folder; nothing happens where there are none."""
    with contextlib.suppress(FileNotFoundError), as_os_error():
        _system(folder).rm(_key(folder), recursive=True)


def contents(paths: list[Path]) -> list[bytes]:
    """The bytes of remote files, many fetched at a time.

    Raises:
        OSError: one of them cannot be read.
    """
    if not paths:
        return []
    keys = [_key(path) for path in paths]
    with as_os_error():
        found = _system(paths[0]).cat(keys)
    return [found[key] for key in keys] if isinstance(found, dict) else [found]


def _system(path: Path) -> Any:
    return cast(Any, path).fs


def _key(path: Path) -> str:
    """A file's name within its store."""
    return str(cast(Any, path).path).rstrip("/")


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
