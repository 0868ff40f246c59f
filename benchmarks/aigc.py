"""What attention over groups is worth: AIGC's net under several output layers, learned alike on the same events.

    python -m benchmarks.aigc --data DATA --evalkit evalkit.py --only movielens-1m --passes 5 --seconds 300
    python -m benchmarks.aigc --growth

The train set of the split `loo` of evalkit is split again by `chatrec.evaluation.holdout` (last events): the variants
are compared on that, and the split's own targets are never opened. All variants have the same net, the same start
vectors and the same groups; only the output layer differs. "As written" is the mission's formula, the mean of a history
and one softmax. A difference is to the two levels, with the 95 % interval of a paired bootstrap over users.
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
AS_WRITTEN, TWO_LEVELS = "as written (mean users)", "two levels"
COLUMNS = {"output": 28, "NDCG@10": 9, "difference": 29, "passes": 9, "CPU s": 9, "events a CPU s": 16}


@dataclass(frozen=True)
class Learned:
    """What a variant knows and took."""

    items: Array
    encoder: UserEncoder
    scores: Callable[[Array], Array]
    """Of all items for some user vectors."""
    events: float
    """That it learned from, again and again."""
    seconds: float
    """Of CPU."""

    def ndcg(self, holdout: Holdout) -> Array:
        """NDCG@10 of each held-out user."""

        def score(batch: UserBatch) -> Array:
            latest = batch.histories.latest(batch.users, self.encoder.length)
            return self.scores(self.encoder.read(self.items, latest))

        return holdout.ndcg(score)


@dataclass(frozen=True)
class Work:
    """What all variants learn from and start with."""

    holdout: Holdout
    plan: Plan
    start: Array
    shares: Array
    """Of each item in all events."""
    group_of: Array

    @classmethod
    def of(cls, split: Path) -> "Work":
        """From the train set of a split."""
        events = read_split(split)
        holdout = hold_out(events.histories, events.recommendable, True, "next_item", SEED)
        groups = max(1, round(events.items**0.5))
        wanted = replace(plan(holdout.histories, events.items, AigcConfig(), "next_item"), groups=groups)
        start = ppmi_vectors(holdout.histories, events.items, wanted.shape.width, SEED)
        popular = np.bincount(holdout.histories.items, minlength=events.items) + 0.5
        return cls(holdout, wanted, start, popular / popular.sum(), clusters(unit(start), groups, SEED)[0])

    @property
    def events(self) -> int:
        """Of a pass: those with another after them."""
        return int(np.maximum(self.holdout.histories.lengths - 1, 0).sum())

    def training(self, output: Full) -> Training:
        """One that begins."""
        return Training(output, self.plan, SEED)


def shuffled(group_of: Array, seed: int) -> Array:
    """Groups of the same sizes, whose items have nothing in common."""
    return np.random.default_rng(seed).permutation(group_of)


def learn(output: type[Full], mixed: bool, work: Work, passes: float, seconds: float) -> Learned:
    """Learns an output layer.

    Args:
        output: which.
        mixed: whether items change groups at random.
        work: the same for all.
        passes: over the events.
        seconds: of CPU; 0 learns the passes, else as many events as are learned in that time.
    """
    group_of = shuffled(work.group_of, SEED) if mixed else work.group_of
    begin = partial(output, work.start, work.shares, group_of, SEED)
    events = int(passes * work.events)
    if seconds:
        training = work.training(begin())
        rate = measure_rate(training, work.holdout.histories, STEPS_TO_MEASURE, time.process_time)
        events = int(seconds * rate)
    learned = begin()
    training = work.training(learned)
    since, read = time.process_time(), 0
    for batch, _ in training.run(work.holdout.histories, events):
        read += int(batch.mask.sum())
    took = time.process_time() - since
    items = learned.items.detach().numpy()
    return Learned(items, SequenceUsers((training.net,)), learned.scores, read, took)


def learn_as_written(work: Work, passes: float, seconds: float) -> Learned:
    """The mean of a history and one softmax, as chatrec learns it; no pass is chosen by what is held out."""
    nobody = replace(
        work.holdout, users=np.empty(0, np.int64), starts=np.zeros(1, np.int64), targets=np.empty(0, np.int32)
    )
    given = np.empty((len(work.start), 0), np.float32)

    def fit(passes: int) -> Learned:
        since = time.process_time()
        fitted = mean.fit(nobody, given, AigcConfig(vectors="learned", epochs=passes), SEED)
        took = time.process_time() - since
        events = passes * min(work.events, mean.POSITIONS_OF_AN_EPOCH)
        return Learned(fitted.items, MeanUsers(mean.HISTORY), lambda users: users @ fitted.items.T, events, took)

    return fit(max(1, round(seconds / fit(1).seconds if seconds else passes)))


VARIANTS: Mapping[str, Callable[[Work, float, float], Learned]] = {
    TWO_LEVELS: partial(learn, TwoLevels, False),
    "two levels, shuffled groups": partial(learn, TwoLevels, True),
    "two levels, sampled within": partial(learn, SampledInGroups, False),
    "groups only": partial(learn, GroupsOnly, False),
    "full softmax": partial(learn, Full, False),
    "sampled softmax": partial(learn, Sampled, False),
    AS_WRITTEN: learn_as_written,
}


def compare(work: Work, passes: float, seconds: float) -> Iterator[tuple[str, ...]]:
    """The rows of a table, in the order of COLUMNS."""
    base = np.empty(0)
    for name, learn_variant in VARIANTS.items():
        learned = learn_variant(work, passes, seconds)
        found = learned.ndcg(work.holdout)
        base = found if name == TWO_LEVELS else base
        difference, low, high = paired_difference(found, base, SEED)
        yield (
            name,
            f"{found.mean():.4f}",
            "" if name == TWO_LEVELS else f"{difference:+.4f} [{low:+.4f}, {high:+.4f}]",
            f"{learned.events / work.events:.2f}",
            f"{learned.seconds:.0f}",
            f"{learned.events / learned.seconds:,.0f}",
        )


def measure(data: Path, evalkit: Path, passes: float, seconds: float) -> Iterator[Table]:
    """The tables of one data set: for equal passes and for equal time; 0 leaves one out."""
    with tempfile.TemporaryDirectory(prefix="chatrec-aigc-") as folder:
        run(sys.executable, evalkit, "split", data, "loo", folder)
        work = Work.of(Path(folder))
    facts = f"{data.name}: {len(work.start):,} items, {work.plan.groups} groups, {len(work.holdout):,} held-out users"
    for title, limits in ((f"{passes:g} passes", (passes, 0)), (f"{seconds:g} CPU seconds", (0, seconds))):
        if any(limits):
            table = Table(f"{facts}; {title} each", COLUMNS)
            for row in compare(work, *limits):
                table.add(*row)
            yield table


def main() -> None:
    """Prints the scoreboard."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--evalkit", type=Path)
    parser.add_argument("--only", choices=SETS, nargs="*", default=SETS)
    parser.add_argument("--passes", type=float, default=5, help="of each variant; 0 leaves this table out")
    parser.add_argument("--seconds", type=float, default=300, help="of CPU for each variant; 0 leaves this table out")
    parser.add_argument("--growth", action="store_true", help="the cost at several sizes of the catalogue instead")
    parser.add_argument("--out", type=Path, help="the same tables as Markdown")
    chosen = parser.parse_args()
    if chosen.growth:
        write([aigc_growth.measure()], chosen.out)
        return
    if not (chosen.data and chosen.evalkit):
        parser.error("--data and --evalkit are needed, or --growth")
    tables: list[Table] = []
    for name in chosen.only:
        for table in measure(chosen.data.resolve() / name, chosen.evalkit.resolve(), chosen.passes, chosen.seconds):
            tables.append(table)
            write(tables, chosen.out)


if __name__ == "__main__":
    main()
