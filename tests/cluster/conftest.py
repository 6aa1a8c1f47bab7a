"""A Ray for the tests of this folder."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from unittest import mock

import pytest

from tests.conftest import ROOT
from tests.object_store import object_store


@pytest.fixture(scope="package")
def cluster() -> Iterator[str]:
    """The address of a Ray that knows of an object store, and of the modules of the tests."""
    command = [sys.executable, "-m", "tests.cluster.ray_here"]
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": uuid.uuid4().hex}  # read as Ray is imported
    with object_store(), mock.patch.dict(os.environ, token):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=environment, cwd=ROOT, text=True, **pipes) as here:
            yield here.stdout.readline().strip()
            here.communicate()
