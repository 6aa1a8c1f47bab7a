"""Requests that the server's own description makes: each is answered as the description says, none with a mistake.

`python -m pytest tests/serving/test_openapi.py -m slow` sends a thousand.
"""

from __future__ import annotations

import io
from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.checks import negative_data_rejection, positive_data_acceptance
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.conftest import part


def encoded(kind: str, side: int = 40) -> bytes:
    file = io.BytesIO()
    Image.fromarray(part(0, defect=True)[-side:, :side]).save(file, kind)
    return file.getvalue()


PICTURES = [encoded("PNG"), encoded("JPEG"), encoded("PNG", 1)]
BROKEN = [b"", b"\x89PNG\r\n\x1a\n", PICTURES[0][:-20], b"PK\x03\x04", b"\x00" * 64]
FILES = st.sampled_from(PICTURES) | st.sampled_from(BROKEN) | st.binary(max_size=64)
for kind in ("image/png", "image/jpeg", "application/octet-stream", "application/zip"):
    schemathesis.openapi.media_type(kind, FILES)


@pytest.fixture(scope="module")
def schema(address: str) -> OpenApiSchema:
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


FORMS = 3
NOT_CHECKED = [positive_data_acceptance, negative_data_rejection]
"""A picture of any bytes may be none, and an empty field of a form is one that was left out, which is allowed."""


def send(schema: OpenApiSchema, count: int, good: int | None = None) -> Counter[tuple[str, int]]:
    """Send so many requests, valid and invalid ones, to the paths that take a form, and some to the others.

    Args:
        schema: the description.
        count: of the requests.
        good: bytes of a photo of a good part that are sent: all, or so few that nothing is learned.

    Returns:
        How often each path answered with each status.
    """
    found: Counter[tuple[str, int]] = Counter()
    for operation in (one.ok() for one in schema.get_all_operations()):
        if operation.method == "post":
            for mode in GenerationMode:
                send_to(operation, mode, count // FORMS // len(GenerationMode), good, found)
        else:
            send_to(operation, GenerationMode.POSITIVE, 5, good, found)
    return found


def send_to(
    operation: APIOperation, mode: GenerationMode, count: int, good: int | None, found: Counter[tuple[str, int]]
) -> None:
    @settings(max_examples=count, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def sent(case: schemathesis.Case) -> None:
        if mode is GenerationMode.POSITIVE and isinstance(case.body, dict):
            case.body.pop("model", None)  # of any name there is none
            for name in {"good", "files"} & case.body.keys():  # which is a list of files
                case.body[name] = [case.body[name][: None if name == "files" else good]]
        answer = case.call_and_validate(excluded_checks=NOT_CHECKED, timeout=120)
        found[operation.label, answer.status_code] += 1
        if answer.status_code >= 400:
            assert list(answer.json()) == ["error"]

    sent()


def test_a_hundred_requests(schema: OpenApiSchema) -> None:
    found = send(schema, 100, good=20)
    assert found["POST /v1/detect", 200]
    assert found["POST /v1/detect", 422]
    assert found["POST /v1/frames", 200]


@pytest.mark.slow
def test_a_thousand_requests(schema: OpenApiSchema) -> None:
    found = send(schema, 1000)
    print(*(f"{path} {status}: {count}" for (path, status), count in sorted(found.items())), sep="\n")
    assert found.total() >= 1000
    assert all(status < 500 for _, status in found)
