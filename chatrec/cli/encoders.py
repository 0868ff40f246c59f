"""Encoders: finetune, encoders, encoders use."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from chatrec.cli.app import app, state
from chatrec.errors import SettingsError

encoders = typer.Typer(
    help="List the encoders that were made here, with their scores; the live one is marked.",
    invoke_without_command=True,
)
app.add_typer(encoders, name="encoders")


@app.command()
def finetune(
    key: Annotated[str | None, typer.Option("--run", help="The key of a fine-tuning to go on with.")] = None,
    method: Annotated[
        Literal["full", "bias", "lora"] | None, typer.Option(help="Which weights learn; default: finetune.method.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=0, help="Steps at most; default: finetune.steps.")] = None,
    promote: Annotated[
        bool | None, typer.Option(help="Whether a better encoder becomes live; default: finetune.promote.")
    ] = None,
) -> None:
    """Train a candidate encoder on the last published night, measure it beside the live one, promote it if better.

    An interrupted fine-tuning is gone on with.
    """
    from chatrec.console import StepLines
    from chatrec.pipeline.finetune import finetune as tune

    given = {"finetune.method": method, "finetune.steps": steps, "finetune.promote": promote}
    changes = {name: value for name, value in given.items() if value is not None}
    manifest = tune(state.settings.override(changes), key, StepLines())
    print(f"{manifest.counts['verdict']}.")


@encoders.callback()
def list_encoders(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """List the encoders that were made here, with their scores; the live one is marked."""
    if context.invoked_subcommand:
        return
    from chatrec.console import console, encoders_table
    from chatrec.encoder import registry
    from chatrec.encoder.model_selection import choose

    root, live = state.settings.artifacts.root, Path(choose(state.settings).source)
    found = registry.versions(root)
    if as_json:
        values = [{**asdict(version), "live": version.name == live.name} for version in found]
        print(json.dumps(values, indent=1, ensure_ascii=False))
    elif found:
        console().print(encoders_table(found, live.name))
    else:
        print("There are no encoders yet: `chatrec run` trains one, `chatrec finetune` goes on with it.")


@encoders.command()
def use(
    name: Annotated[str | None, typer.Argument(help="Of an encoder that `chatrec encoders` lists.")] = None,
    back: Annotated[bool, typer.Option("--back", help="The one that was live before this one.")] = False,
) -> None:
    """Make another encoder the live one; the next night encodes with it."""
    from chatrec.encoder import registry

    if (name is None) is not back:
        raise SettingsError("Give the name of an encoder, or --back; `chatrec encoders` lists them.")
    root, model = state.settings.artifacts.root, state.settings.encoder.model
    chosen = registry.promote(root, name) if name else registry.go_back(root)
    if model in registry.REPLACED:
        print(f"The next night encodes with {chosen.name if chosen else model}.")
    else:
        print(f"It counts once encoder.model is auto: now it names {model}, and who names a model gets it.")
