"""Privacy, erasure, provider fairness and diversity."""

from typing import Literal

from pydantic import Field, model_validator

from chatrec.config.section import SECRET, Section


class Privacy(Section):
    """Differential privacy: a list reveals almost nothing about other users. For its cost, see docs/responsible.md."""

    enabled: bool = False
    """Make lists only from public texts, the user's own history and noisy statistics."""
    epsilon: float = Field(2, gt=0, le=100)
    """Privacy loss ε of one release of noisy statistics; less is more private. Half of it needs about four times the
    users for the same quality."""
    delta: float = Field(1e-6, gt=0, lt=0.1)
    """Probability δ that the loss exceeds ε. It should be well below one over the number of users."""
    refit_every: int = Field(30, ge=1)
    """Number of published runs that use a release before a new one is made, which spends epsilon again."""
    budget: float = Field(8, gt=0)
    """Total epsilon of all releases at `delta`. Once it is spent, the last release is used permanently."""

    @model_validator(mode="after")
    def _affordable(self) -> "Privacy":
        if self.epsilon > self.budget:
            raise ValueError("epsilon is larger than budget, which leaves no room for a single release")
        return self


class Erasure(Section):
    """`chatrec erase`: the record kept of an erasure."""

    key: str = Field("", json_schema_extra=SECRET, repr=False)
    """A long random key, kept outside the database. The record of an erasure then contains the user id hashed with this
    key, so that only you can show later who was erased. If empty, the record has counts only."""


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
    tolerance: float = Field(0.05, ge=0, le=1)
    """Relative shortfall from the minimum exposure that a provider may have before the check fails."""
    max_loss: float = Field(0.02, ge=0, le=1)
    """Relative loss of NDCG@10 on held-out events that fairness may cost before the check fails."""
    stops: bool = False
    """Stop the run if a fairness check fails. If false, it is a warning."""
    audit: tuple[str, ...] = ()
    """Columns of `source.users` by which NDCG@10 is broken down in the view metric_by_attribute."""

    @model_validator(mode="after")
    def _about_somebody(self) -> "Fairness":
        if self.mode != "off" and not self.attribute:
            raise ValueError("mode is not off and attribute is empty: name a column of source.items")
        return self


class Diversity(Section):
    """Diversity of the lists of users with a history."""

    mode: Literal["off", "mmr", "calibrated"] = "off"
    """mmr (maximal marginal relevance by text vectors; Carbonell and Goldstein 1998), calibrated (groups in the
    proportions of the user's history; Steck 2018) or off."""
    max_loss: float = Field(0.02, ge=0, le=1)
    """Maximum relative loss of NDCG@10 on held-out events. The strongest diversity within it is used."""
    coverage: float = Field(0, ge=0, le=1)
    """Minimum share of the available items that appear in at least one list, as far as candidates allow. An item in no
    list replaces the last item of a user whom it fits almost as well; at most a fifth of a list is replaced. 0 disables
    it."""
