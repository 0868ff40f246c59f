"""Runs and published lists, from Python."""

from pathlib import Path

from chatrec import pipeline
from chatrec.config import Settings, load
from chatrec.pipeline import RunOptions, RunResult
from chatrec.publish.client import Client

__all__ = ["Client", "RunResult", "run"]


def run(
    settings: Settings | Path | str | None = None,
    *,
    key: str | None = None,
    full: bool = False,
    dry_run: bool = False,
    approve: bool = False,
    raise_on_error: bool = False,
) -> RunResult:
    """Runs the pipeline, from your tables to published recommendations, as the command `chatrec run` does.

    An interrupted run is resumed. An error that ends the run, such as a failed check, is in the result together with
    the steps before it; an error that keeps the run from starting is raised.

    Args:
        settings: The settings, or the path of their file. By default those that the command finds: `CHATREC_CONFIG`,
            `chatrec.toml`, and environment variables.
        key: Key of the run. By default that of the run that was interrupted last, else one made from the time.
        full: Read all daily partitions and encode all texts again.
        dry_run: Run all steps except publish.
        approve: Publish even if `publish.approval` requires approval.
        raise_on_error: Raise the error that ends the run instead of returning it.

    Raises:
        SettingsError: The settings are wrong, the database cannot be used as configured, or it lacks migrations.
        Busy: Another run is in progress; the message names its process.
        ChatrecError: With `raise_on_error`, the error that ended the run; its field `step` names the step.

    Examples:
        >>> import chatrec
        >>> result = chatrec.run()
        >>> result.state, result.ok
        ('published', True)
        >>> [check.name for check in result.checks if not check.ok]
        []
    """
    settings = settings if isinstance(settings, Settings) else load(None if settings is None else Path(settings))
    return pipeline.run(
        settings, key, approve=approve, options=RunOptions(full, dry_run), raise_on_error=raise_on_error
    )
