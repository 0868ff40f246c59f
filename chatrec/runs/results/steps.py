"""Results of the steps of a run, from extraction to publish. NDCG is NDCG@10 on held-out events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from chatrec.runs.results.base import StepResult
from chatrec.runs.results.contents import Contents
from chatrec.runs.results.encoder import TrainingSummary
from chatrec.runs.results.ranking import CoverageResult, DiversityResult, FairnessResult, RuleEffect


@dataclass(frozen=True, kw_only=True)
class ExtractResult(StepResult):
    """Result of the step extract."""

    users: int
    items: int
    interactions: int
    queries: int = 0
    queries_over_limit: int = 0
    """Valid queries beyond `text.queries` of their user."""
    queries_too_old: int = 0
    days: int
    """Days with events."""
    days_read: int
    """Days that changed and were read again."""
    events_read: int
    quarantined: int
    """Rows in quarantine."""
    quarantine: Mapping[str, int] = field(default_factory=dict)
    """Rows in quarantine by relation and reason."""
    weight_range: tuple[float, float] | None = None
    """Smallest and largest weight if weights look like amounts. Then they were damped."""
    contents: Contents | None = None
    """Counts of what the rows contain, with which later runs compare theirs."""

    @property
    def rows_read(self) -> int:
        """All rows that were validated."""
        return self.users + self.items + self.interactions + self.queries + self.queries_over_limit + self.quarantined


@dataclass(frozen=True, kw_only=True)
class EncoderResult(StepResult):
    """Result of the step encoder."""

    encoder: str
    reason: str
    """Why this encoder was chosen."""
    trained: bool | None = None
    """Whether the local GPT-2 was trained by this run; None for other encoders."""
    training: TrainingSummary | None = None
    layer: int
    pooling: str


@dataclass(frozen=True, kw_only=True)
class EmbedResult(StepResult):
    """Result of the step embed. Embedded texts were new, cached ones had been embedded before."""

    encoder: str
    texts_embedded: int
    texts_cached: int
    items_embedded: int
    items_cached: int
    users_embedded: int
    users_cached: int
    profiles_embedded: int
    profiles_cached: int
    user_text: Literal["read", "composed"]
    """Whether texts of users with a history were encoded, or composed of the vectors of their items."""
    tokens: int
    tokens_per_second: int
    padding: float
    """Fraction of padding tokens."""
    fingerprint: str
    """Fingerprint of the encoder."""
    device: str


@dataclass(frozen=True, kw_only=True)
class GroupsResult(StepResult):
    """Result of the step groups."""

    groups: int
    memberships: int
    source: str


@dataclass(frozen=True, kw_only=True)
class AigcResult(StepResult):
    """Result of the step aigc."""

    trained_on: Literal["events", "texts"] = "events"
    """"texts" under [privacy], where vectors are those of public texts."""
    networks: int = 0
    epochs: float = 0.0
    output_groups: int = 0
    """Groups of the output layer."""
    ndcg: float | None = None


@dataclass(frozen=True)
class ReleaseResult:
    """The private release that the models of a run are fitted on."""

    decision: str
    """Whether it is a new release and why, as a sentence."""
    name: str | None = None
    """None if it is in no ledger."""
    epsilon_spent: float | None = None
    """Privacy loss of all releases together."""


@dataclass(frozen=True, kw_only=True)
class EnsembleResult(StepResult):
    """Result of the step ensemble."""

    form: str
    weights: Mapping[str, float]
    cold_item_weights: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    """Models that are not fitted on all data, and their replacements."""
    published: str = "ensemble"
    """Name of the published system: the ensemble, or one model where the ensemble is not ahead of it."""
    baseline: str | None = None
    """Name of the best baseline; None without a comparison."""
    holdout_users: int = 0
    """Number of people with held-out events."""
    holdout_windows: int = 0
    """Number of times that events were held out."""
    ndcg: float | None = None
    """NDCG@10 of the published system."""
    baseline_ndcg: float | None = None
    popularity_ndcg: float | None = None
    cold_items_ndcg: float | None = None
    release: ReleaseResult | None = None
    """None without [privacy]."""


@dataclass(frozen=True, kw_only=True)
class IndexResult(StepResult):
    """Result of the step index."""

    items: int
    kind: str
    effort: int
    recall: float


@dataclass(frozen=True, kw_only=True)
class RankResult(StepResult):
    """Result of the step rank."""

    rows: int
    users_ensemble: int
    """Users whose list comes from the ensemble; those below got a fallback."""
    users_searched: int
    users_group: int
    users_popular: int
    items_shown: int
    """Distinct items in all lists."""
    short_by_caps: int | None = None
    """Users whose list is short because of a cap; None without caps."""
    diversity: DiversityResult | None = None
    coverage: CoverageResult | None = None
    fairness: FairnessResult | None = None
    rules: Mapping[str, RuleEffect] | None = None
    """Effect of each rule on the lists of a sample of users; None without rules."""
    rules_users: int | None = None
    """Users in that sample."""


@dataclass(frozen=True, kw_only=True)
class TablesResult(StepResult):
    """Result of the step tables: rows of each table."""

    similar_items: int
    popular: int
    trending: int
    query_recommendations: int


@dataclass(frozen=True)
class WritingResult:
    """Generated lines of one kind."""

    generated: int
    fallbacks: int
    fallback_reasons: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class GenerateResult(StepResult):
    """Result of the step generate."""

    names: WritingResult | None = None
    """Names of groups; None if they are not generated."""
    blurbs: int | None = None
    sentences: WritingResult | None = None
    """Sentences of the blurbs, one a group; None without blurbs."""
    lines_written: int
    writer: str
    """The model that wrote, or why none did."""


@dataclass(frozen=True, kw_only=True)
class GateResult(StepResult):
    """Result of the step gate, whose checks all passed."""

    checks: int
    warnings: int
    users_listed: int
    """Users with a list."""
    list_change: float | None = None
    """Share of list places whose item was not in the live run's list of the same user."""
    verdict: str


@dataclass(frozen=True, kw_only=True)
class PublishResult(StepResult):
    """Result of the step publish."""

    rows: Mapping[str, int]
    """Rows of each output."""
    same_lists_as: str | None = None
    """Key of the run that was live before, if its lists are the same."""
    runs_kept: int | None = None
    """None if old runs could not be dropped."""
    runs_removed: int | None = None
    """Old runs whose files were removed."""
