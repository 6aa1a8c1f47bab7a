"""A server that speaks S3 on the loopback, for the tests: moto's, in a process of its own."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

BUCKET = "bucket"


@contextlib.contextmanager
def object_store() -> Iterator[None]:
    """An empty bucket, to which the environment of this process leads."""
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with tempfile.NamedTemporaryFile() as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            while not (found := re.search(r"Running on (http://127\S+)", Path(log.name).read_text())):
                assert server.poll() is None
                time.sleep(0.05)
            known = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}
            with mock.patch.dict(os.environ, known | {"AWS_ENDPOINT_URL": found[1]}):
                yield
        finally:
            server.terminate()
