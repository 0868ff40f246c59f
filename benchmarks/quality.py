"""How good the lists are: chatrec with its defaults, its models one by one, and peers, on splits of another tool.

    python -m benchmarks.quality --data DATA --evalkit evalkit.py
    python -m benchmarks.quality --data DATA --evalkit evalkit.py --only "movielens-100k loo" --slow --out quality.md

DATA holds a folder for each set with interactions.csv.gz, items.csv.gz and maybe users.csv.gz. `evalkit.py split` and
`evalkit.py score` make the split and the score; nothing here sees a target. Every system runs on the same train set in
a process of its own, from the files of the split to the file of its lists; its seconds and its memory are all of that.
"""

import argparse
import importlib.util
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.child import ROOT, Failed, Finished, run
from benchmarks.table import Table, write

SPLITS = {
    "movielens-100k loo": ("next_item", 0.145),
    "movielens-100k time": ("next_period", 0.24),
    "movielens-100k random": ("random", 0.46),
    "movielens-1m loo": ("next_item", 0.22),
    "movielens-1m random": ("random", 0.445),
    "amazon-games loo": ("next_item", 0.09),
    "movielens-100k cold": ("random", 0.385),
    "movielens-1m cold": ("random", 0.45),
    "amazon-games cold": ("random", 0.18),
}
"""The target, and the NDCG@10 to reach."""
PEERS = ("popularity", "recent popularity", "markov", "EASE")
PEERS_OF_IMPLICIT = ("item-kNN, cosine", "item-kNN, BM25", "iALS", "BPR")
"""Names in benchmarks.peers, which is not imported here: who measures must be small."""
RECTOOLS = {"RecTools SASRec": "sasrec", "RecTools eSASRec": "esasrec"}
RECTOOLS_PYTHON = ROOT / ".venv-rectools" / "bin" / "python"
COLUMNS = {
    "system": 32, "NDCG@10": 15, "Recall@10": 11, "MRR@10": 9, "coverage": 10, "seconds": 10, "peak GB": 9, "goal": 26,
}  # fmt: skip


@dataclass(frozen=True)
class Bench:
    """One split on disk, and how systems run on it."""

    data: Path
    split: Path
    evalkit: Path
    target: str
    folder: Path
    """For lists and the files of chatrec's steps."""

    def peer(self, name: str) -> tuple[Path, Finished]:
        """The lists of a system of benchmarks.peers."""
        lists = self.folder / f"{name}.csv.gz"
        command = ("-m", "benchmarks.peers", "--system", name, "--split", self.split, "--target", self.target)
        return lists, run(sys.executable, *command, "--out", lists)

    def rectools(self, name: str, epochs: int) -> tuple[Path, Finished]:
        """The lists of a model of RecTools."""
        lists = self.folder / f"{name}.csv.gz"
        command = ("--model", RECTOOLS[name], "--split", self.split, "--epochs", epochs, "--out", lists)
        return lists, run(RECTOOLS_PYTHON, ROOT / "benchmarks" / "peers_rectools.py", *command)

    def chatrec(self) -> tuple[Path, Finished]:
        """What `chatrec evaluate` writes, with its files kept for the ladder."""
        lists, users = self.folder / "chatrec.csv.gz", self.data / "users.csv.gz"
        command = ["-m", "benchmarks.ladder", "fit", "--split", self.split, "--items", self.data / "items.csv.gz"]
        command += ["--users", users] if users.exists() else []
        return lists, run(sys.executable, *command, *self._run, "--out", lists)

    def ladder(self) -> Iterator[tuple[str, Path]]:
        """The rows of the ablation ladder."""
        rungs = self.folder / "ladder"
        rungs.mkdir()
        found = run(sys.executable, "-m", "benchmarks.ladder", "lists", *self._run, "--out", rungs)
        for line in found.out.splitlines():
            file, name = line.split("\t")
            yield name, rungs / file

    @property
    def _run(self) -> tuple[object, ...]:
        return "--target", self.target, "--folder", self.folder / "run"

    def score(self, lists: Path) -> dict[str, tuple[str, str]]:
        """Values and half-widths of what the independent tool prints, by metric."""
        said = run(sys.executable, self.evalkit, "score", self.split, lists).out
        return {name: (value, width) for name, value, width in re.findall(r"(\w+)@10 ([\d.]+)(?:±([\d.]+))?", said)}


def rows(bench: Bench, goal: float, peers: list[str], epochs: int) -> Iterator[tuple[str, ...]]:
    """The rows of one split, in the order of COLUMNS.

    Args:
        bench: of the split.
        goal: the NDCG@10 to reach.
        peers: their names.
        epochs: of the models of RecTools; 0 leaves them out.
    """
    systems = {name: partial(bench.peer, name) for name in peers}
    systems |= {f"{name}, {epochs} epochs": partial(bench.rectools, name, epochs) for name in RECTOOLS if epochs}
    for name, make_lists in systems.items():
        try:
            yield _row(bench, name, *make_lists())
        except Failed as error:
            yield (name, *[""] * (len(COLUMNS) - 2), str(error).splitlines()[-1])
    lists, finished = bench.chatrec()
    found = float(bench.score(lists)["NDCG"][0])
    verdict = f"reaches {goal}" if found >= goal else f"misses {goal} by {goal - found:.4f}"
    yield _row(bench, "chatrec", lists, finished, verdict)
    for name, lists in bench.ladder():
        yield _row(bench, f"· {name}", lists)


def _row(bench: Bench, name: str, lists: Path, took: Finished | None = None, verdict: str = "") -> tuple[str, ...]:
    scores = bench.score(lists)
    cost = (f"{took.seconds:.1f}", f"{took.peak / 1e9:.2f}") if took else ("", "")
    quality = ("±".join(scores["NDCG"]), scores["Recall"][0], scores["MRR"][0], scores["coverage"][0])
    return name, *quality, *cost, verdict


def measure(name: str, chosen: argparse.Namespace, folder: Path) -> Table:
    """Prints the rows of one split."""
    (target, goal), (dataset, protocol) = SPLITS[name], name.split()
    bench = Bench(chosen.data.resolve() / dataset, folder / "split", chosen.evalkit.resolve(), target, folder)
    facts = run(sys.executable, bench.evalkit, "split", bench.data, protocol, bench.split).out
    table = Table(f"{facts}; target {target}", COLUMNS)
    peers = [*PEERS, *(PEERS_OF_IMPLICIT if importlib.util.find_spec("implicit") else ())]
    for row in rows(bench, goal, peers, chosen.epochs if chosen.slow else 0):
        table.add(*row)
    return table


def main() -> None:
    """Prints the scoreboard."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--evalkit", type=Path, required=True)
    parser.add_argument("--only", choices=list(SPLITS), nargs="*", default=list(SPLITS))
    parser.add_argument("--slow", action="store_true", help="RecTools' transformers too (make .venv-rectools/ready)")
    parser.add_argument("--epochs", type=int, default=10, help="of the models of RecTools")
    parser.add_argument("--out", type=Path, help="the same tables as Markdown")
    chosen = parser.parse_args()
    if chosen.slow and not RECTOOLS_PYTHON.exists():
        sys.exit("There is no .venv-rectools: make .venv-rectools/ready")
    tables = []
    for name in chosen.only:
        with tempfile.TemporaryDirectory(prefix="chatrec-quality-") as folder:
            tables.append(measure(name, chosen, Path(folder)))
        write(tables, chosen.out)


if __name__ == "__main__":
    main()
