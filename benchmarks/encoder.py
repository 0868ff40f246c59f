"""Speed of the encoder, quality of its vectors, and cost of looking up cached vectors.

    python -m benchmarks.encoder --data DATA --evalkit evalkit.py --only speed cache
    python -m benchmarks.encoder --data DATA --evalkit evalkit.py --sets movielens-100k --out encoder.md

DATA holds a folder for each set with interactions.csv.gz, items.csv.gz and optionally users.csv.gz. Without --model,
speed is measured on an untrained GPT-2 with 124 M weights; it does not depend on their values.
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
from benchmarks.encoder_quality import Catalogue, Pooled, gain, mean_cosine, variants
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
SPEED = {"": 34, "tokens/s": 11, "ratio": 14, "padding": 10, "difference": 12, "share of peak": 15}
QUALITY = {
    "vectors": 52, "mean cosine": 17, "neighbours@10": 15, "content k-NN, cold": 20, "text model, cold": 18,
    "text model, hidden": 20, "gain over features alone": 30,
}  # fmt: skip
TEXTS_OF_SPEED = {"cpu": 500, "cuda": 40_000}
"""Number of texts of the first set by device; a smaller set is repeated."""
CACHED, WIDTH, REQUESTED = 1_000_000, 768, 1_000_000
"""Number of vectors in the cache, their width, and number of texts that a run looks up."""
SEED = 0
CHANGED = 0.01
"""Share of changed texts."""


def speed_table(catalogue: Sequence[str], model: str | None, texts: int | None, rounds: int) -> Table:
    """Measures the speed on the texts of a catalogue."""
    on_gpu = torch.cuda.is_available()
    order = np.random.default_rng(SEED).permutation(len(catalogue))
    texts_to_encode = [
        catalogue[i] for i in np.resize(order, texts or TEXTS_OF_SPEED["cuda" if on_gpu else "cpu"]).tolist()
    ]
    with tempfile.TemporaryDirectory() as folder:
        if not model:
            speed.make_gpt2(Path(folder), catalogue, {})
        runs, tokens, weights = speed.compare(model or folder, texts_to_encode, rounds)
    device = torch.cuda.get_device_name() if on_gpu else f"{torch.get_num_threads()} threads"
    title = f"Speed: {len(texts_to_encode)} texts, {tokens} tokens, {weights / 1e6:.0f} M multiplied weights, {device}"
    table, peak = Table(title, SPEED), speed.matrix_rate() if on_gpu else None
    other = runs[f"{speed.OTHER}, float32"]
    for name, one in runs.items():
        assert one.vectors is not None
        assert other.vectors is not None
        difference = np.abs(one.vectors - other.vectors).max()
        of_peak = f"{speed.FACTOR * weights * tokens / one.median / peak:.2f}" if peak else ""
        padding = f"{one.padding:.3f}" if one.padding else ""
        table.add(
            name,
            f"{tokens / one.median:,.0f}",
            f"{other.median / one.median:.2f}",
            padding,
            f"{difference:.1e}",
            of_peak,
        )
    return table


def texts_of(data: Path) -> list[str]:
    """Returns one text per item, with all columns of the catalogue."""
    items = pl.read_csv(data / "items.csv.gz", infer_schema=False).fill_null("")
    return [" ".join(". ".join(filter(None, row)).split()) for row in items.drop("item_id").iter_rows()]


@dataclass(frozen=True)
class Split:
    """The split `cold` of a data set; its targets are read by evalkit alone."""

    data: Path
    evalkit: Path
    folder: Path

    def make(self) -> None:
        """Writes the split with evalkit."""
        run(sys.executable, self.evalkit, "split", self.data, "cold", self.folder)

    def score(self, lists: Path) -> str:
        """Returns NDCG@10 with the half-width of its interval."""
        output = run(sys.executable, self.evalkit, "score", self.folder, lists).out
        match = re.search(r"NDCG@10 ([\d.]+±?[\d.]*)", output)
        return match.group(1) if match else "–"

    def snapshot(self, folder: Path, settings: Settings) -> Snapshot:
        """Writes and returns the snapshot that a run would extract."""
        users = self.data / "users.csv.gz"
        folder.mkdir()
        separator = settings.source.groups_separator
        of_users = users if users.exists() else None
        write_snapshot(self.folder, self.data / "items.csv.gz", of_users, separator, settings.advanced.text, folder)
        return Snapshot(folder)


def quality_rows(
    split: Split, catalogue: Catalogue, work: Path, others: bool, only_pretrained: bool
) -> Iterator[tuple[str, ...]]:
    """Yields the rows of one data set, in the order of QUALITY.

    Args:
        split: Split of the data set.
        catalogue: Items of the split.
        work: Folder for models and lists.
        others: Whether other pooling configs of the pre-trained model are measured.
        only_pretrained: Whether models that need training are omitted.
    """
    empty, lists = catalogue.no_vectors, work / "lists.csv.gz"
    alone = catalogue.among_hidden(empty)
    catalogue.write(catalogue.text_model(empty), lists)
    yield "features alone", "", "", "", split.score(lists), f"{alone.mean():.4f}", ""
    if not catalogue.has_kernel:
        again = catalogue.among_hidden(empty, SEED + 1)
        yield "features alone, another seed", "", "", "", "", f"{again.mean():.4f}", _interval(gain(again, alone))
    models = [*(() if only_pretrained else _trained(catalogue, work)), *_pretrained(catalogue)]
    for pooled in (*models, *(variants(models, PRETRAINED) if others else ())):
        vectors = catalogue.vectors(pooled)
        catalogue.write(ContentKnn(vectors), lists)
        content_score = split.score(lists)
        catalogue.write(catalogue.text_model(vectors), lists)
        among = catalogue.among_hidden(vectors)
        yield (
            f"{pooled.model}, {pooled.how}, {vectors.shape[1]} wide",
            f"{mean_cosine(vectors):.3f}",
            f"{catalogue.neighbours(vectors):.4f}",
            content_score,
            split.score(lists),
            f"{among.mean():.4f}",
            _interval(gain(among, alone)),
        )


def _trained(catalogue: Catalogue, work: Path) -> Iterator[Pooled]:
    """Trains and yields the models: untrained, trained on the catalogue, and fine-tuned on co-occurrence."""
    settings = catalogue.settings
    for name, tokens in (("untrained", 0), ("local", settings.advanced.encoder.local.train_tokens)):
        one = settings.override({"advanced.encoder.local": {"train_tokens": tokens}})
        local_gpt2.train(catalogue.texts, work / name, one.encoder_config, SEED)
        yield Pooled(name, work / name, False)
    start = choose(settings.override({"encoder.model": str(work / "local")}))
    material = Material(catalogue.texts, ~catalogue.is_hidden, catalogue.hidden.histories, ())
    finetune(start, material, settings, work / "tuned")
    yield Pooled("local, fine-tuned", work / "tuned", False)


def _pretrained(catalogue: Catalogue) -> Iterator[Pooled]:
    """Yields the pre-trained model if it is installed."""
    try:
        chosen = choose(catalogue.settings.override({"encoder.model": PRETRAINED}))
    except SettingsError as error:
        print(f"  no pre-trained model: {error}", flush=True)
        return
    yield Pooled(PRETRAINED, chosen.source, True)


def cache_table(folder: Path) -> Table:
    """Measures look-ups in a cache of a million vectors, with 0 % and 1 % of changed texts."""
    table = Table(
        f"Look-up: {REQUESTED:,} texts, {CACHED:,} cached vectors of width {WIDTH}",
        {"": 40, "seconds": 10, "added peak GB": 15, "encoded": 10},
    )
    random = np.random.default_rng(SEED)
    digests = random.bytes(16 * CACHED)
    cached = np.frombuffer(digests, "V16")
    store = VectorStore(folder, "benchmark", WIDTH)
    since = time.monotonic()
    filled = store.add_missing("fill", "Filling", cached, _indices, _random_vectors)
    table.add("filling the cache", f"{time.monotonic() - since:.1f}", "", f"{filled:,}")
    for name, share in (("an unchanged run", 0.0), ("1 % changed", CHANGED)):
        changed = int(share * REQUESTED)
        requested = np.concatenate([cached[changed:REQUESTED], np.frombuffer(random.bytes(16 * changed), "V16")])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        since = time.monotonic()
        encoded = store.add_missing(name.replace(" ", "-"), name, requested, _indices, _random_vectors)
        seconds = time.monotonic() - since
        added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024**2
        table.add(name, f"{seconds:.1f}", f"{added:.2f}", f"{encoded:,}")
    return table


def _indices(rows: Array) -> Iterator[str]:
    return map(str, rows)


def _random_vectors(parts: Iterator[list[str]], shown: Progress) -> Iterator[Array]:
    for texts in parts:
        shown.advance(len(texts))
        yield np.random.default_rng(SEED).standard_normal((len(texts), WIDTH), np.float32)


def _interval(interval: Interval) -> str:
    middle, low, high = interval
    return f"{middle:+.4f} ({low:+.4f} to {high:+.4f})"


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.encoder", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with one folder per data set")
    parser.add_argument("--evalkit", type=Path, required=True, help="path of evalkit.py, which splits and scores")
    parser.add_argument("--only", nargs="+", default=TABLES, choices=TABLES, help="tables to measure")
    parser.add_argument("--sets", nargs="+", default=SETS, help="data sets of the quality table")
    parser.add_argument(
        "--poolings",
        action="store_true",
        help="also measure other pooling configs of the pre-trained model; each encodes all texts",
    )
    parser.add_argument("--only-pretrained", action="store_true", help="omit the models that need training")
    parser.add_argument("--model", help="model of the speed table: a folder or a hub name")
    parser.add_argument(
        "--texts", type=int, help="number of texts of the speed table; default: 500 on a CPU, 40,000 on a GPU"
    )
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the speed table, of which the median is taken")
    parser.add_argument("--cache", type=Path, help="folder that keeps raw vectors for the next call")
    parser.add_argument("--out", type=Path, help="Markdown file to write the tables to")
    chosen = parser.parse_args()
    tables = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if "speed" in chosen.only:
            tables.append(speed_table(texts_of(chosen.data / SETS[0]), chosen.model, chosen.texts, chosen.rounds))
        if "cache" in chosen.only:
            tables.append(cache_table(folder / "store"))
        for name in chosen.sets if "quality" in chosen.only else ():
            work, cache = folder / name, chosen.cache or folder / "raw"
            work.mkdir()
            cache.mkdir(parents=True, exist_ok=True)
            split, settings = Split(chosen.data / name, chosen.evalkit, work / "split"), Settings()
            split.make()
            catalogue = Catalogue(split.snapshot(work / "snapshot", settings), settings, cache)
            tables.append(Table(f"Quality of vectors: {name}", QUALITY))
            for row in quality_rows(split, catalogue, work, chosen.poolings, chosen.only_pretrained):
                tables[-1].add(*row)
    write(tables, chosen.out)


if __name__ == "__main__":
    main()
