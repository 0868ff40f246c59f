"""A data set of a few users who go round the items of one half of a catalogue, and a split of it."""

import csv
import gzip
from collections.abc import Iterable
from pathlib import Path

import numpy as np

USERS, ITEMS, EVENTS = 60, 40, 12
SMALL = {
    "CHATREC_ENCODER__MODEL": "local",
    "CHATREC_ADVANCED__ENCODER__LOCAL__LAYERS": "1",
    "CHATREC_ADVANCED__ENCODER__LOCAL__WIDTH": "32",
    "CHATREC_ADVANCED__ENCODER__LOCAL__VOCABULARY": "300",
    "CHATREC_ADVANCED__ENCODER__LOCAL__TRAIN_TOKENS": "4096",
    "CHATREC_ADVANCED__ENCODER__DIMENSIONS": "16",
    "CHATREC_ADVANCED__AIGC__WIDTH": "8",
    "CHATREC_AIGC__MINUTES": "0",
    "CHATREC_COMPUTE__THREADS": "1",
}
"""Settings that make a run take seconds."""


def events() -> list[tuple[str, str, str, int]]:
    """user_id, item_id, rating and ts: every user goes round every second item, from somewhere."""
    first = np.random.default_rng(0).integers(0, ITEMS, USERS)
    return [
        (f"u{user}", f"i{(2 * (first[user] + time) + user) % ITEMS}", "", time)
        for user in range(USERS)
        for time in range(EVENTS)
    ]


def write_data(folder: Path) -> None:
    """The files of a data set."""
    folder.mkdir(parents=True)
    write(folder / "interactions.csv.gz", ("user_id", "item_id", "rating", "ts"), events())
    items = [(f"i{i}", f"Film {i}", "even" if i % 2 == 0 else "odd", "A|B" if i % 3 else "") for i in range(ITEMS)]
    write(folder / "items.csv.gz", ("item_id", "title", "text", "groups"), items)


def write_split(folder: Path) -> None:
    """A split without the last event of each user, of which some items may not be recommended."""
    folder.mkdir(parents=True)
    train = [event for event in events() if event[3] < EVENTS - 1]
    write(folder / "train.csv.gz", ("user_id", "item_id", "rating", "ts"), train)
    write(folder / "candidates.csv.gz", ("item_id",), [(f"i{item}",) for item in range(ITEMS - 4)])


def write_cold_split(folder: Path) -> None:
    """A split whose every fifth item nobody took; nothing else may be recommended."""
    folder.mkdir(parents=True)
    cold = {f"i{item}" for item in range(0, ITEMS, 5)}
    write(folder / "train.csv.gz", ("user_id", "item_id", "rating", "ts"), [e for e in events() if e[1] not in cold])
    write(folder / "candidates.csv.gz", ("item_id",), [(item,) for item in sorted(cold)])


def write_renumbered(folder: Path, seed: int, titles: bool = True) -> list[str]:
    """A split with baskets of four events, its rows and ids shuffled by the seed, but for seed 0; returns the ids."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    ids = [f"i{number}" for number in (random.permutation(ITEMS) if seed else np.arange(ITEMS))]
    train = [(user, ids[int(item[1:])], rating, time // 4) for user, item, rating, time in events()]
    items = [(own, f"Film {number}" if titles else "") for number, own in enumerate(ids)]
    for name, header, rows in (
        ("train", ("user_id", "item_id", "rating", "ts"), train),
        ("items", ("item_id", "title"), items),
        ("candidates", ("item_id",), [(own,) for own in ids]),
    ):
        write(folder / f"{name}.csv.gz", header, [rows[row] for row in random.permutation(len(rows))])
    return ids


def write(file: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A gzipped CSV."""
    with gzip.open(file, "wt", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)


def read(file: Path) -> dict[str, list[str]]:
    """The list of each user in a file of lists."""
    lists: dict[str, list[str]] = {}
    with gzip.open(file, "rt", encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            lists.setdefault(row["user_id"], []).append(row["item_id"])
            assert int(row["rank"]) == len(lists[row["user_id"]])
    return lists
