"""The `chatrec` command: one verb for each step of a night and for daily life.

Exit codes: 0 done, 1 a night that failed or was stopped by a check, 2 wrong use or settings.
"""

import atexit
import gc
import logging
import sys

from chatrec.cli import data, encoders, erase, nights, privacy, setup, steps  # noqa: F401  (each registers its verbs)
from chatrec.cli.app import app, state
from chatrec.errors import ChatrecError

__all__ = ["app", "main"]


def main() -> None:
    """Runs the command; an error is one paragraph, never a traceback."""
    atexit.register(gc.freeze)  # a process that ends need not look for garbage first, which takes .1 s
    try:
        app()
    except ChatrecError as error:
        _say(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        _say("Stopped. What was done is kept: the same command goes on from here.")
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
