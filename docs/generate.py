"""Writes docs/settings.md and docs/cli.md from the code; `make docs` runs it, a test checks the result."""

from collections.abc import Iterator
from pathlib import Path

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from chatrec.cli import app
from chatrec.config import template

DOCS = Path(__file__).parent
Command = TyperCommand | TyperGroup

SETTINGS = """\
# Settings

<!-- Made by `make docs` from the docstrings in chatrec/config. -->

`chatrec init` writes this file. `chatrec.toml` is read from the working directory, or from where `--config` or
`CHATREC_CONFIG` says. An environment variable `CHATREC_<SECTION>__<KEY>` overrides the file, for example
`CHATREC_RANKING__TOP_N=20` or `CHATREC_ADVANCED__ENCODER__LAYER=6`; keep the password in `CHATREC_DATABASE__URL`.
Relative folders are relative to the file. An unknown key is an error that names the nearest known one. The tables under
`[advanced]` are details of the sections before them.

```toml
{template}
```
"""

CLI = """\
# Command line

<!-- Made by `make docs` from chatrec/cli. -->

Exit codes: 0 success, 1 a run that failed or was stopped by a check, 2 wrong usage or settings. An error is one
paragraph on stderr; `chatrec --debug …` shows the traceback of an unexpected one.

| command | what it does |
| --- | --- |
{rows}

{details}
"""


def settings() -> str:
    """The text of docs/settings.md."""
    return SETTINGS.format(template=template().strip())


def cli() -> str:
    """The text of docs/cli.md."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    commands = list(_commands(group, "chatrec"))
    rows = "\n".join(f"| [`{name}`](#{_anchor(name)}) | {_first_line(command)} |" for name, command in commands)
    return CLI.format(rows=rows, details="\n\n".join(_details(name, command) for name, command in commands))


def _commands(group: TyperGroup, path: str) -> Iterator[tuple[str, Command]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            if command.invoke_without_command:
                yield f"{path} {name}", command
            yield from _commands(command, f"{path} {name}")
        elif isinstance(command, TyperCommand):
            yield f"{path} {name}", command


def _details(name: str, command: Command) -> str:
    lines = [f"## {name}", "", " ".join((command.help or "").split())]
    shown = [each for each in command.params if isinstance(each, TyperArgument | TyperOption) and each.name != "help"]
    if shown:
        lines += ["", "| option | meaning |", "| --- | --- |"]
        lines += [f"| {_usage(parameter)} | {parameter.help or ''} |" for parameter in shown]
    return "\n".join(lines)


def _usage(parameter: TyperArgument | TyperOption) -> str:
    if isinstance(parameter, TyperArgument):
        name = (parameter.name or "").upper()
        return f"`{name}`" if parameter.required else f"`[{name}]`"
    words = ", ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])
    return words + (" (required)" if parameter.required else "")


def _first_line(command: Command) -> str:
    return " ".join((command.help or "").split())


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


if __name__ == "__main__":
    (DOCS / "settings.md").write_text(settings(), encoding="utf-8")
    (DOCS / "cli.md").write_text(cli(), encoding="utf-8")
