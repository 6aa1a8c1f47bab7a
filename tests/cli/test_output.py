"""Results go to standard output, progress to standard error."""

import io

from maeday_core.cli.output import print_json, print_line, print_warning, progress_bar


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
