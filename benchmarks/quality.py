"""How good the lists are: chatrec with its defaults beside simple peers, on splits and by scores of another tool.

    python -m benchmarks.quality --data DATA --evalkit evalkit.py
    python -m benchmarks.quality --data DATA --evalkit evalkit.py --only "movielens-100k loo"

DATA holds a folder for each set with interactions.csv.gz, items.csv.gz and maybe users.csv.gz. `evalkit.py split` and
`evalkit.py score` make the split and the score; nothing here sees a target. Peers are fitted on the same train set.
"""

import argparse
import csv
import gzip
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chatrec.block import Block, best_of, blocks
from chatrec.channels import ease, popularity, transitions
from chatrec.channels.base import Channel
from chatrec.evaluate.split import write_snapshot
from chatrec.source.snapshot import Histories, Snapshot

K = 20
SPLITS = {
    "movielens-100k loo": ("next", 0.145),
    "movielens-100k time": ("period", 0.24),
    "movielens-100k random": ("any", 0.46),
    "movielens-1m loo": ("next", 0.22),
    "movielens-1m random": ("any", 0.445),
    "amazon-games loo": ("next", 0.09),
}
"""The target, and the NDCG@10 to reach."""
PEERS: dict[str, Callable[[Histories, int], Channel]] = {
    "popularity": popularity.fit,
    "recent popularity": lambda histories, items: popularity.fit_recent(histories, items, 0.05),
    "transitions": transitions.fit,
    "EASE": lambda histories, items: ease.Ease(ease.fit(histories, items, 500.0), 1.0),
}
EASE_UP_TO = 8_000
"""Items; a peer may take less time than the measured."""


@dataclass(frozen=True)
class Bench:
    """One split on disk."""

    data: Path
    split: Path
    evalkit: Path
    target: str

    def score(self, lists: Path) -> str:
        """What the independent tool prints."""
        return self.run(sys.executable, self.evalkit, "score", self.split, lists)

    def chatrec(self, lists: Path) -> None:
        """The fixed form of `chatrec evaluate`."""
        users = self.data / "users.csv.gz"
        self.run(
            sys.executable, "-m", "chatrec", "evaluate", "--split", self.split, "--items", self.data / "items.csv.gz",
            *(["--users", users] if users.exists() else []), "--target", self.target, "--out", lists, "--k", K,
        )  # fmt: skip

    def peer(self, fit: Callable[[Histories, int], Channel], folder: Path, lists: Path) -> None:
        """The same lists from one channel alone."""
        snapshot = Snapshot(folder)
        recommendable = snapshot.items["available"].to_numpy()
        channel = fit(snapshot.histories, len(recommendable))
        everybody = np.flatnonzero(snapshot.histories.lengths)
        users, items = snapshot.users["user_id"], snapshot.items["item_id"]
        with gzip.open(lists, "wt", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("user_id", "rank", "item_id"))
            for block in blocks(snapshot.histories, everybody, recommendable, True, 512):
                for user, best in zip(block.users, _lists(channel, block), strict=True):
                    writer.writerows((users[int(user)], rank, items[int(i)]) for rank, i in enumerate(best, 1))

    def run(self, *command: object) -> str:
        """What a command prints."""
        return subprocess.run(
            [str(part) for part in command], check=True, capture_output=True, text=True
        ).stdout.strip()


def _lists(channel: Channel, block: Block) -> np.ndarray:
    return best_of(np.where(block.hidden, -np.inf, channel.scores(block)), K)


def measure(name: str, data: Path, evalkit: Path, folder: Path) -> None:
    """Prints the rows of one split."""
    (target, goal), (dataset, protocol) = SPLITS[name], name.split()
    bench = Bench(data / dataset, folder / "split", evalkit, target)
    bench.run(sys.executable, evalkit, "split", bench.data, protocol, bench.split)
    snapshot = folder / "snapshot"
    snapshot.mkdir()
    write_snapshot(bench.split, bench.data / "items.csv.gz", None, "|", snapshot)
    print(f"\n{name}, target {target}, NDCG@10 to reach {goal}")
    few = len(Snapshot(snapshot).items) <= EASE_UP_TO
    peers = {peer: fit for peer, fit in PEERS.items() if few or peer != "EASE"}
    for system in [*peers, "chatrec"]:
        lists, since = folder / f"{system}.csv.gz", time.monotonic()
        if system == "chatrec":
            bench.chatrec(lists)
        else:
            bench.peer(peers[system], snapshot, lists)
        seconds, score = time.monotonic() - since, bench.score(lists)
        found = float(re.search(r"NDCG@10 ([\d.]+)", score).group(1))  # type: ignore[union-attr]
        verdict = "" if system != "chatrec" else ("  reached" if found >= goal else f"  missed by {goal - found:.4f}")
        print(f"  {system:<18} {seconds:7.1f} s  {score}{verdict}", flush=True)


def main() -> None:
    """Prints the scoreboard."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--evalkit", type=Path, required=True)
    parser.add_argument("--only", choices=list(SPLITS), nargs="*", default=list(SPLITS))
    chosen = parser.parse_args()
    for name in chosen.only:
        with tempfile.TemporaryDirectory(prefix="chatrec-quality-") as folder:
            measure(name, chosen.data, chosen.evalkit.resolve(), Path(folder))


if __name__ == "__main__":
    main()
