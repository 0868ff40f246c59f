"""The steps of a night: what each needs, which settings it depends on, and what it does.

A step is a plain function of its context: it reads the files of the steps before it, writes files into its own folder
and returns counts. Heavy libraries are imported inside, because Airflow parses this module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from chatrec.config import Settings
from chatrec.pipeline.context import Context
from chatrec.runs.run import Counts

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from chatrec.config.rules import Rules
    from chatrec.data.arrays import Array
    from chatrec.extract.snapshot import Snapshot
    from chatrec.ranking.recommender import Recommender


@dataclass(frozen=True)
class Step:
    """One step of a night."""

    name: str
    needs: tuple[str, ...]
    """The steps whose files it reads."""
    settings: tuple[str, ...]
    """The settings that change what it does: whole sections, or a key of one."""
    function: Callable[[Context], Counts]
    title: str
    reusable: bool = True
    """Whether settings and the files of the steps before alone decide what it writes: then an earlier run's files that
    were made from the same inputs are taken, instead of making them again."""


def extract(context: Context) -> Counts:
    """Reads the customer's tables in one snapshot."""
    from chatrec.db.engine import readable_errors, source, source_url
    from chatrec.extract import extraction as extraction

    settings = context.settings
    name = "source.url" if settings.source.url else "database.url"
    engine = source(settings, f"chatrec extract {context.run.key}")
    with readable_errors(name, source_url(settings)):
        counts = extraction.extract(
            engine,
            settings.source,
            settings.text,
            context.folder,
            settings.artifacts.root,
            settings.night.full,
            settings.compute.memory_mb,
        )
    engine.dispose()
    if context.database is not None:
        _record_snapshot(context.database, context.number, context.snapshot)
    return counts


def _record_snapshot(engine: Engine, run: int, snapshot: Snapshot) -> None:
    """Refuses ids that do not fit the tables; then shows when the snapshot was taken and what is in quarantine."""
    from psycopg2 import sql

    from chatrec.db import records
    from chatrec.db.copy import copy_in
    from chatrec.db.engine import cursor
    from chatrec.db.id_types import refuse_other_types

    refuse_other_types(engine, snapshot.facts.user_id_type, snapshot.facts.item_id_type)
    with engine.begin() as connection:
        records.set_snapshot(connection, run, snapshot.taken_at)
    with cursor(engine) as opened:
        opened.execute("DELETE FROM quarantine WHERE run = %s", (run,))
        rows = snapshot.quarantined().select(run=run, relation="relation", reason="reason", row_data="row_data")
        copy_in(opened, sql.Identifier("quarantine"), rows.columns, [rows])


def encoder(context: Context) -> Counts:
    """Trains the local GPT-2 if there is none yet."""
    from chatrec.encoder.embed import prepare_encoder

    return prepare_encoder(context.snapshot, context.settings, context.folder)


def embed(context: Context) -> Counts:
    """Turns the texts that are new into GPT-2 vectors."""
    from chatrec.encoder import embed as embedding

    return embedding.embed(context.snapshot, context.settings, context.folder, context.run.key)


def groups(context: Context) -> Counts:
    """Finds the groups of items."""
    import numpy as np

    from chatrec.aigc.groups import make_groups
    from chatrec.encoder.embed import ITEMS

    use_threads(context.settings)
    vectors = np.load(context.of("embed") / ITEMS)
    settings = context.settings
    found = make_groups(context.snapshot.items, vectors, settings.groups, settings.compute.seed)
    found.save(context.folder)
    return {"groups": len(found.names), "memberships": len(found.items), "source": found.source}


def aigc(context: Context) -> Counts:
    """Learns item vectors, and from them those of groups and users."""
    import numpy as np

    from chatrec.aigc.aigc import Texts, learn
    from chatrec.aigc.groups import ItemGroups
    from chatrec.encoder.embed import ITEMS, PROFILE_USERS, PROFILES

    use_threads(context.settings)
    if context.settings.privacy.enabled:
        return _public_aigc(context)
    texts = Texts(*(np.load(context.of("embed") / name) for name in (ITEMS, PROFILES, PROFILE_USERS)))
    groups = ItemGroups.load(context.of("groups"))
    return learn(context.snapshot, context.holdout, texts, groups, context.settings, context.folder)


def _public_aigc(context: Context) -> Counts:
    """Item vectors that no event had a part in: those of texts."""
    import numpy as np

    from chatrec.aigc.groups import ItemGroups
    from chatrec.aigc.text_only import of_texts
    from chatrec.encoder.embed import ITEMS

    texts = np.load(context.of("embed") / ITEMS)
    of_texts(texts, ItemGroups.load(context.of("groups"))).save(context.folder)
    return {"vectors": "of public texts"}


def blend(context: Context) -> Counts:
    """Fits the other channels and weighs all of them on held-out events."""
    if context.settings.privacy.enabled:
        return _private_blend(context)
    from chatrec.aigc import aigc as aigc
    from chatrec.aigc.state import AigcState
    from chatrec.ensemble.ensemble import learn
    from chatrec.ensemble.inner_product import form_of

    use_threads(context.settings)
    settings, known = context.settings, context.known(context.snapshot.histories)
    others = {aigc.NAME: aigc.AigcModel(AigcState.load(context.of("aigc") / aigc.WEIGHED))}
    form = form_of(settings.ranking.form, known.items)
    return learn(known, context.holdout, others, settings.ranking.target, form, context.folder)


def _private_blend(context: Context) -> Counts:
    """Fits the channels that have a proof."""
    from chatrec.ensemble.private import learn
    from chatrec.pipeline.private import release_of_night

    use_threads(context.settings)
    release, facts = release_of_night(context)
    return {**learn(context.known(context.snapshot.histories), release, context.folder), **facts}


def index(context: Context) -> Counts:
    """Builds the FAISS index of the available items."""
    import numpy as np

    from chatrec.aigc.aigc import AigcModel
    from chatrec.aigc.state import AigcState
    from chatrec.data.user_batch import UserBatch
    from chatrec.ensemble.ensemble import Ensemble
    from chatrec.retrieval import index as faiss_index
    from chatrec.retrieval.concatenated import ConcatenatedVectors

    use_threads(context.settings)
    settings = context.settings
    joint = ConcatenatedVectors.of(Ensemble.load(context.of("blend")), AigcModel(AigcState.load(context.of("aigc"))))
    rows = np.flatnonzero(context.listable).astype(np.int32)
    known = np.flatnonzero(context.snapshot.histories.lengths > 0)
    random = np.random.default_rng(settings.compute.seed)
    sample = np.sort(random.choice(known, min(1000, len(known)), replace=False))
    batch = UserBatch(context.snapshot.histories, sample, context.recommendable, settings.ranking.exclude_seen)
    users = joint.join({name: channel.queries(batch) for name, channel in joint.channels.items()})
    built = faiss_index.build(joint.keys[rows], rows, users, settings.index)
    built.save(context.folder)
    facts = built.facts
    return {"items": len(built), "kind": facts.kind, "effort": facts.effort, "recall": round(facts.recall, 4)}


def rank(context: Context) -> Counts:
    """Makes everybody's list."""
    import numpy as np

    from chatrec.aigc.aigc import AigcModel
    from chatrec.aigc.groups import ItemGroups
    from chatrec.aigc.state import AigcState
    from chatrec.encoder.embed import USERS
    from chatrec.ensemble.ensemble import Ensemble
    from chatrec.ensemble.private import popularity_of
    from chatrec.pipeline.fairness import audit, covering, varied, weighed
    from chatrec.ranking.recommend import recommend
    from chatrec.ranking.recommender import Recommender
    from chatrec.ranking.searches import Searches
    from chatrec.retrieval.index import ItemIndex

    use_threads(context.settings)
    settings, snapshot, searches = context.settings, context.snapshot, None
    if settings.ranking.search and snapshot.queries.texts:
        asked, half_life = settings.ranking.search, settings.ranking.search_half_life
        searches = Searches.of(snapshot, asked, half_life)
    ranker = Recommender(
        Ensemble.load(context.of("blend")),
        AigcModel(AigcState.load(context.of("aigc"))),
        ItemGroups.load(context.of("groups")),
        ItemIndex.load(context.of("index")),
        context.snapshot.histories,
        context.listable,
        settings.ranking.top_n,
        settings.ranking.exclude_seen,
        settings.compute.seed,
        settings.ranking.new_at_least,
        settings.ranking.new_at_most,
        searches,
        context.rules,
        known_popularity=popularity_of(context.of("blend")) if settings.privacy.enabled else None,
    )
    texts = np.load(context.of("embed") / USERS, mmap_mode="r")
    fairness = weighed(context, ranker, texts)
    final, variety = varied(context, fairness.applied(ranker) if fairness else ranker)
    final, coverage = covering(context, final, texts)
    counts = recommend(final, texts, context.folder, settings.compute.memory_mb)
    return counts | variety | coverage | audit(context, fairness) | _effects_of_rules(context, ranker, texts)


def _effects_of_rules(context: Context, ranker: Recommender, profiles: Array) -> Counts:
    """What each rule does to the lists of a sample of users; nothing without rules."""
    from chatrec.ranking.rule_ablation import effects

    def without(rules: Rules) -> Callable[[], Recommender]:
        def make() -> Recommender:
            found = context.rules_of(rules)
            return ranker.under(found, found.allowed_of(context.recommendable))

        return make

    others = {name: without(rules) for name, rules in context.settings.rules.without_each().items()}
    if not others:
        return {}
    users, found = effects(ranker, others, profiles, context.settings.compute.memory_mb)
    return {
        "users that rules are measured on": users,
        "rules": {name: asdict(each) for name, each in found.items()},
    }


def tables(context: Context) -> Counts:
    """Makes the tables beside the lists: similar items, popular and trending ones, and what answers searches."""
    import numpy as np

    from chatrec.aigc.groups import ItemGroups
    from chatrec.aigc.state import AigcState
    from chatrec.encoder.embed import ITEMS
    from chatrec.ranking.tables.write import Night, write_tables

    use_threads(context.settings)
    groups, learned = ItemGroups.load(context.of("groups")), AigcState.load(context.of("aigc")).items
    texts, seed = np.load(context.of("embed") / ITEMS), context.settings.compute.seed
    events, wanted = context.snapshot.histories.items, context.settings.tables
    taken = np.bincount(events, minlength=len(context.listable))
    if context.settings.privacy.enabled:  # what counts across users has no proof; texts are public
        taken, wanted = np.zeros_like(taken), wanted.model_copy(update={"popular": 0, "trending": 0, "queries": 0})
    night = Night(context.snapshot, groups, learned, texts, taken, context.listable, seed)
    return write_tables(night, wanted, context.folder)


def generate(context: Context) -> Counts:
    """Writes names of groups and blurbs."""
    from chatrec.pipeline.writing import write

    use_threads(context.settings)
    return write(context)


def gate(context: Context) -> Counts:
    """Judges the night; a failed check stops it here."""
    from chatrec.pipeline.gate import judge_night

    return judge_night(context)


def publish(context: Context) -> Counts:
    """Moves the pointer to tonight's lists and drops the oldest."""
    from chatrec.pipeline.release import release

    return release(context)


def use_threads(settings: Settings) -> None:
    """Lets torch and FAISS use as many threads as the settings say."""
    from chatrec.runtime.hardware import use_threads

    use_threads(settings.compute.threads)


STEPS: tuple[Step, ...] = (
    Step(
        "extract",
        (),
        ("source", "text.queries", "text.query_days", "night.full"),
        extract,
        "Read users, items and events",
        reusable=False,
    ),
    Step(
        "encoder",
        ("extract",),
        ("text", "encoder", "compute", "privacy.enabled"),
        encoder,
        "Train or find the encoder",
        reusable=False,
    ),
    Step(
        "embed",
        ("extract", "encoder"),
        ("text", "encoder", "compute", "night.full", "privacy.enabled"),
        embed,
        "Embed texts with GPT-2",
        reusable=False,
    ),
    Step("groups", ("extract", "embed"), ("groups", "compute"), groups, "Group the items"),
    Step(
        "aigc",
        ("extract", "embed", "groups"),
        ("aigc", "ranking.target", "ranking.exclude_seen", "compute", "privacy.enabled"),
        aigc,
        "Learn AIGC vectors",
    ),
    Step(
        "blend",
        ("extract", "embed", "aigc"),
        ("ranking.target", "ranking.form", "ranking.exclude_seen", "compute", "privacy"),
        blend,
        "Fit and weigh all channels",
    ),
    Step(
        "index",
        ("extract", "aigc", "blend"),
        ("index", "ranking.exclude_seen", "rules", "compute"),
        index,
        "Build the FAISS index",
    ),
    Step(
        "rank",
        ("extract", "embed", "groups", "aigc", "blend", "index"),
        ("ranking", "rules", "fairness", "diversity", "compute", "privacy.enabled"),
        rank,
        "Rank",
    ),
    Step(
        "tables",
        ("extract", "embed", "groups", "aigc"),
        ("tables", "rules", "compute", "privacy.enabled"),
        tables,
        "Make tables beside the lists",
    ),
    Step(
        "generate",
        ("extract", "embed", "groups", "rank"),
        ("generate", "encoder", "text", "compute"),
        generate,
        "Write names of groups",
    ),
    Step(
        "gate",
        ("extract", "blend", "rank"),
        ("checks", "ranking", "rules", "fairness", "publish.approval"),
        gate,
        "Check the night",
        reusable=False,
    ),
    Step(
        "publish",
        ("extract", "groups", "rank", "tables", "generate", "gate"),
        ("publish",),
        publish,
        "Publish",
        reusable=False,
    ),
)
BY_NAME: Mapping[str, Step] = {step.name: step for step in STEPS}
