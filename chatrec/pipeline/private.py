"""Which release a run is made from: the last one while it serves, a new one when that is due and affordable.

A new release is written into the ledger first and made afterwards, so that a killed run has paid for what it may have
shown. Done again from the same data it has the same name, is not paid for twice, and comes to the same bytes; another
run has other noise even if its data are the same, because to see that nothing has changed is to see something.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from sqlalchemy import Engine

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

FOLDER = "privacy"
MECHANISM = "analytic Gaussian: popularity and pairs of items"


@dataclass(frozen=True)
class Decision:
    """What becomes of a refit."""

    entry: ledger.Entry | None
    """The release that goes on serving; None for a new one."""
    total: float
    """Epsilon of all releases, with the new one if there is to be one."""
    words: str


def decide(entries: list[ledger.Entry], settings: Privacy, folder: Path, own: str) -> Decision:
    """Whether a new release is made.

    Args:
        entries: of the ledger, the oldest first.
        settings: what a release may tell, how long it serves, what all may tell.
        folder: the folder of the files of releases.
        own: the name of a release of this run; if it is in the ledger it was paid for.

    Raises:
        RunError: the budget is spent and the last release has no file.
    """
    now = spent(entries, settings.delta)
    then = after_one_more([entry for entry in entries if entry.release != own], settings)
    served = [entry for entry in entries if (folder / f"{entry.release}.npz").exists()]
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
            f"There is no release to go on with: {spending} {settings.budget:g}. Bring the last file back into "
            f"{folder} from a backup, or raise the budget."
        )
    return Decision(last, now, f"No refit: {spending} {settings.budget:g}; the release of {last.key} goes on serving.")


def spent(entries: Sequence[ledger.Entry], delta: float) -> float:
    """Epsilon of all releases together."""
    return gaussian.epsilon_of(gaussian.together(entry.deviation for entry in entries), delta)


def after_one_more(entries: Sequence[ledger.Entry], settings: Privacy) -> float:
    """Epsilon of all releases together, and one more as the settings have it."""
    more = gaussian.deviation_of(settings.epsilon, settings.delta)
    return gaussian.epsilon_of(gaussian.together([*(entry.deviation for entry in entries), more]), settings.delta)


def release_of_run(context: Context) -> tuple[Release, ReleaseResult]:
    """The release that the run's lists are made from, onto the run's catalogue."""
    settings, root = context.settings.privacy, context.settings.artifacts.root / FOLDER
    fit = _Fit.of(context, Noise.of(root))
    if context.database is None:
        words = f"Release at ε {settings.epsilon:g}, δ {settings.delta:g} for a measurement, in no ledger."
        return fit.release(), ReleaseResult(words)
    with context.database.connect() as connection:
        decision = decide(ledger.entries(connection), settings, root, fit.noise.name)
    name = decision.entry.release if decision.entry else fit.noise.name
    if decision.entry is None:
        _pay(context.database, context.number, settings, fit, decision.total)
        fit.release().save(root / f"{name}.npz")
        _remove_others(root, name)
    facts = ReleaseResult(decision.words, name, round(decision.total, 4))
    return Release.load(root / f"{name}.npz").onto(fit.items), facts


def ids_of(snapshot: Snapshot) -> Array:
    """Of all items, as text."""
    return np.array(snapshot.items["item_id"].cast(pl.String).to_list(), np.str_)


def lend_secret(root: Path, other: Path) -> None:
    """Lets another artifact root draw the same noise, so that a measurement can be done again."""
    Noise.of(root / FOLDER)
    (other / FOLDER).mkdir(parents=True, exist_ok=True)
    shutil.copy2(root / FOLDER / SECRET, other / FOLDER / SECRET)


@dataclass(frozen=True)
class _Fit:
    """A release of the run's data before it is made."""

    histories: Interactions
    items: Array
    """Ids as text."""
    deviation: float
    noise: Noise
    """Of this release."""

    @classmethod
    def of(cls, context: Context, noise: Noise) -> Self:
        settings, histories, items = context.settings.privacy, context.snapshot.histories, ids_of(context.snapshot)
        deviation = gaussian.deviation_of(settings.epsilon, settings.delta)
        own = releases.about(noise, context.run.key, histories, items, deviation)
        return cls(histories, items, deviation, own)

    def release(self) -> Release:
        return releases.make(self.histories, self.items, self.deviation, self.noise)


def _pay(engine: Engine, run: int, settings: Privacy, fit: _Fit, total: float) -> None:
    """Writes a release into the ledger, unless a run that was killed after that is done again."""
    with engine.begin() as connection:
        if all(entry.release != fit.noise.name for entry in ledger.entries(connection)):
            ledger.charge(
                connection,
                fit.noise.name,
                run,
                settings.epsilon,
                settings.delta,
                MECHANISM,
                fit.deviation,
                total,
            )


def _remove_others(root: Path, name: str) -> None:
    for file in root.glob("[!.]*.npz"):
        if file.stem != name:
            file.unlink()
