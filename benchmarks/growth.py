"""Cost of each model: by number of events of a real log, and on a catalogue of 100,000 items.

    python -m benchmarks.growth --data DATA

Each cell runs in its own process, which reads the log, fits one model, and scores all items for 1,000 users. The logs
are those of a quarter, a half and all of the users of DATA/movielens-1m, and a synthetic one with items drawn by Zipf's
law. The models are those that the registry has for at least one target.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import get_args

import numpy as np

from benchmarks.child import Failed, run
from benchmarks.data import read_events, training_data
from benchmarks.table import Table, write
from chatrec.config.ranking import Target, full_target
from chatrec.data.arrays import Array, unit
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import batches
from chatrec.evaluation.holdout import CELLS_OF_A_BLOCK
from chatrec.models.configs import Configs
from chatrec.models.entry import Case
from chatrec.models.registry import fit_models, names
from chatrec.models.training_data import TrainingData

SET = "movielens-1m"
SYNTHETIC = "synthetic"
PARTS = {"a quarter": 4, "a half": 2, "all": 1, SYNTHETIC: 0}
"""Step in which users are sampled; 0 stands for the synthetic log."""
USERS, ITEMS, EVENTS = 50_000, 100_000, 20
"""Users and items of the synthetic log, and events per user."""
DIMENSIONS = 128
"""Dimensions of the text vectors, which are random."""
SCORED_USERS = 1000
BYTES, SECONDS = 12_000_000_000, 600
"""Limits of a cell; a model that exceeds one is not measured."""


def case_of(log: TrainingData, target: Target) -> Case:
    """Returns the case in which a log of any size has all models."""
    return Case(log, target, configs=Configs(costly_from=0), exclude_seen=False)


def models(log: TrainingData) -> dict[str, Target]:
    """Returns the names of the models for a log of this size, each with a target that it suits."""
    targets: dict[str, Target] = {}
    for target in get_args(Target):
        targets = dict.fromkeys(names(case_of(log, target)), target) | targets
    return targets


def cost(log: TrainingData, name: str, target: Target) -> tuple[float, float]:
    """Returns the seconds to fit a model, and to score all items for 1,000 users."""
    since = time.monotonic()
    model = fit_models(case_of(log, target), {name})[name]
    fitted = time.monotonic()
    users = np.flatnonzero(log.histories.lengths)
    sample = users[np.linspace(0, len(users) - 1, min(SCORED_USERS, len(users))).astype(int)]
    size = max(1, CELLS_OF_A_BLOCK // log.items)
    for batch in batches(log.histories, sample, np.ones(log.items, bool), True, size):
        model.score(batch)
    return fitted - since, (time.monotonic() - fitted) * 1000 / len(sample)


def read(part: str, data: Path) -> TrainingData:
    """Reads the log of a part."""
    if part == SYNTHETIC:
        return synthetic(USERS, ITEMS, EVENTS)
    events = read_events(data / SET / "interactions.csv.gz")
    return training_data(sample_users(events.histories, PARTS[part]), _unit(events.items))


def sample_users(histories: Interactions, step: int) -> Interactions:
    """Returns the histories of every `step`-th user; rows of items are unchanged."""
    kept = histories.only(histories.event_users % step == 0)
    starts = np.concatenate([[0], np.cumsum(kept.lengths[kept.lengths > 0])])
    return Interactions(starts, kept.items, kept.weights, kept.times)


def synthetic(users: int, items: int, events: int) -> TrainingData:
    """Returns a log with `events` events per user, with items drawn by Zipf's law."""
    random = np.random.default_rng(0)
    until = np.cumsum(1 / np.arange(1, items + 1))
    drawn = np.searchsorted(until, random.random(users * events) * until[-1]).clip(max=items - 1)
    times = np.tile(np.arange(events) * 1_000_000, users)
    starts = np.arange(users + 1) * events
    histories = Interactions(starts, drawn.astype(np.int32), np.ones(len(drawn), np.float32), times)
    return training_data(histories, _unit(items))


def _unit(items: int) -> Array:
    return unit(np.random.default_rng(1).standard_normal((items, DIMENSIONS), np.float32))


def measure(data: Path, parts: Collection[str], wanted: Collection[str] | None) -> Table:
    """Measures all cells and prints the table.

    This process reads no log, since its size is included in that of its children.

    Args:
        data: Folder with the folder SET.
        parts: Names of PARTS.
        wanted: Names of models; None for all.
    """
    command = (sys.executable, "-m", "benchmarks.growth", "--data", data)
    facts_of_part = {part: json.loads(run(*command, "--part", part).out) for part in parts}
    heads = {
        f"{part}: {facts['events']:,} events, {facts['items']:,} items": 48 for part, facts in facts_of_part.items()
    }
    table = Table("Seconds to fit, seconds to score 1,000 users, peak memory", {"model": 20, **heads})
    targets = {name: target for facts in facts_of_part.values() for name, target in facts["models"].items()}
    for name, target in targets.items():
        if wanted is not None and name not in wanted:
            continue
        cells = []
        for part, facts in facts_of_part.items():
            fits = name in facts["models"]
            cells.append(_cell(*command, "--part", part, "--model", name, "--target", target) if fits else "–")
        table.add(name, *cells)
    return table


def _cell(*command: object) -> str:
    try:
        finished = run(*command, timeout=SECONDS)
    except Failed as error:
        memory = "MemoryError" in str(error)
        return f"– (over {BYTES / 1e9:.0f} GB)" if memory else f"– ({str(error).splitlines()[-1]})"
    fit, score = json.loads(finished.out)
    return f"{fit:.2f} · {score:.2f} · {finished.peak / 1e9:.2f} GB"


def main() -> None:
    """Prints the table, or as JSON the facts of a part or one of its cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", choices=list(PARTS), nargs="*", default=list(PARTS))
    parser.add_argument("--models", nargs="*", help="names of models; default: all")
    parser.add_argument("--out", type=Path, help="Markdown file to write the table to")
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--model", help=argparse.SUPPRESS)
    parser.add_argument("--target", type=full_target, choices=get_args(Target), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if not chosen.part:
        write([measure(chosen.data.resolve(), chosen.only, chosen.models)], chosen.out)
        return
    resource.setrlimit(resource.RLIMIT_DATA, (BYTES, BYTES))
    log = read(chosen.part, chosen.data)
    if chosen.model:
        print(json.dumps(cost(log, chosen.model, chosen.target)))
    else:
        facts = {"events": len(log.histories.items), "items": log.items, "models": models(log)}
        print(json.dumps(facts))


if __name__ == "__main__":
    main()
