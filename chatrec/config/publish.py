"""Checks before a publish, approval, and the publish itself."""

from typing import Literal

from pydantic import Field

from chatrec.config.section import Section

Approval = Literal["never", "on_warning", "always"]
"""Values of `Publish.approval`."""


class Checks(Section):
    """Quality checks that a run must pass before it is published."""

    max_row_drop: float = Field(0.5, ge=0, le=1)
    """Maximum loss against the live run and against the median of the last seven published ones, as a share: of events,
    users, items and values read, and of the lists made of them. 1 also allows a run without events."""
    max_event_age_days: float = Field(7, gt=0, le=36_500)
    """Maximum age of the newest event, in days. A log passes if it was older in all of the last seven published runs,
    or if it had a pause as long in a year."""
    max_list_change: float = Field(0.9, ge=0, le=1)
    """Maximum share of list places with an item that the user's live list does not have. Nothing is required if runs
    usually change more, or if settings of the lists changed."""
    min_coverage: float = Field(0.01, ge=0, le=1)
    """Minimum share of the available catalogue that appears in at least one list."""
    max_fallback: float = Field(0.5, ge=0, le=1)
    """Maximum share of lists that come from a fallback, among users with a history."""
    max_quarantine: float = Field(0.5, ge=0, le=1)
    """Maximum share of rows in quarantine."""
    beats_baseline: bool = True
    """Fail if NDCG@10 on held-out events is significantly below that of the best baseline: popularity, recent
    popularity, popularity in groups, own frequency or item k-NN."""
    warn_row_drop: float = Field(1, ge=0, le=1)
    """Warn if the loss against the live run or the median is larger. The defaults of the first five `warn_` settings
    never warn."""
    warn_coverage: float = Field(0, ge=0, le=1)
    """Warn if the share of the available catalogue in the lists is smaller."""
    warn_fallback: float = Field(1, ge=0, le=1)
    """Warn if the share of lists from a fallback is larger."""
    warn_quarantine: float = Field(1, ge=0, le=1)
    """Warn if the share of rows in quarantine is larger."""
    warn_baseline: bool = False
    """Warn if NDCG@10 is below that of the best baseline, even if the difference is not significant, or if no events
    could be held out to compare them."""
    warn_metric_drop: float = Field(0.2, ge=0, le=1)
    """Warn if NDCG@10 falls by a larger share below the median of the last seven published runs, and by more than
    chance explains."""


class Publish(Section):
    """Publishing a run."""

    keep_runs: int = Field(7, ge=1, le=1000)
    """Number of published runs that stay readable and can be restored by a rollback."""
    approval: Approval = "never"
    """Whether a run needs a person's approval before it is published: never, on_warning (if a check warns) or always.
    Airflow asks and waits; `chatrec run` publishes only with --approve."""
    approval_hours: float = Field(4, gt=0, le=100_000)
    """Time that Airflow waits for an answer, in hours. After that the previous run stays live."""


class AdvancedPublish(Section):
    """Details of the publish."""

    drain_seconds: float = Field(600, gt=0, le=1e6)
    """Maximum time to wait for readers whose query plans are older than the new partition, in seconds."""
    standby_seconds: float = Field(0, ge=0, le=3600)
    """Time for statements on streaming standbys, in seconds, if readers use standbys: before the pointer moves and
    before old lists are dropped, all standbys must have replayed what came before, and then this time passes. 0 does
    not wait for standbys. The role needs pg_monitor."""
