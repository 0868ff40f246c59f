"""The choice of the release that a run uses: the last one, or a new one when it is due and within the budget.

A new release is charged to the ledger before it is made, so that an interrupted run has paid for all that it may have
revealed. A resumed run repeats the release with the same name and the same bytes, and is not charged twice. Another run
draws other noise even for the same data, because equal releases would reveal that nothing has changed.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from chatrec.config.privacy import Privacy
from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.db import ledger
from chatrec.errors import RunError
from chatrec.extract.snapshot import Snapshot
from chatrec.pipeline.context import Context
from chatrec.privacy import gaussian
from chatrec.privacy import statistics as releases
from chatrec.privacy.noise import SECRET, Noise
from chatrec.privacy.statistics import Release
from chatrec.runs.results import ReleaseResult
from chatrec.runs.sealed import sealed, unsealed

FOLDER = "privacy"
MECHANISM = "analytic Gaussian: popularity and pairs of items"


@dataclass(frozen=True)
class Decision:
    """Decision whether a new release is made."""

    entry: ledger.Entry | None
    """The release that stays in use; None for a new one."""
    total: float
    """Epsilon of all releases, including a new one."""
    verdict: str


def decide(entries: list[ledger.Entry], settings: Privacy, folder: Path, own: str) -> Decision:
    """Decides whether a new release is made.

    Args:
        entries: Entries of the ledger, the oldest first.
        settings: Privacy loss and budget, and the number of runs that use a release.
        folder: Folder with the files of releases.
        own: Name of a release of this run. If it is in the ledger, it was already charged.

    Raises:
        RunError: If the budget is spent and the last release has no file.
    """
    now = spent(entries, settings.delta)
    then = after_one_more([entry for entry in entries if entry.release != own], settings)
    served = [entry for entry in entries if sealed(folder / f"{entry.release}.npz")]
    last = served[-1] if served else None
    if last and last.runs < settings.refit_every:
        verdict = f"Release of {last.key}, {last.runs} of {settings.refit_every} runs; ε {now:.2f} spent."
        return Decision(last, now, verdict)
    if then <= settings.budget:
        return Decision(
            None, then, f"New release at ε {settings.epsilon:g}; ε {then:.2f} of {settings.budget:g} spent."
        )
    spending = f"ε {now:.2f} is spent and one more release would make it {then:.2f}, over privacy.budget"
    if last is None:
        raise RunError(
            f"There is no release to use: {spending} {settings.budget:g}. Restore the last file in {folder} from a "
            "backup, or raise the budget."
        )
    return Decision(last, now, f"No refit: {spending} {settings.budget:g}; the release of {last.key} stays in use.")


def spent(entries: Sequence[ledger.Entry], delta: float) -> float:
    """Returns the epsilon of all releases together."""
    return gaussian.epsilon_of(gaussian.together(entry.deviation for entry in entries), delta)


def after_one_more(entries: Sequence[ledger.Entry], settings: Privacy) -> float:
    """Returns the epsilon of all releases together with one more of the settings' epsilon and delta."""
    more = gaussian.deviation_of(settings.epsilon, settings.delta)
    return gaussian.epsilon_of(gaussian.together([*(entry.deviation for entry in entries), more]), settings.delta)


def release_of_run(context: Context) -> tuple[Release, ReleaseResult]:
    """Returns the release that the run uses, restricted to the run's catalogue, and facts about it."""
    settings, root = context.settings.privacy, context.settings.artifacts.root / FOLDER
    fit = _Fit.of(context, Noise.of(root))
    if context.database is None:
        unrecorded = f"Release at ε {settings.epsilon:g}, δ {settings.delta:g} for a measurement, in no ledger."
        return fit.release(), ReleaseResult(unrecorded)
    with context.database.connect() as connection:
        decision = decide(ledger.entries(connection), settings, root, fit.noise.name)
    name = decision.entry.release if decision.entry else fit.noise.name
    if decision.entry is None:
        _pay(context, settings, fit, decision.total)
        fit.release().save(root / f"{name}.npz")
        _remove_others(root, name)
    facts = ReleaseResult(decision.verdict, name, round(decision.total, 4))
    return Release.load(root / f"{name}.npz").onto(fit.items), facts


def ids_of(snapshot: Snapshot) -> Array:
    """Returns the ids of all items, as text."""
    return np.array(snapshot.items["item_id"].cast(pl.String).to_list(), np.str_)


def lend_secret(root: Path, other: Path) -> None:
    """Copies the secret to another artifact root, so that a repeated measurement draws the same noise."""
    Noise.of(root / FOLDER)
    (other / FOLDER).mkdir(parents=True, exist_ok=True)
    shutil.copy2(root / FOLDER / SECRET, other / FOLDER / SECRET)


@dataclass(frozen=True)
class _Fit:
    """Inputs of a release of the run's data."""

    histories: Interactions
    items: Array
    """Item ids as text."""
    deviation: float
    """Standard deviation of the noise."""
    noise: Noise

    @classmethod
    def of(cls, context: Context, noise: Noise) -> Self:
        settings, histories, items = context.settings.privacy, context.snapshot.histories, ids_of(context.snapshot)
        deviation = gaussian.deviation_of(settings.epsilon, settings.delta)
        own = releases.about(noise, context.run.key, histories, items, deviation)
        return cls(histories, items, deviation, own)

    def release(self) -> Release:
        return releases.make(self.histories, self.items, self.deviation, self.noise)


def _pay(context: Context, settings: Privacy, fit: _Fit, total: float) -> None:
    """Charges a release to the ledger, unless the run was interrupted after the charge and is resumed."""
    with context.writing() as connection:
        if all(entry.release != fit.noise.name for entry in ledger.entries(connection)):
            ledger.charge(
                connection,
                fit.noise.name,
                context.number,
                settings.epsilon,
                settings.delta,
                MECHANISM,
                fit.deviation,
                total,
            )


def _remove_others(root: Path, name: str) -> None:
    for file in root.glob("[!.]*.npz"):
        if unsealed(file).stem != name:
            file.unlink()
