"""Provider fairness and diversity."""

from typing import Literal

from pydantic import Field, model_validator

from chatrec.config.section import Section


class Fairness(Section):
    """Exposure of providers: 1 / log2(1 + rank), summed over all lists."""

    attribute: str = ""
    """A column of `source.items` with the provider of an item (a seller, an author, a label), or "groups". If empty,
    exposure is not measured. With mode off it is measured and lists do not change."""
    mode: Literal["off", "penalty", "constraint"] = "off"
    """constraint (each provider gets at least `share` of its target, if possible), penalty (the same, but no correction
    is larger than `strength`) or off."""
    target: Literal["merit", "catalogue"] = "merit"
    """Target exposure of a provider: merit (its share of relevance, the probability of interactions with its items over
    all users) or catalogue (its share of the available items)."""
    share: float = Field(0.8, gt=0, le=1)
    """Minimum exposure of a provider, as a fraction of its target."""
    strength: float = Field(0.5, ge=0, le=10)
    """Maximum correction under penalty, added to log scores. 0.7 makes an item about twice as likely."""
    max_loss: float = Field(0.02, ge=0, le=1)
    """Relative loss of NDCG@10 on held-out events that fairness may cost before the check fails."""
    stops: bool = False
    """Stop the run if a fairness check fails. If false, it is a warning."""
    audit: tuple[str, ...] = ()
    """Columns of `source.users` by which NDCG@10 is broken down in the view metric_by_attribute."""

    @model_validator(mode="after")
    def _has_attribute(self) -> "Fairness":
        if self.mode != "off" and not self.attribute:
            raise ValueError("mode is not off and attribute is empty: name a column of source.items")
        return self


class AdvancedFairness(Section):
    """Tolerance of the fairness checks."""

    tolerance: float = Field(0.05, ge=0, le=1)
    """Relative shortfall from the minimum exposure that a provider may have before the check fails."""


class Diversity(Section):
    """Diversity of the lists of users with a history."""

    mode: Literal["off", "mmr", "calibrated"] = "off"
    """mmr (maximal marginal relevance by text vectors; Carbonell and Goldstein 1998), calibrated (groups in the
    proportions of the user's history; Steck 2018) or off."""
    max_loss: float = Field(0.02, ge=0, le=1)
    """Maximum relative loss of NDCG@10 on held-out events. The strongest diversity within it is used."""
    coverage: float = Field(0, ge=0, le=1)
    """Minimum share of the available items, without dead stock, that appear in at least one list, as far as candidates
    allow. An item in no list replaces the last item of a user whom it fits almost as well; at most a fifth of a list is
    replaced. 0 disables it."""
