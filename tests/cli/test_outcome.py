"""How a command ends: 0, 2 with a sentence, 75 with what to do; a programmer's error is not hidden."""

import os
import signal
import sys

import pytest

from gennari.cli.outcome import guarded
from gennari.errors import InputError, Interrupted


def _raising(error: BaseException):
    def command() -> None:
        raise error

    return command


def test_done_is_zero(capsys):
    assert guarded(lambda: "anything") == 0
    assert capsys.readouterr().err == ""


def test_bad_input_is_two_and_its_sentence(capsys):
    assert guarded(_raising(InputError("eggs must be whole, got half of one; take another"))) == 2
    assert capsys.readouterr().err == "gennari: eggs must be whole, got half of one; take another\n"


@pytest.mark.parametrize(
    ("error", "reason"),
    [(KeyboardInterrupt(), "interrupted"), (Interrupted("stopped at step 12"), "stopped at step 12")],
)
def test_an_interrupt_is_75_and_says_how_to_go_on(capsys, error, reason):
    assert guarded(_raising(error)) == 75
    said = capsys.readouterr().err
    assert said.startswith(f"gennari: {reason};")
    assert "run the same command again" in said


@pytest.mark.parametrize(("code", "expected"), [(None, 0), (0, 0), (1, 2), ("text", 2)])
def test_leaving_early_is_wrong_usage_unless_it_was_zero(code, expected):
    assert guarded(lambda: sys.exit(code)) == expected


def test_a_programmers_error_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        guarded(lambda: 1 / 0)


def test_sigterm_is_an_interrupt_and_the_handler_of_before_comes_back(capsys):
    before = signal.getsignal(signal.SIGTERM)
    assert guarded(lambda: os.kill(os.getpid(), signal.SIGTERM)) == 75
    assert capsys.readouterr().err.startswith("gennari: stopped by SIGTERM; what is finished is kept")
    assert signal.getsignal(signal.SIGTERM) is before
