"""How the cost of each model grows: with the events of a real log, and on a catalogue of 100,000 items.

    python -m benchmarks.growth --data DATA

Each cell is a process of its own: it reads the log, fits one model, and scores all items for 1,000 users. The logs
are those of a quarter, a half and all of the users of DATA/movielens-1m, and a synthetic one whose items are drawn by
Zipf's law. The models are those that the registry has for any target.
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
from benchmarks.data import known, read_events
from benchmarks.table import Table, write
from chatrec.config.ranking import Target, full_target
from chatrec.data.arrays import Array, unit
from chatrec.data.interactions import Interactions
from chatrec.data.user_batch import batches
from chatrec.evaluation.holdout import CELLS_OF_A_BLOCK
from chatrec.models import ease
from chatrec.models.registry import fit_models, names
from chatrec.models.training_data import TrainingData

SET = "movielens-1m"
SYNTHETIC = "synthetic"
PARTS = {"a quarter": 4, "a half": 2, "all": 1, SYNTHETIC: 0}
"""One of so many users; none of the synthetic log's."""
USERS, ITEMS, EVENTS = 50_000, 100_000, 20
"""Of the synthetic log; events of each user."""
DIMENSIONS = 128
"""Of text vectors, here random ones."""
SERVED = 1000
BYTES, SECONDS = 12_000_000_000, 600
"""A model that needs more is not measured."""


def models(log: TrainingData) -> dict[str, Target]:
    """The names of the models for a log of this size, each with a target that has it."""
    found: dict[str, Target] = {}
    for target in get_args(Target):
        found = dict.fromkeys(names(log, target), target) | found
    return found


def cost(log: TrainingData, name: str, target: Target) -> tuple[float, float]:
    """Seconds to fit a model, and to score all items for 1,000 users."""
    since = time.monotonic()
    model = fit_models(log, target, ease.PENALTIES[-1], {name})[name]
    fitted = time.monotonic()
    users = np.flatnonzero(log.histories.lengths)
    some = users[np.linspace(0, len(users) - 1, min(SERVED, len(users))).astype(int)]
    size = max(1, CELLS_OF_A_BLOCK // log.items)
    for batch in batches(log.histories, some, np.ones(log.items, bool), True, size):
        model.score(batch)
    return fitted - since, (time.monotonic() - fitted) * 1000 / len(some)


def read(part: str, data: Path) -> TrainingData:
    """The log of a part."""
    if part == SYNTHETIC:
        return synthetic(USERS, ITEMS, EVENTS)
    events = read_events(data / SET / "interactions.csv.gz")
    return known(some_users(events.histories, PARTS[part]), _unit(events.items))


def some_users(histories: Interactions, one_of: int) -> Interactions:
    """Every so many-th user; items keep their numbers."""
    kept = histories.only(histories.event_users % one_of == 0)
    starts = np.concatenate([[0], np.cumsum(kept.lengths[kept.lengths > 0])])
    return Interactions(starts, kept.items, kept.weights, kept.times)


def synthetic(users: int, items: int, events: int) -> TrainingData:
    """A log of as many events for each user, of items that are taken by Zipf's law."""
    random = np.random.default_rng(0)
    until = np.cumsum(1 / np.arange(1, items + 1))
    taken = np.searchsorted(until, random.random(users * events) * until[-1]).clip(max=items - 1)
    times = np.tile(np.arange(events) * 1_000_000, users)
    starts = np.arange(users + 1) * events
    histories = Interactions(starts, taken.astype(np.int32), np.ones(len(taken), np.float32), times)
    return known(histories, _unit(items))


def _unit(items: int) -> Array:
    return unit(np.random.default_rng(1).standard_normal((items, DIMENSIONS), np.float32))


def measure(data: Path, parts: Collection[str], wanted: Collection[str] | None) -> Table:
    """Prints the table; of the logs nothing is read in this process, whose size counts in its children's.

    Args:
        data: with a folder SET.
        parts: names of PARTS.
        wanted: names of models; None for all.
    """
    command = (sys.executable, "-m", "benchmarks.growth", "--data", data)
    of_part = {part: json.loads(run(*command, "--part", part).out) for part in parts}
    heads = {f"{part}: {facts['events']:,} events, {facts['items']:,} items": 48 for part, facts in of_part.items()}
    table = Table("Seconds to fit, seconds to score 1,000 users, peak memory", {"model": 20, **heads})
    targets = {name: target for facts in of_part.values() for name, target in facts["models"].items()}
    for name, target in targets.items():
        if wanted is not None and name not in wanted:
            continue
        cells = []
        for part, facts in of_part.items():
            there = name in facts["models"]
            cells.append(_cell(*command, "--part", part, "--model", name, "--target", target) if there else "–")
        table.add(name, *cells)
    return table


def _cell(*command: object) -> str:
    try:
        finished = run(*command, timeout=SECONDS)
    except Failed as error:
        memory = "MemoryError" in str(error)
        return f"– (over {BYTES / 1e9:.0f} GB)" if memory else f"– ({str(error).splitlines()[-1]})"
    fit, serve = json.loads(finished.out)
    return f"{fit:.2f} · {serve:.2f} · {finished.peak / 1e9:.2f} GB"


def main() -> None:
    """Prints the table, or as JSON what a part has or one of its cells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", choices=list(PARTS), nargs="*", default=list(PARTS))
    parser.add_argument("--models", nargs="*", help="their names; default: all")
    parser.add_argument("--out", type=Path, help="the same table as Markdown")
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
