"""A signal ends the command with its own exit code, and with what to do next."""

import os
import signal

import pytest

from chatrec.cli import main
from tests.support import processes


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_command_in_one_line(number: signal.Signals) -> None:
    ended = processes.run(_signalled, int(number))
    assert ended.code == 128 + number
    assert ended.err == "✗ Stopped. Completed work is kept: the same command resumes from here.\n"


def _signalled(number: int) -> None:
    import chatrec.cli as cli

    cli.app = lambda: os.kill(os.getpid(), number)  # type: ignore[assignment]
    main()
