"""Commands about encoders: finetune, encoders, encoders use."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from chatrec.cli.app import app, state
from chatrec.encoder import registry
from chatrec.errors import SettingsError

encoders = typer.Typer(
    help="List the encoders of this installation with their scores, and mark the live one.",
    invoke_without_command=True,
)
app.add_typer(encoders, name="encoders")


@app.command()
def finetune(
    key: Annotated[str | None, typer.Option("--run", help="Key of a fine-tuning to resume.")] = None,
    method: Annotated[
        Literal["full", "bias", "lora"] | None, typer.Option(help="Weights to train. [default: finetune.method]")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=0, help="Maximum number of steps. [default: finetune.steps]")] = None,
    promote: Annotated[
        bool | None, typer.Option(help="Promote a better encoder to live. [default: finetune.promote]")
    ] = None,
) -> None:
    """Train a candidate encoder on the last published run, compare it with the live one, and promote it if better.

    Resumes an interrupted fine-tuning.
    """
    from chatrec.console import StepLines
    from chatrec.pipeline.finetune import finetune as tune

    given = {"finetune.method": method, "finetune.steps": steps, "finetune.promote": promote}
    changes = {name: value for name, value in given.items() if value is not None}
    result = tune(state.settings.override(changes), key, StepLines())
    print(f"{result.verdict}.")


@encoders.callback()
def list_encoders(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the encoders of this installation with their scores, and mark the live one."""
    if context.invoked_subcommand:
        return
    from chatrec.console import console, encoders_table
    from chatrec.encoder.model_selection import choose

    root, live = state.settings.artifacts.root, Path(choose(state.settings).source)
    found = registry.versions(root)
    if as_json:
        values = [{**asdict(version), "live": version.name == live.name} for version in found]
        print(json.dumps(values, indent=1, ensure_ascii=False))
    elif found:
        console().print(encoders_table(found, live.name))
    else:
        print("There are no encoders yet: `chatrec run` trains one, `chatrec finetune` continues its training.")


@encoders.command()
def use(
    name: Annotated[str | None, typer.Argument(help="Name of an encoder, as listed by `chatrec encoders`.")] = None,
    back: Annotated[bool, typer.Option("--back", help="Restore the previous live encoder.")] = False,
) -> None:
    """Make another encoder the live one. The next run encodes with it."""
    if (name is None) is not back:
        raise SettingsError("Give the name of an encoder, or --back; `chatrec encoders` lists them.")
    root, model = state.settings.artifacts.root, state.settings.encoder.model
    chosen = registry.promote(root, name) if name else registry.rollback(root)
    if model in registry.REPLACED:
        print(f"The next run encodes with {chosen.name if chosen else model}.")
    else:
        print(f"This has no effect yet: encoder.model names {model}. Set it to auto to use the live encoder.")
