"""The encoder: how fast it is, what its vectors are worth, and what a run pays for texts that it knows.

    python -m benchmarks.encoder --data DATA --evalkit evalkit.py --only speed cache
    python -m benchmarks.encoder --data DATA --evalkit evalkit.py --sets movielens-100k --out encoder.md

DATA holds a folder for each set with interactions.csv.gz, items.csv.gz and maybe users.csv.gz. Without --model the
speed is that of a GPT-2 with 124 M weights that knows nothing: speed does not ask what weights are worth.
"""

import argparse
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch

from benchmarks import encoder_speed as speed
from benchmarks.child import run
from benchmarks.encoder_quality import Catalogue, Way, gain, mean_cosine, ways
from benchmarks.table import Table, write
from chatrec.config import Settings
from chatrec.data.arrays import Array
from chatrec.encoder import local_gpt2
from chatrec.encoder.model_selection import choose
from chatrec.encoder.training.finetune import Material, finetune
from chatrec.encoder.vector_cache import VectorStore
from chatrec.errors import SettingsError
from chatrec.evaluation.metrics import Interval
from chatrec.extract.snapshot import Snapshot
from chatrec.models.content_knn import ContentKnn
from chatrec.report.splits import write_snapshot
from chatrec.runtime.progress import Progress

SETS = ("movielens-100k", "movielens-1m", "amazon-games")
TABLES = ("speed", "quality", "cache")
PRETRAINED = "smollm2"
SPEED = {"": 34, "tokens/s": 11, "of the other": 14, "padding": 10, "apart": 12, "of the card": 12}
QUALITY = {
    "vectors": 52, "cosine of pairs": 17, "neighbours@10": 15, "nearest, cold": 17, "map, cold": 17,
    "map, hidden": 13, "gain over features alone": 30,
}  # fmt: skip
TEXTS_OF_SPEED = {"cpu": 500, "cuda": 40_000}
"""Of the first set; if there are not so many, again from the start."""
KNOWN, WIDTH, ASKED = 1_000_000, 768, 1_000_000
"""The vectors in the store, how wide, and how many a run asks for."""
SEED, NEW = 0, 0.01


def speed_table(catalogue: Sequence[str], model: str | None, texts: int | None, rounds: int) -> Table:
    """Of texts of a real catalogue."""
    on_card = torch.cuda.is_available()
    order = np.random.default_rng(SEED).permutation(len(catalogue))
    some = [catalogue[i] for i in np.resize(order, texts or TEXTS_OF_SPEED["cuda" if on_card else "cpu"]).tolist()]
    with tempfile.TemporaryDirectory() as folder:
        if not model:
            speed.make_gpt2(Path(folder), catalogue, {})
        runs, tokens, weights = speed.compare(model or folder, some, rounds)
    card = torch.cuda.get_device_name() if on_card else f"{torch.get_num_threads()} threads"
    title = f"Speed: {len(some)} texts, {tokens} tokens, {weights / 1e6:.0f} M weights to multiply, {card}"
    table, peak = Table(title, SPEED), speed.matrix_rate() if on_card else None
    other = runs[f"{speed.OTHER}, float32"]
    for name, each in runs.items():
        assert each.vectors is not None
        assert other.vectors is not None
        apart = np.abs(each.vectors - other.vectors).max()
        of_card = f"{speed.FACTOR * weights * tokens / each.median / peak:.2f}" if peak else ""
        padding = f"{each.padding:.3f}" if each.padding else ""
        table.add(
            name, f"{tokens / each.median:,.0f}", f"{other.median / each.median:.2f}", padding, f"{apart:.1e}", of_card
        )
    return table


def texts_of(data: Path) -> list[str]:
    """All columns of a catalogue as one text an item."""
    items = pl.read_csv(data / "items.csv.gz", infer_schema=False).fill_null("")
    return [" ".join(". ".join(filter(None, row)).split()) for row in items.drop("item_id").iter_rows()]


@dataclass(frozen=True)
class Split:
    """The split `cold` of a set: what is measured on it sees no target."""

    data: Path
    evalkit: Path
    folder: Path

    def make(self) -> None:
        """Lets the tool write it."""
        run(sys.executable, self.evalkit, "split", self.data, "cold", self.folder)

    def score(self, lists: Path) -> str:
        """NDCG@10 with half of its interval."""
        said = run(sys.executable, self.evalkit, "score", self.folder, lists).out
        found = re.search(r"NDCG@10 ([\d.]+±?[\d.]*)", said)
        return found.group(1) if found else "–"

    def snapshot(self, folder: Path, settings: Settings) -> Snapshot:
        """What a run would read."""
        users = self.data / "users.csv.gz"
        folder.mkdir()
        separator = settings.source.groups_separator
        of_users = users if users.exists() else None
        write_snapshot(self.folder, self.data / "items.csv.gz", of_users, separator, settings.advanced.text, folder)
        return Snapshot(folder)


def quality_rows(
    split: Split, catalogue: Catalogue, work: Path, others: bool, only_pretrained: bool
) -> Iterator[tuple[str, ...]]:
    """The rows of one set, in the order of QUALITY; `others` asks for other ways to read the pre-trained model."""
    nothing, lists = catalogue.nothing, work / "lists.csv.gz"
    alone = catalogue.among_hidden(nothing)
    catalogue.write(catalogue.map(nothing), lists)
    yield "features alone", "", "", "", split.score(lists), f"{alone.mean():.4f}", ""
    if not catalogue.has_kernel:
        again = catalogue.among_hidden(nothing, SEED + 1)
        yield "features alone, another seed", "", "", "", "", f"{again.mean():.4f}", _words(gain(again, alone))
    models = [*(() if only_pretrained else _trained(catalogue, work)), *_pretrained(catalogue)]
    for way in (*models, *(ways(models, PRETRAINED) if others else ())):
        vectors = catalogue.vectors(way)
        catalogue.write(ContentKnn(vectors), lists)
        near = split.score(lists)
        catalogue.write(catalogue.map(vectors), lists)
        among = catalogue.among_hidden(vectors)
        yield (
            f"{way.model}, {way.how}, {vectors.shape[1]} wide",
            f"{mean_cosine(vectors):.3f}",
            f"{catalogue.neighbours(vectors):.4f}",
            near,
            split.score(lists),
            f"{among.mean():.4f}",
            _words(gain(among, alone)),
        )


def _trained(catalogue: Catalogue, work: Path) -> Iterator[Way]:
    """Untrained, trained on the catalogue, and trained on what is taken together."""
    settings = catalogue.settings
    for name, tokens in (("untrained", 0), ("local", settings.advanced.encoder.local.train_tokens)):
        one = settings.override({"advanced.encoder.local": {"train_tokens": tokens}})
        local_gpt2.train(catalogue.texts, work / name, one.encoder_config, SEED)
        yield Way(name, work / name, False)
    start = choose(settings.override({"encoder.model": str(work / "local")}))
    everything = Material(catalogue.texts, ~catalogue.is_hidden, catalogue.hidden.histories, ())
    finetune(start, everything, settings, work / "tuned")
    yield Way("local, fine-tuned", work / "tuned", False)


def _pretrained(catalogue: Catalogue) -> Iterator[Way]:
    """If it is installed."""
    try:
        found = choose(catalogue.settings.override({"encoder.model": PRETRAINED}))
    except SettingsError as error:
        print(f"  without a pre-trained model: {error}", flush=True)
        return
    yield Way(PRETRAINED, found.source, True)


def cache_table(folder: Path) -> Table:
    """What a look-up among a million known texts costs, a hundredth of them new."""
    table = Table(
        f"Look-up: {ASKED:,} texts, {KNOWN:,} known vectors of {WIDTH}",
        {"": 40, "seconds": 10, "peak GB more": 14, "encoded": 10},
    )
    random = np.random.default_rng(SEED)
    digests = random.bytes(16 * KNOWN)
    known = np.frombuffer(digests, "V16")
    store = VectorStore(folder, "benchmark", WIDTH)
    since = time.monotonic()
    filled = store.add_missing("fill", "Filling", known, _indices, _random_vectors)
    table.add("filling the store", f"{time.monotonic() - since:.1f}", "", f"{filled:,}")
    for name, share in (("an unchanged run", 0.0), ("a hundredth changed", NEW)):
        changed = int(share * ASKED)
        asked = np.concatenate([known[changed:ASKED], np.frombuffer(random.bytes(16 * changed), "V16")])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        since = time.monotonic()
        encoded = store.add_missing(name.replace(" ", "-"), name, asked, _indices, _random_vectors)
        seconds = time.monotonic() - since
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024**2
        table.add(name, f"{seconds:.1f}", f"{more:.2f}", f"{encoded:,}")
    return table


def _indices(rows: Array) -> Iterator[str]:
    return map(str, rows)


def _random_vectors(parts: Iterator[list[str]], shown: Progress) -> Iterator[Array]:
    for texts in parts:
        shown.advance(len(texts))
        yield np.random.default_rng(SEED).standard_normal((len(texts), WIDTH), np.float32)


def _words(found: Interval) -> str:
    middle, low, high = found
    return f"{middle:+.4f} ({low:+.4f} to {high:+.4f})"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoder", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="a folder for each set")
    parser.add_argument("--evalkit", type=Path, required=True, help="the tool that splits and scores")
    parser.add_argument("--only", nargs="+", default=TABLES, choices=TABLES, help="which tables")
    parser.add_argument("--sets", nargs="+", default=SETS, help="for the table of quality")
    parser.add_argument(
        "--ways", action="store_true", help="other ways to read the pre-trained model too: each reads all"
    )
    parser.add_argument(
        "--only-pretrained", action="store_true", help="no rows of models that have to be trained first"
    )
    parser.add_argument("--model", help="a folder or a hub name, for the table of speed")
    parser.add_argument("--texts", type=int, help="for the table of speed; on a GPU more by default")
    parser.add_argument("--rounds", type=int, default=3, help="for the table of speed; the median counts")
    parser.add_argument("--cache", type=Path, help="keeps raw vectors for the next time")
    parser.add_argument("--out", type=Path, help="a Markdown file")
    given = parser.parse_args()
    tables = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if "speed" in given.only:
            tables.append(speed_table(texts_of(given.data / SETS[0]), given.model, given.texts, given.rounds))
        if "cache" in given.only:
            tables.append(cache_table(folder / "store"))
        for name in given.sets if "quality" in given.only else ():
            work, cache = folder / name, given.cache or folder / "raw"
            work.mkdir()
            cache.mkdir(parents=True, exist_ok=True)
            split, settings = Split(given.data / name, given.evalkit, work / "split"), Settings()
            split.make()
            catalogue = Catalogue(split.snapshot(work / "snapshot", settings), settings, cache)
            tables.append(Table(f"What vectors are worth: {name}", QUALITY))
            for row in quality_rows(split, catalogue, work, given.ways, given.only_pretrained):
                tables[-1].add(*row)
    write(tables, given.out)


if __name__ == "__main__":
    main()
