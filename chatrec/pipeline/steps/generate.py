"""The generate step: names of k-means groups, and optional blurbs for the most frequent reasons."""

from collections.abc import Iterator

import numpy as np
import polars as pl

from chatrec.aigc.groups import ItemGroups
from chatrec.data.arrays import Array
from chatrec.encoder.embed import ITEMS
from chatrec.encoder.prepared import has_small_log
from chatrec.encoder.texts import item_texts
from chatrec.generation import BLURBS, GROUP_NAMES
from chatrec.generation.blurbs import Reason, write_blurbs
from chatrec.generation.keyphrases import distinctive_terms
from chatrec.generation.model_selection import source_of
from chatrec.generation.names import Group, name_groups
from chatrec.generation.writer import Writer
from chatrec.pipeline.context import Context
from chatrec.ranking.lists import RECOMMENDATIONS
from chatrec.runs.results import GenerateResult
from chatrec.runtime.hardware import use_threads

MEMBERS_READ = 200
"""Number of members, the most central ones, from whose texts a group is named."""
WORDS_OF_A_GROUP = 8
REASONS_AT_MOST = 1_000
REASON = ("item", "because", "group")


def generate(context: Context) -> GenerateResult:
    """Writes GROUP_NAMES and BLURBS."""
    use_threads(context.settings.compute.threads)
    wanted = context.settings.generate
    small_log = has_small_log(context.snapshot, context.settings)
    writer = Writer(source_of(context.settings, small_log), context.settings)
    groups = ItemGroups.load(context.of("groups"))
    names, named = list(groups.names), None
    if wanted.names and groups.source == "kmeans":
        names, named = name_groups(list(_groups(context, groups)), writer)
    pl.DataFrame({"name": names}, schema={"name": pl.String}).write_parquet(context.folder / GROUP_NAMES)
    reasons = _reasons(context) if wanted.blurbs else pl.DataFrame(schema=dict.fromkeys(REASON, pl.Int32))
    blurbs, sentences = write_blurbs(list(_in_words(context, reasons, names)), writer)
    reasons.with_columns(pl.Series("blurb", blurbs, pl.String)).write_parquet(context.folder / BLURBS)
    writer.remember()
    return GenerateResult(
        names=named,
        blurbs=len(blurbs) if wanted.blurbs else None,
        sentences=sentences if wanted.blurbs else None,
        lines_written=writer.written,
        writer=writer.detail,
    )


def _groups(context: Context, groups: ItemGroups) -> Iterator[Group]:
    """Yields each group with the titles of its most central members and their keyphrases."""
    items = context.snapshot.items
    vectors: Array = np.load(context.of("embed") / ITEMS, mmap_mode="r")
    members = []
    for start, end in zip(groups.starts[:-1], groups.starts[1:], strict=True):
        mine = groups.items[start:end]
        near = vectors[mine] @ vectors[mine].mean(0)
        members.append(mine[np.argsort(-near, kind="stable")[:MEMBERS_READ]])
    texts = [item_texts(items[mine], context.settings.text.item) for mine in members]
    for mine, terms in zip(members, distinctive_terms(texts, WORDS_OF_A_GROUP), strict=True):
        yield Group(tuple(items["title"].gather(mine).fill_null("")), terms)


def _reasons(context: Context) -> pl.DataFrame:
    """Returns the most frequent reasons: item, because and group."""
    rows = pl.scan_parquet(context.of("rank") / RECOMMENDATIONS).filter(pl.min_horizontal("because", "group") >= 0)
    often = rows.group_by(REASON).len().sort("len", *REASON, descending=[True, False, False, False])
    titled = context.snapshot.items["title"].fill_null("") != ""
    chosen = often.head(REASONS_AT_MOST).select(REASON).collect(engine="streaming")
    return chosen.filter(titled.gather(chosen["item"]) & titled.gather(chosen["because"]))


def _in_words(context: Context, reasons: pl.DataFrame, names: list[str]) -> Iterator[Reason]:
    titles = context.snapshot.items["title"]
    for item, because, group in reasons.iter_rows():
        yield Reason(titles[item], titles[because], names[group])
