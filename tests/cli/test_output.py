"""Results go to standard output, progress to standard error."""

import errno
import io

import pytest

from maeday_core import OutputError
from maeday_core.cli.output import print_json, print_line, print_mistake, print_warning, progress_bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_rows_and_warnings_do_not_mix(capsys):
    print_json({"path": "Größe.png", "boxes": []})
    print_warning("It is dark.")
    captured = capsys.readouterr()
    assert captured.out == '{"path": "Gr\\u00f6\\u00dfe.png", "boxes": []}\n'
    assert captured.err == "warning: It is dark.\n"


def test_a_name_that_is_no_utf_8_can_be_printed(capsys):
    print_line("\udce4.png")
    assert capsys.readouterr().out == "\\udce4.png\n"


def test_a_name_does_not_steer_the_terminal(capsys):
    print_line("\x1b[2Ja.png\x9b\r\n")
    assert capsys.readouterr().out == "\\x1b[2Ja.png\\x9b\\r\\n\n"


def test_a_log_gets_a_line_of_progress_now_and_then(capsys, monkeypatch):
    with progress_bar() as show:
        show("Learning", 0.5)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr("maeday_core.cli.output.BETWEEN_LINES", 0.0)
    with progress_bar() as show:
        show("Learning", 0.5)
    assert capsys.readouterr() == ("", "Learning: 50%\n")


def test_a_terminal_gets_a_bar_of_progress(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    with progress_bar() as show:
        show("Learning", 0.0)
        show("Learning", 0.5)
        show("Measuring", 0.1)
        show("Measuring", 1.2)
    shown = terminal.getvalue()
    assert shown.index("Learning:  50 %") < shown.index("Measuring:  10 %") < shown.index("Measuring: 100 %")


class Full(io.StringIO):
    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_an_output_that_takes_no_more_is_said(monkeypatch):
    monkeypatch.setattr("sys.stdout", Full())
    with pytest.raises(OutputError, match=r"Standard output cannot be written \(No space left"):
        print_line("anything")


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (MemoryError(), 2, "not enough memory"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
            2,
            "not enough memory",
        ),
        (RuntimeError("CUDA out of memory. Tried to allocate 9 GiB"), 2, "not enough memory"),
        (ZeroDivisionError("division by zero\nand more"), 1, "(ZeroDivisionError: division by zero); report it"),
    ],
)
def test_what_was_not_foreseen_is_a_line(capsys, error, status, words):
    assert print_mistake(error, "a.png: ") == status
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: a.png: ")
    assert words in line
