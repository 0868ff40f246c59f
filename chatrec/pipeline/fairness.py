"""Fairness and diversity in the step rank, before and after the lists are made."""

from collections.abc import Callable

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.encoder.embed import ITEMS
from chatrec.ensemble.holdout_candidates import HoldoutCandidates
from chatrec.errors import SettingsError
from chatrec.evaluation.metrics import gini
from chatrec.extract.schema import ACTIVE
from chatrec.pipeline.context import Context
from chatrec.pipeline.training_data import holdout_of
from chatrec.ranking.coverage import reach_coverage
from chatrec.ranking.diversity import Calibration, Diversifier, Relevance
from chatrec.ranking.diversity_choice import strongest
from chatrec.ranking.fairness.audit import BY_ATTRIBUTE, EXPOSURE, by_attribute, exposure_of, nothing
from chatrec.ranking.fairness.fairness import Fairness, fit_fairness
from chatrec.ranking.lists import RECOMMENDATIONS
from chatrec.ranking.recommender import Recommender, padded_groups
from chatrec.runs.results import CoverageResult, DiversityResult, FairnessResult


def diversified(context: Context, recommender: Recommender) -> tuple[Recommender, DiversityResult | None]:
    """Returns the recommender with the diversity of `diversity.mode`."""
    wanted = context.settings.diversity
    if wanted.mode == "off":
        return recommender, None
    held = HoldoutCandidates.load(context.of("ensemble"))
    way, strength, gain = strongest(held, _ways(context, recommender, holdout_of(context).histories), wanted.max_loss)
    if way:
        way = _ways(context, recommender, recommender.histories)(strength)
    changed = recommender.under(recommender.rules, recommender.recommendable, diversifier=way)
    return changed, DiversityResult(strength, round(gain, 4))


def with_coverage(
    context: Context, recommender: Recommender, profiles: Array
) -> tuple[Recommender, CoverageResult | None]:
    """Returns the recommender whose lists cover the share of the catalogue set by `diversity.coverage`."""
    settings = context.settings
    if not settings.diversity.coverage:
        return recommender, None
    reached = reach_coverage(recommender, profiles, settings.diversity.coverage, settings.compute.memory_mb)
    if reached.diversifier:
        recommender = recommender.under(recommender.rules, recommender.recommendable, diversifier=reached.diversifier)
    return recommender, CoverageResult(round(reached.before, 4), round(reached.after, 4))


def _ways(context: Context, recommender: Recommender, histories: Interactions) -> Callable[[float], Diversifier]:
    if context.settings.diversity.mode == "mmr":
        vectors = np.load(context.of("embed") / ITEMS)
        return lambda strength: Relevance(vectors, strength)
    groups = padded_groups(recommender.groups, len(recommender.recommendable))
    return lambda strength: Calibration(groups, histories, strength)


def provider_fairness(context: Context, recommender: Recommender, profiles: Array) -> Fairness | None:
    """Fits the exposure and prices of providers; None without `fairness.attribute`."""
    settings = context.settings
    if not settings.fairness.attribute:
        return None
    return fit_fairness(recommender, context.snapshot.items, profiles, settings.fairness, settings.compute.memory_mb)


def audit(context: Context, fairness: Fairness | None) -> FairnessResult | None:
    """Writes EXPOSURE and BY_ATTRIBUTE of the lists.

    Returns:
        The values that the gate checks; None without `fairness.attribute`.
    """
    settings, held = context.settings, HoldoutCandidates.load(context.of("ensemble"))
    exposure, metrics_of = nothing()
    result: FairnessResult | None = None
    ndcg = held.ndcg(held.scores)
    if fairness:
        exposure = exposure_of(fairness, context.of("rank") / RECOMMENDATIONS)
        plain, ndcg = fairness.ndcg(held)
        owed = exposure["owed"].to_numpy() > 0
        met = (exposure["exposure"].to_numpy()[owed] / exposure["owed"].to_numpy()[owed]).round(4)
        result = FairnessResult(
            providers=len(exposure),
            priced=int((fairness.prices > 0).sum()),
            least_met=float(met.min(initial=1e9)) if len(met) else 1.0,
            least_met_provider=exposure.filter(owed)["provider"][int(met.argmin())] if len(met) else "",
            exposure_gini=round(float(gini(exposure["exposure"].to_numpy())), 4),
            holdout_users=len(held),
            ndcg=round(float(ndcg.mean()), 6) if len(held) else 0.0,
            ndcg_without=round(float(plain.mean()), 6) if len(held) else 0.0,
        )
    if settings.fairness.audit:
        _refuse_unknown(context)
        names, seed = settings.fairness.audit, settings.compute.seed
        metrics_of = by_attribute(context.snapshot.users, held.users, ndcg, names, seed)
    exposure.write_parquet(context.folder / EXPOSURE)
    metrics_of.write_parquet(context.folder / BY_ATTRIBUTE)
    return result


def _refuse_unknown(context: Context) -> None:
    existing = [name for name in context.snapshot.users.columns if name not in ("user_id", ACTIVE)]
    for name in context.settings.fairness.audit:
        if name not in existing:
            raise SettingsError(
                f"fairness.audit names {name}, which is not a column of source.users: its attributes are "
                f"{', '.join(existing) or 'none'}."
            )
