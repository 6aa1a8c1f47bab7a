"""Checkpoints on the Hugging Face Hub: from its cache on this machine, else downloaded, with resume and SHA-256."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub as hub
from huggingface_hub import errors as hub_errors
from huggingface_hub.file_download import http_get, repo_folder_name

from maeday_core.errors import WeightsError, first_sentence
from maeday_core.io.files import sha256
from maeday_core.model.hub import HUB_FILES, Progress

TIMEOUT = 10
"""Seconds that the Hub may take for its first answer."""


def download(repo: str, revision: str, progress: Progress | None = None) -> Path:
    """The path of a checkpoint's weights in the Hub's cache, with its config.json beside it.

    What the cache lacks is downloaded; a download that broke off is resumed.

    Raises:
        WeightsError: the Hub cannot be reached or has no such checkpoint, or the download is damaged.
    """
    cause: Exception | None = None
    try:
        if cached := _cached(repo, revision):
            return cached
        _fetch(repo, "config.json", revision, None)
        for filename in HUB_FILES:
            try:
                return _fetch(repo, filename, revision, progress)
            except hub_errors.RemoteEntryNotFoundError:
                continue
        problem = f"{repo} on the Hub has neither {' nor '.join(HUB_FILES)}; check the id"
    except hub_errors.RevisionNotFoundError as error:
        problem, cause = f"{repo} on the Hub has no revision {revision!r}; check the name after '@'", error
    except hub_errors.RepositoryNotFoundError as error:  # or a gated one
        problem, cause = f"The Hub has no public model {repo!r}; check the id, log in if it is private", error
    except hub_errors.RemoteEntryNotFoundError as error:
        problem, cause = f"{repo} on the Hub has no config.json, so it is not a ViTMAE model; check the id", error
    except hub_errors.HFValidationError as error:
        problem, cause = f"{repo!r} is not a Hub id of the form owner/name; check the id", error
    except OSError as error:
        problem, cause = f"{repo} is not in this machine's cache and could not be downloaded from the Hub", error
        problem += f" ({first_sentence(error)}); check the network and try again"
    raise WeightsError(f"{problem}, or use another model: 'bundled' works with no network.") from cause


def require_file(repo: str, revision: str | None = None, filename: str = "model.safetensors") -> None:
    """Check that a file is in the cache or on the Hub, with one request: a library's own download retries for a minute.

    Raises:
        OSError: it is in neither.
    """
    if not isinstance(hub.try_to_load_from_cache(repo, filename, revision=revision), str):
        _find(repo, filename, revision)


def _cached(repo: str, revision: str) -> Path | None:
    if isinstance(hub.try_to_load_from_cache(repo, "config.json", revision=revision), str):
        for filename in HUB_FILES:
            if isinstance(path := hub.try_to_load_from_cache(repo, filename, revision=revision), str):
                return Path(path)
    return None


def _fetch(repo: str, filename: str, revision: str, progress: Progress | None) -> Path:
    # hf_hub_download retries for half a minute where there is no network, so one request goes first.
    found = _find(repo, filename, revision)
    bar = _reporting_bar(progress) if progress else None
    with _as_os_error():
        if re.fullmatch("[0-9a-f]{64}", found.etag or ""):
            _fetch_blob(hub.hf_hub_url(repo, filename, revision=revision), repo, found, bar)
        return Path(hub.hf_hub_download(repo, filename, revision=revision, tqdm_class=bar))


def _find(repo: str, filename: str, revision: str | None = None) -> hub.HfFileMetadata:
    with _as_os_error():
        return hub.get_hf_file_metadata(hub.hf_hub_url(repo, filename, revision=revision), timeout=TIMEOUT)


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    """Turn the errors of the HTTP client, which are of many types, into OSError, as those of the Hub's client are."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(first_sentence(error)) from error


def _fetch_blob(url: str, repo: str, found: hub.HfFileMetadata, bar: Any) -> None:
    """Put a large file where hf_hub_download finds it, which by itself neither resumes a download nor checks a hash."""
    folder = repo_folder_name(repo_id=repo, repo_type="model")
    blob = Path(hub.constants.HF_HUB_CACHE, folder, "blobs", str(found.etag))
    partial = blob.with_suffix(".incomplete")
    lock = Path(hub.constants.HF_HUB_CACHE, ".locks", folder, f"{found.etag}.lock")
    for path in (blob, lock):
        path.parent.mkdir(parents=True, exist_ok=True)
    with hub.utils.WeakFileLock(lock):
        if blob.exists():
            return
        with partial.open("ab") as file:
            done, headers = min(file.tell(), found.size or 0), hub.utils.build_hf_headers()
            http_get(url, file, resume_size=done, headers=headers, expected_size=found.size, tqdm_class=bar)
        if sha256(partial) != found.etag:
            partial.unlink()
            raise OSError("the SHA-256 of what arrived is not the one that the Hub names")
        partial.replace(blob)


def _reporting_bar(progress: Progress) -> Any:
    class ReportingBar(hub.utils.tqdm):
        def update(self, n: float | None = 1) -> bool | None:
            shown: bool | None = super().update(n)
            if self.disable:  # without a terminal, tqdm does not count
                self.n += n or 0
            progress(int(self.n), int(self.total or 0))
            return shown

    return ReportingBar
