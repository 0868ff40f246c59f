"""Parts of the result of the step rank."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DiversityResult:
    """Chosen diversity."""

    strength: float
    ndcg_gain: float
    """Relative change of NDCG@10 on held-out events."""


@dataclass(frozen=True)
class CoverageResult:
    """Catalogue coverage: share of the available items in any list."""

    before: float
    """Without the items that were added for coverage."""
    after: float


@dataclass(frozen=True)
class FairnessResult:
    """Exposure of providers against what they are owed, and its cost."""

    providers: int
    priced: int
    """Providers whose items are raised."""
    least_met: float
    """Smallest share of the owed exposure that a provider has."""
    least_met_provider: str
    exposure_gini: float
    holdout_users: int
    ndcg: float
    """NDCG@10 on held-out events."""
    ndcg_without: float
    """NDCG@10 on held-out events without prices."""


@dataclass(frozen=True)
class RuleEffect:
    """Effect of a rule, in rows of the sample's lists compared with lists made without it."""

    added: int
    """Rows that appear because of the rule."""
    removed: int
    """Rows that would appear without it."""
    moved: int
    """Rows that would have another rank without it."""
