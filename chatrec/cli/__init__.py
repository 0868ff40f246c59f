"""The `chatrec` command, with a verb for each step of a run and for daily operation.

Exit codes: 0 success, 1 a run that failed or was stopped by a check, 2 wrong usage or settings.
"""

import atexit
import gc
import logging
import sys

from chatrec.cli import data, encoders, erase, privacy, runs, setup, steps  # noqa: F401  (each registers its verbs)
from chatrec.cli.app import app, state
from chatrec.errors import ChatrecError, StatementRefused

__all__ = ["app", "main"]


def main() -> None:
    """Runs the command. An error is printed as one paragraph, without a traceback."""
    atexit.register(gc.freeze)  # skips the garbage collection at exit, which takes .1 s
    try:
        app()
    except ChatrecError as error:
        if state.debug and isinstance(error, StatementRefused):
            raise
        _say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say("Stopped. Completed work is kept: the same command resumes from here.")
        sys.exit(130)
    except Exception as error:
        if state.debug:
            raise
        logging.getLogger("chatrec").debug("Unexpected", exc_info=True)
        _say(f"Unexpected {type(error).__name__}: {' '.join(str(error).split())} `chatrec --debug …` shows where.")
        sys.exit(1)


def _say(text: str) -> None:
    from rich.console import Console

    Console(stderr=True).print("[bold red]✗[/] ", end="")
    print(text, file=sys.stderr)
