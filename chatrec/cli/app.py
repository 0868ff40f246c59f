"""The typer application and the options that all verbs share."""

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatrec import __version__

if TYPE_CHECKING:
    from chatrec.config import Settings

app = typer.Typer(
    name="chatrec",
    help="Nightly recommendations from your Postgres, through Airflow, into a SQL table.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="markdown",
)


@dataclass
class State:
    """Options given before the verb."""

    config: Path | None = None
    debug: bool = False

    @cached_property
    def settings(self) -> "Settings":
        """The settings, read once, when a verb needs them."""
        from chatrec.config import load

        return load(self.config)


state = State()
Full = Annotated[bool, typer.Option("--full", help="Read and encode all data again.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Run all steps except publish.")]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"chatrec {__version__}")
        raise typer.Exit


@app.callback()
def options(
    config: Annotated[Path | None, typer.Option(help="Settings file. [default: chatrec.toml]")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an unexpected error.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show version.")] = False,
) -> None:
    """Options of every verb."""
    state.config, state.debug = config, debug
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("chatrec").setLevel(logging.INFO)
