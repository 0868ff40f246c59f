"""The rank step: a list for each user."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from chatrec.aigc.aigc import AigcModel
from chatrec.aigc.groups import ItemGroups
from chatrec.aigc.state import AigcState
from chatrec.config.rules import Rules
from chatrec.data.arrays import Array
from chatrec.data.new_items import Arrivals
from chatrec.encoder.embed import USERS
from chatrec.ensemble.ensemble import Ensemble
from chatrec.ensemble.private import popularity_of
from chatrec.pipeline.context import Context
from chatrec.pipeline.fairness import audit, diversified, provider_fairness, with_coverage
from chatrec.ranking.recommend import write_lists
from chatrec.ranking.recommender import Recommender
from chatrec.ranking.rule_ablation import effects
from chatrec.ranking.searches import Searches
from chatrec.retrieval.index import ItemIndex
from chatrec.runs.results import RankResult
from chatrec.runtime.hardware import use_threads


def rank(context: Context) -> RankResult:
    """Ranks a list for each user."""
    use_threads(context.settings.compute.threads)
    recommender = recommender_of(context)
    texts = np.load(context.of("embed") / USERS, mmap_mode="r")
    fairness = provider_fairness(context, recommender, texts)
    final, diversity = diversified(context, fairness.applied(recommender) if fairness else recommender)
    final, coverage = with_coverage(context, final, texts)
    result = write_lists(final, texts, context.folder, context.settings.compute.memory_mb)
    result = replace(result, diversity=diversity, coverage=coverage, fairness=audit(context, fairness))
    return _with_effects_of_rules(result, context, recommender, texts)


def recommender_of(context: Context) -> Recommender:
    """Returns the recommender of a run, before fairness and diversity."""
    settings, snapshot, searches = context.settings, context.snapshot, None
    if settings.ranking.search_weight and snapshot.queries.texts:
        weight, half_life = settings.ranking.search_weight, settings.advanced.ranking.search_half_life
        searches = Searches.of(snapshot, weight, half_life)
    return Recommender(
        Ensemble.load(context.of("ensemble")),
        AigcModel(AigcState.load(context.of("aigc"))),
        ItemGroups.load(context.of("groups")),
        ItemIndex.load(context.of("index")),
        context.snapshot.histories,
        context.listable,
        settings.ranking.top_n,
        settings.ranking.exclude_seen,
        settings.compute.seed,
        settings.ranking.cold_items_min_share,
        settings.ranking.cold_items_max_share,
        searches,
        context.rules,
        known_popularity=popularity_of(context.of("ensemble")) if settings.privacy.enabled else None,
        active=snapshot.active,
        arrived_lately=Arrivals(snapshot.arrived_at, settings.ranking.new_item_days).new(snapshot.histories),
    )


def _with_effects_of_rules(
    result: RankResult, context: Context, recommender: Recommender, profiles: Array
) -> RankResult:
    """Adds the effect of each rule on the lists of a sample of users, if there are rules."""

    def without(rules: Rules) -> Callable[[], Recommender]:
        def make() -> Recommender:
            prepared = context.rules_of(rules)
            return recommender.under(prepared, prepared.allowed_of(context.recommendable))

        return make

    others = {name: without(rules) for name, rules in context.settings.rules.without_each().items()}
    if not others:
        return result
    users, effects_by_rule = effects(recommender, others, profiles, context.settings.compute.memory_mb)
    return replace(result, rules=effects_by_rule, rules_users=users)
