"""Refusals: what a server does not do, with the status of HTTP and a sentence."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from typing_extensions import TypedDict

from maeday_core.errors import MaedayError, OutputError
from maeday_core.serving.sentences import is_short_of_memory, storage_sentence, without_folders

SOON = {"Retry-After": "5"}
"""Seconds after which it is worth asking again."""
GONE = 499
"""The status, in the log alone, of a request whose caller did not wait for the answer."""
MISTAKE = "The server made a mistake; its log says more."
_logger = logging.getLogger(__name__)


class Error(TypedDict):
    """What is wrong, in a sentence."""

    error: str


class Refused(HTTPException):
    """A request that is not done; `detail` is the sentence. What reads a form lets it pass."""


def response(refused: HTTPException) -> JSONResponse:
    """The answer that says so."""
    return JSONResponse(Error(error=refused.detail), refused.status_code, refused.headers)


def refusal(error: Exception) -> HTTPException:
    """What to answer where something was raised."""
    if isinstance(error, HTTPException):
        told = storage_sentence(error.__cause__)  # a form that could not be kept
        return Refused(503, told, SOON) if told else error
    if isinstance(error, RequestValidationError):
        return Refused(422, _sentence(error.errors()))
    if isinstance(error, MaedayError):
        return Refused(503 if isinstance(error, OutputError) else 422, without_folders(str(error)))
    if told := storage_sentence(error):
        _logger.error("%s %s", told, error)
        return Refused(503, told, SOON)
    if is_short_of_memory(error):
        _logger.error("Memory was short", exc_info=error)
        return Refused(503, "There is not enough memory; give smaller pictures, or try again later.", SOON)
    _logger.error("The server made a mistake", exc_info=error)
    return Refused(500, MISTAKE)


def _sentence(errors: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with the first field that is."""
    first = errors[0]
    name = next((part for part in reversed(first["loc"]) if isinstance(part, str)), "")
    if first["type"] == "missing":
        return f"The field {name} is missing; the request is a form (multipart/form-data)."
    if "UploadFile" in first["msg"]:
        return f"The field {name} is a file; give it a file name."
    reason: str = first["msg"]
    return f"The field {name} cannot be used: {reason[0].lower()}{reason[1:]}."
