"""The steps between extract and gate, on a split in files and without a database."""

from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from chatrec.config import Settings
from chatrec.extract.snapshot import Snapshot
from chatrec.pipeline.context import Context
from chatrec.pipeline.private import lend_secret
from chatrec.pipeline.step import Step
from chatrec.pipeline.steps import STEPS
from chatrec.report.splits import write_recommendations, write_snapshot
from chatrec.runs.results import StepResult
from chatrec.runs.run import Run

KEY = "00010101T000000Z"
LEFT_OUT = ("extract", "tables", "generate", "gate", "publish")
"""Steps that need a database, or whose results are not needed for lists."""
STEPS_OF_A_SPLIT = [step for step in STEPS if step.name not in LEFT_OUT]


def evaluate_split(
    settings: Settings, split: Path, items: Path, users: Path | None, out: Path, k: int, kept: Path | None = None
) -> tuple[dict[str, StepResult], int]:
    """Fits all models on the training set of a split and writes a list for each of its users.

    Args:
        settings: Settings of the models.
        split: Folder with train.csv.gz, candidates.csv.gz and optionally queries.csv.gz.
        items: CSV file of the catalogue.
        users: CSV file of user attributes, or None.
        out: CSV file to write the lists to.
        k: Length of a list.
        kept: Folder for the files of the steps. By default they are removed.

    Returns:
        The results of the steps by name, and the number of rows written.
    """
    with nullcontext(kept) if kept else TemporaryDirectory(prefix="chatrec-") as root:
        chosen = settings.override({"artifacts.root": Path(root), "ranking.top_n": k})
        run = Run(Path(root), KEY)
        if settings.privacy.enabled:
            lend_secret(settings.artifacts.root, Path(root))
        separator = settings.source.groups_separator
        write_snapshot(split, items, users, separator, settings.advanced.text, run.fresh_folder("extract"))
        results = perform(STEPS_OF_A_SPLIT, run, chosen)
        rows = write_recommendations(Snapshot(run.step_folder("extract")), run.step_folder("rank"), out, k)
        return results, rows


def perform(steps: Iterable[Step], run: Run, settings: Settings) -> dict[str, StepResult]:
    """Performs steps one after the other, without a database and without manifests.

    Args:
        steps: The steps; the folders of the steps before them must exist.
        run: Run whose folders they fill.
        settings: Settings of all steps.

    Returns:
        The results of the steps by name.
    """
    return {step.name: step.perform(Context(run, settings, run.fresh_folder(step.name))) for step in steps}
