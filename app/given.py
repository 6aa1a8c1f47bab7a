"""Files as requests give them: uploads of this server, https URLs, data URIs. No other file of the server is read."""

from __future__ import annotations

import asyncio
import binascii
import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin

import gradio as gr
import httpx
import safehttpx
from gradio.processing_utils import PUBLIC_HOSTNAME_WHITELIST, save_base64_to_cache, ssrf_protected_download
from gradio.utils import get_upload_folder

from app.temporary import StorageError, check_space
from maeday_core.io.images import MAX_BYTES

SERVED = "/gradio_api/file="
"""What stands before the path in the URL of a file that this server keeps."""
MAX_REDIRECTS = 5
MAX_SECONDS = 60
"""A fetch takes no longer."""
SHOWN = 80
"""Letters of a URL that a sentence repeats."""
NOT_HERE = "A file must be an upload of this server, an https URL or a data URI; an upload is kept for about an hour."
NO_DATA = "The data URI holds no file; give it as data:image/png;base64,..."


def given(file: Any) -> Path:
    """The file that a caller means.

    Args:
        file: its path as an upload, https URL or data URI, alone or as the `path` of a `FileData`.

    Raises:
        gradio.Error: it is none of these, or cannot be had.
    """
    path = file.get("path") if isinstance(file, dict) else file
    match path:
        case str() if path.startswith("data:"):
            return _decoded(path)
        case str() if path.startswith(("http://", "https://")):
            path = ssrf_protected_download(path, get_upload_folder())
        case str() if "\0" not in path:
            pass
        case _:
            raise gr.Error(NOT_HERE, print_exception=False)
    if not _kept_here(path):
        raise gr.Error(NOT_HERE, print_exception=False)
    return Path(path)


async def fetched(url: str, cache_dir: str) -> str:
    """Fetch a file; returns its path. Gradio would read one of any size at once, and none that this server keeps.

    Raises:
        gradio.Error: it cannot be had from the public internet, or is too large.
    """
    own = unquote(url.partition(SERVED)[2].partition("?")[0])
    if own and _kept_here(own):
        return own
    Path(cache_dir).mkdir(parents=True, exist_ok=True)
    folder, done = Path(tempfile.mkdtemp(dir=cache_dir)), False
    try:
        check_space()
        async with asyncio.timeout(MAX_SECONDS):
            path = await _fetch(url, folder)
        done = True
        return str(path)
    except gr.Error:
        raise
    except StorageError as error:
        raise gr.Error(str(error), print_exception=False) from None
    except (ValueError, OSError, TimeoutError, httpx.HTTPError, httpx.InvalidURL) as error:
        why = f" ({error.response.status_code})" if isinstance(error, httpx.HTTPStatusError) else ""
        told = f"{url[:SHOWN]} cannot be fetched{why}: give an https URL that anybody can open, or upload the file."
        raise gr.Error(told, print_exception=False) from None
    finally:
        if not done:
            shutil.rmtree(folder, ignore_errors=True)


async def _fetch(url: str, folder: Path) -> Path:
    for _ in range(MAX_REDIRECTS):
        if (asked := httpx.URL(url)).scheme != "https":
            break
        public = safehttpx.matches_domain_whitelist(asked.host, PUBLIC_HOSTNAME_WHITELIST)
        guard = None if public else safehttpx.AsyncSecureTransport(await safehttpx.async_validate_url(asked.host))
        async with httpx.AsyncClient(transport=guard) as client, client.stream("GET", url) as response:
            if response.has_redirect_location:
                url = urljoin(url, response.headers["location"])
                continue
            response.raise_for_status()
            path = folder / (Path(asked.path).name or "file")[-100:]
            await _write(response, path)
            return path
    raise ValueError("no https URL leads there")


async def _write(response: httpx.Response, path: Path) -> None:
    came = 0
    with path.open("wb") as file:
        async for part in response.aiter_bytes():
            came += len(part)
            if came > MAX_BYTES:
                told = f"{path.name} is larger than {MAX_BYTES // 1_000_000} MB; upload it in parts."
                raise gr.Error(told, print_exception=False)
            file.write(part)


def _decoded(uri: str) -> Path:
    if ";base64," not in uri[:200]:
        raise gr.Error(NO_DATA, print_exception=False)
    try:
        return Path(save_base64_to_cache(uri, get_upload_folder()))
    except (binascii.Error, ValueError):
        raise gr.Error(NO_DATA, print_exception=False) from None


def _kept_here(path: str) -> bool:
    """Whether it is a file that came through this server, or that it made for a caller."""
    with contextlib.suppress(OSError, ValueError):
        found = Path(path).resolve()
        return found.is_relative_to(Path(get_upload_folder()).resolve()) and found.is_file()
    return False
