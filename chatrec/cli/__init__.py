"""The `chatrec` command, with a verb for each step of a run and for daily operation.

Exit codes: 0 success, 1 a run that failed or was stopped by a check, 2 wrong usage or settings,
128 plus the number of the signal that stopped it.
"""

import atexit
import gc
import logging
import signal
import sys

from chatrec.cli import data, encoders, erase, privacy, runs, setup, steps  # noqa: F401  (each registers its verbs)
from chatrec.cli.app import app, state
from chatrec.errors import ChatrecError, StatementRefused

__all__ = ["app", "main"]


def main() -> None:
    """Runs the command. An error is printed as one paragraph, without a traceback."""
    _stop_by_signals()
    atexit.register(gc.freeze)  # skips the garbage collection at exit, which takes .1 s
    try:
        app()
    except ChatrecError as error:
        if state.debug and isinstance(error, StatementRefused):
            raise
        _say(str(error))
        sys.exit(error.exit_code)
    except _Stopped as stopped:
        _say("Stopped. Completed work is kept: the same command resumes from here.")
        sys.exit(128 + stopped.number)
    except Exception as error:
        if state.debug:
            raise
        logging.getLogger("chatrec").debug("Unexpected", exc_info=True)
        _say(f"Unexpected {type(error).__name__}: {' '.join(str(error).split())} `chatrec --debug …` shows where.")
        sys.exit(1)


class _Stopped(BaseException):
    """Raised when a signal stops the command. Typer would end without a word on a KeyboardInterrupt."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def _stop_by_signals() -> None:
    """Ends the command by Ctrl-C, by SIGTERM and when its terminal is closed, all in the same way."""

    def stop(number: int, _: object) -> None:
        raise _Stopped(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, stop)


def _say(text: str) -> None:
    from rich.console import Console

    Console(stderr=True).print("[bold red]✗[/] ", end="")
    print(text, file=sys.stderr)
