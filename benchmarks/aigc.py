"""Gain of attention over groups: AIGC's network with several output layers, trained on the same events.

    python -m benchmarks.aigc --data DATA --evalkit evalkit.py --only movielens-1m --epochs 5 --seconds 300
    python -m benchmarks.aigc --growth

The train set of evalkit's split `loo` is split again by `chatrec.evaluation.holdout` (last events), on which the
variants are compared; the targets of the split are not read. All variants have the same network, initial vectors and
groups, and differ in the output layer. "Original formula" is the original AIGC formula, the mean of a history and one
softmax. Differences are to the two levels, with the 95 % interval of a paired bootstrap over users.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks import aigc_growth
from benchmarks.child import run
from benchmarks.data import read_split
from benchmarks.outputs import Full, GroupsOnly, Sampled, SampledInGroups, TwoLevels
from benchmarks.table import Table, write
from chatrec.aigc import mean
from chatrec.aigc.autoconfig import Plan, plan
from chatrec.aigc.sequence import Training, measure_rate
from chatrec.aigc.users import MeanUsers, SequenceUsers, UserEncoder
from chatrec.config.aigc import AigcConfig
from chatrec.data.arrays import Array, unit
from chatrec.data.user_batch import UserBatch
from chatrec.evaluation.holdout import Holdout, hold_out
from chatrec.evaluation.metrics import paired_difference
from chatrec.models.ppmi_svd import clusters, ppmi_vectors

SEED = 0
SETS = ("movielens-100k", "movielens-1m", "amazon-games")
STEPS_TO_MEASURE = 8
ORIGINAL, TWO_LEVELS = "original formula", "two levels"
COLUMNS = {"output": 28, "NDCG@10": 9, "difference": 29, "epochs": 9, "CPU s": 9, "events per CPU s": 18}


@dataclass(frozen=True)
class Trained:
    """A trained variant, and the cost of its training."""

    items: Array
    encoder: UserEncoder
    scores: Callable[[Array], Array]
    """Returns the scores of all items for user vectors."""
    events: float
    """Number of training events, counted in each epoch."""
    seconds: float
    """CPU seconds."""

    def ndcg(self, holdout: Holdout) -> Array:
        """Returns NDCG@10 of each held-out user."""

        def score(batch: UserBatch) -> Array:
            latest = batch.histories.latest(batch.users, self.encoder.length)
            return self.scores(self.encoder.read(self.items, latest))

        return holdout.ndcg(score)


@dataclass(frozen=True)
class Work:
    """Data and initial values of all variants."""

    holdout: Holdout
    plan: Plan
    start: Array
    shares: Array
    """Share of each item in all events."""
    group_of: Array

    @classmethod
    def of(cls, split: Path) -> "Work":
        """Returns the work for the train set of a split."""
        events = read_split(split)
        holdout = hold_out(events.histories, events.recommendable, True, "next_item", SEED)
        groups = max(1, round(events.items**0.5))
        chosen = replace(plan(holdout.histories, events.items, AigcConfig(), "next_item"), groups=groups)
        start = ppmi_vectors(holdout.histories, events.items, chosen.shape.width, SEED)
        popular = np.bincount(holdout.histories.items, minlength=events.items) + 0.5
        return cls(holdout, chosen, start, popular / popular.sum(), clusters(unit(start), groups, SEED)[0])

    @property
    def events(self) -> int:
        """Number of events per epoch: those with a later event."""
        return int(np.maximum(self.holdout.histories.lengths - 1, 0).sum())

    def training(self, output: Full) -> Training:
        """Returns a new training."""
        return Training(output, self.plan, SEED)


def shuffled(group_of: Array, seed: int) -> Array:
    """Returns random groups of the same sizes."""
    return np.random.default_rng(seed).permutation(group_of)


def train(output: type[Full], mixed: bool, work: Work, epochs: float, seconds: float) -> Trained:
    """Trains an output layer.

    Args:
        output: Class of the output layer.
        mixed: Whether groups are shuffled.
        work: Data and initial values.
        epochs: Number of epochs, used if `seconds` is 0.
        seconds: CPU seconds; the number of events is set by the measured rate.
    """
    group_of = shuffled(work.group_of, SEED) if mixed else work.group_of
    begin = partial(output, work.start, work.shares, group_of, SEED)
    events = int(epochs * work.events)
    if seconds:
        training = work.training(begin())
        rate = measure_rate(training, work.holdout.histories, STEPS_TO_MEASURE, time.process_time)
        events = int(seconds * rate)
    layer = begin()
    training = work.training(layer)
    since, trained = time.process_time(), 0
    for batch, _ in training.run(work.holdout.histories, events):
        trained += int(batch.mask.sum())
    took = time.process_time() - since
    items = layer.items.detach().numpy()
    return Trained(items, SequenceUsers((training.net,)), layer.scores, trained, took)


def train_original(work: Work, epochs: float, seconds: float) -> Trained:
    """Trains the mean of a history and one softmax as chatrec does, without early stopping on held-out events."""
    empty = replace(
        work.holdout, users=np.empty(0, np.int64), starts=np.zeros(1, np.int64), targets=np.empty(0, np.int32)
    )
    texts = np.empty((len(work.start), 0), np.float32)

    def fit(epochs: int) -> Trained:
        since = time.process_time()
        fitted = mean.fit(empty, texts, AigcConfig(vectors="learned", epochs=epochs), SEED)
        took = time.process_time() - since
        events = epochs * min(work.events, mean.POSITIONS_OF_AN_EPOCH)
        return Trained(fitted.items, MeanUsers(mean.HISTORY), lambda users: users @ fitted.items.T, events, took)

    return fit(max(1, round(seconds / fit(1).seconds if seconds else epochs)))


VARIANTS: Mapping[str, Callable[[Work, float, float], Trained]] = {
    TWO_LEVELS: partial(train, TwoLevels, False),
    "two levels, shuffled groups": partial(train, TwoLevels, True),
    "two levels, sampled within": partial(train, SampledInGroups, False),
    "groups only": partial(train, GroupsOnly, False),
    "full softmax": partial(train, Full, False),
    "sampled softmax": partial(train, Sampled, False),
    ORIGINAL: train_original,
}


def compare(work: Work, epochs: float, seconds: float) -> Iterator[tuple[str, ...]]:
    """Yields the rows of a table, in the order of COLUMNS."""
    base = np.empty(0)
    for name, train_variant in VARIANTS.items():
        trained = train_variant(work, epochs, seconds)
        quality = trained.ndcg(work.holdout)
        base = quality if name == TWO_LEVELS else base
        difference, low, high = paired_difference(quality, base, SEED)
        yield (
            name,
            f"{quality.mean():.4f}",
            "" if name == TWO_LEVELS else f"{difference:+.4f} [{low:+.4f}, {high:+.4f}]",
            f"{trained.events / work.events:.2f}",
            f"{trained.seconds:.0f}",
            f"{trained.events / trained.seconds:,.0f}",
        )


def measure(data: Path, evalkit: Path, epochs: float, seconds: float) -> Iterator[Table]:
    """Yields the tables of one data set, for equal epochs and for equal time; 0 omits a table."""
    with tempfile.TemporaryDirectory(prefix="chatrec-aigc-") as folder:
        run(sys.executable, evalkit, "split", data, "loo", folder)
        work = Work.of(Path(folder))
    facts = f"{data.name}: {len(work.start):,} items, {work.plan.groups} groups, {len(work.holdout):,} held-out users"
    for title, limits in ((f"{epochs:g} epochs", (epochs, 0)), (f"{seconds:g} CPU seconds", (0, seconds))):
        if any(limits):
            table = Table(f"{facts}; {title} each", COLUMNS)
            for row in compare(work, *limits):
                table.add(*row)
            yield table


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--evalkit", type=Path)
    parser.add_argument("--only", choices=SETS, nargs="*", default=SETS)
    parser.add_argument("--epochs", type=float, default=5, help="epochs of each variant; 0 omits this table")
    parser.add_argument("--seconds", type=float, default=300, help="CPU seconds of each variant; 0 omits this table")
    parser.add_argument("--growth", action="store_true", help="measure the cost by catalogue size instead")
    parser.add_argument("--out", type=Path, help="Markdown file to write the tables to")
    chosen = parser.parse_args()
    if chosen.growth:
        write([aigc_growth.measure()], chosen.out)
        return
    if not (chosen.data and chosen.evalkit):
        parser.error("give --data and --evalkit, or --growth")
    tables: list[Table] = []
    for name in chosen.only:
        for table in measure(chosen.data.resolve() / name, chosen.evalkit.resolve(), chosen.epochs, chosen.seconds):
            tables.append(table)
            write(tables, chosen.out)


if __name__ == "__main__":
    main()
