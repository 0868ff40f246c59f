"""Item groups: categories of the catalogue, or clusters of item vectors."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy.sparse import csr_matrix

from chatrec.config.aigc import Groups as GroupsSettings
from chatrec.data.arrays import Array
from chatrec.models.ppmi_svd import clusters

UNGROUPED = "other"
GROUPS, MEMBERS = "groups.parquet", "members.parquet"


@dataclass(frozen=True)
class ItemGroups:
    """Item groups and their members. An item is in at least one group."""

    names: tuple[str, ...]
    items: Array
    """Rows of items as int32, ordered by group and item."""
    groups: Array
    """Group of each of these items, int32."""
    source: str
    """Origin of the groups: "categories" or "kmeans"."""

    @property
    def starts(self) -> Array:
        """Offsets of the groups: the members of group k are `items[starts[k]:starts[k + 1]]`."""
        return np.searchsorted(self.groups, np.arange(len(self.names) + 1)).astype(np.int64)

    def membership(self, items: int) -> csr_matrix:
        """Returns the membership matrix, groups × items, 1 for a member."""
        shape = (len(self.names), items)
        return csr_matrix((np.ones(len(self.items)), (self.groups, self.items)), shape=shape)

    def save(self, folder: Path) -> None:
        """Writes GROUPS and MEMBERS."""
        sizes = np.bincount(self.groups, minlength=len(self.names))
        pl.DataFrame({"name": self.names, "items": sizes}, schema={"name": pl.String, "items": pl.Int32}).with_columns(
            source=pl.lit(self.source)
        ).write_parquet(folder / GROUPS)
        pl.DataFrame({"group": self.groups, "item": self.items}).write_parquet(folder / MEMBERS)

    @classmethod
    def load(cls, folder: Path) -> "ItemGroups":
        """Loads groups written by `save`."""
        groups, members = pl.read_parquet(folder / GROUPS), pl.read_parquet(folder / MEMBERS)
        source = groups["source"][0] if len(groups) else "categories"
        return cls(tuple(groups["name"]), members["item"].to_numpy(), members["group"].to_numpy(), source)


def make_groups(items: pl.DataFrame, vectors: Array, settings: GroupsSettings, seed: int) -> ItemGroups:
    """Makes the groups of a catalogue.

    Args:
        items: Catalogue with the columns title and groups.
        vectors: Text vectors, items × dimensions, of unit length.
        settings: Origin and number of groups.
        seed: Seed of k-means.
    """
    share = (items["groups"].list.len() > 0).sum() / max(len(items), 1)
    categories = settings.source == "categories" or (settings.source == "auto" and share >= 0.5)
    return from_categories(items["groups"]) if categories else from_kmeans(items, vectors, settings.count, seed)


def from_categories(groups: pl.Series) -> ItemGroups:
    """Makes a group for each category, ordered by name. Items without a category are in UNGROUPED."""
    listed = pl.select(pl.when(groups.list.len() == 0).then(pl.lit([UNGROUPED])).otherwise(groups).alias("name"))
    pairs = listed.with_row_index("item").explode("name").unique()
    names = pairs["name"].unique().sort()
    numbers = pl.DataFrame({"name": names, "group": pl.arange(len(names), eager=True, dtype=pl.Int32)})
    ordered = pairs.join(numbers, on="name").sort("group", "item")
    return ItemGroups(
        tuple(names), ordered["item"].cast(pl.Int32).to_numpy(), ordered["group"].to_numpy(), "categories"
    )


def from_kmeans(items: pl.DataFrame, vectors: Array, count: int, seed: int) -> ItemGroups:
    """Clusters item vectors by spherical k-means. A group is named after the item nearest to its centre.

    Args:
        items: Catalogue with the column title.
        vectors: Text vectors, items × dimensions, of unit length.
        count: Number of groups; 0 uses the square root of the number of items.
        seed: Seed of the first centres.
    """
    n = len(vectors)
    k = min(count or max(1, round(n**0.5)), n)
    if not k:
        return from_categories(items["groups"])
    group, similarity = clusters(vectors, k, seed)
    numbers = np.unique(group)
    order = np.lexsort((np.arange(n), group)).astype(np.int32)
    titles = items["title"].fill_null("").to_list()
    best = [order[group[order] == g][np.argmax(similarity[order[group[order] == g]])] for g in range(len(numbers))]
    names = tuple(titles[item] or f"group {number}" for number, item in enumerate(best))
    return ItemGroups(names, order, group[order].astype(np.int32), "kmeans")
