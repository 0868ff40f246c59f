"""Other ids and another order of the items: the same rows under new names, from PostgreSQL and from files."""

from pathlib import Path

import numpy as np
import pytest

from chatrec.config.source import AdvancedText
from chatrec.extract.snapshot import Snapshot
from chatrec.report.splits import write_snapshot
from tests.support import toy
from tests.support.extracts import extractor
from tests.support.shop import Shop

RENUMBERED = np.random.default_rng(1).permutation(60)
"""The new number of each film."""


def with_baskets(shop: Shop) -> None:
    """Orders of several lines; two films that only their events tell apart."""
    shop.execute("UPDATE views SET at = date_bin('8 days', at, '2026-02-01+00')")
    shop.execute("UPDATE films SET name = 'Twin', plot = NULL, kinds = NULL WHERE no IN (4, 9)")


def renumber(shop: Shop) -> None:
    """Gives films new numbers and writes both tables again, in the order of these."""
    shop.execute("CREATE TABLE numbers (old bigint, new bigint)")
    shop.insert("numbers", [(number, int(new)) for number, new in enumerate(RENUMBERED)])
    shop.execute("UPDATE films SET no = new FROM numbers WHERE no = old")
    shop.execute("UPDATE views SET film = new FROM numbers WHERE film = old")
    for table, order in (("films", "no"), ("views", "film DESC, customer")):
        shop.execute(f"CREATE TABLE again AS SELECT * FROM {table} ORDER BY {order}; DROP TABLE {table}")
        shop.execute(f"ALTER TABLE again RENAME TO {table}")


def test_rows_do_not_depend_on_the_numbers_of_items(shop: Shop, tmp_path: Path) -> None:
    with_baskets(shop)
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    _, before = extractor(shop, tmp_path / "before")()
    renumber(shop)
    _, after = extractor(shop, tmp_path / "after")()
    assert before.histories.has_ties
    assert RENUMBERED[before.items["item_id"].to_numpy()].tolist() == after.items["item_id"].to_list()
    assert before.items.drop("item_id").equals(after.items.drop("item_id"))
    file = "interactions.parquet"
    assert (before.folder / file).read_bytes() == (after.folder / file).read_bytes()


def test_copies_of_an_id_are_found_wherever_their_contents_sort(shop: Shop, tmp_path: Path) -> None:
    shop.execute("INSERT INTO films SELECT no, 'Other ' || name, plot, kinds, true, '2025-01-01+00' FROM films")
    result, snapshot = extractor(shop, tmp_path)()
    assert sum(result.quarantine.values()) == 60
    assert not snapshot.items["title"].str.starts_with("Other").any()
    assert snapshot.items["item_id"].n_unique() == snapshot.items.height == 60


@pytest.mark.parametrize("titles", [True, False], ids=["with titles", "known by their events alone"])
def test_rows_do_not_depend_on_the_order_of_a_split(tmp_path: Path, titles: bool) -> None:
    """Events of three times each; the files are shuffled and the items get other ids."""
    found = [split_snapshot(tmp_path / f"{seed}", seed, titles) for seed in range(3)]
    for snapshot in found[1:]:
        assert np.array_equal(snapshot.histories.items, found[0].histories.items)
        assert np.array_equal(snapshot.histories.times, found[0].histories.times)
        assert snapshot.items.drop("item_id").equals(found[0].items.drop("item_id"))


def split_snapshot(folder: Path, seed: int, titles: bool) -> Snapshot:
    toy.write_renumbered(folder, seed, titles)
    (folder / "snapshot").mkdir()
    write_snapshot(folder, folder / "items.csv.gz", None, "|", AdvancedText(), folder / "snapshot")
    return Snapshot(folder / "snapshot")
