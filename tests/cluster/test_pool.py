"""What a run on Ray is told before it begins, and how it ends."""

import os
import signal
import time
from importlib.util import find_spec

import pytest

from maeday_core import __main__ as program
from maeday_core.errors import SettingsError

pytestmark = [
    pytest.mark.filterwarnings("default"),  # those of Ray
    pytest.mark.skipif(not find_spec("ray"), reason="the extra `cluster` is not installed"),
]


def test_a_pool_that_cannot_be_is_refused() -> None:
    from maeday_core.cluster.pool import Pool

    for options in ({"workers": 0}, {"gpus": -0.5}):
        with pytest.raises(SettingsError):
            Pool(**options)


def test_sigterm_ends_a_run_as_an_interrupt_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from maeday_core.cluster.pool import _sigterm

    def run() -> int:
        with _sigterm() as take:
            take()
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(5)
            except KeyboardInterrupt:
                raise KeyboardInterrupt from None  # as Ray does
        return 0

    monkeypatch.setattr("maeday_core.cli.main", run)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert program.main() == 128 + signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) is program._end
    finally:
        signal.signal(signal.SIGTERM, before)
    assert capsys.readouterr().err == "interrupted\n"
