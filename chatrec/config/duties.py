"""What is owed to people: privacy and erasure to those who look, fairness to those who are shown, variety to all."""

from typing import Literal

from pydantic import Field, model_validator

from chatrec.config.section import SECRET, Section


class Privacy(Section):
    """Differential privacy: nobody's list tells what somebody else took. What it costs: docs/responsible.md."""

    enabled: bool = False
    """Whether lists are made of public texts, the user's own history and a release under noise, and of nothing else."""
    epsilon: float = Field(2, gt=0, le=100)
    """How much one release may tell of a person; less is more private. Half as much needs about four times the users
    for lists as good."""
    delta: float = Field(1e-6, gt=0, lt=0.1)
    """The chance that it tells more; it should be well below one over the number of users."""
    refit_every: int = Field(30, ge=1)
    """Published nights that a release serves before a new one is made, which costs epsilon again."""
    budget: float = Field(8, gt=0)
    """The epsilon of all releases together, at `delta`; once it is spent the last release serves for good."""

    @model_validator(mode="after")
    def _affordable(self) -> "Privacy":
        if self.epsilon > self.budget:
            raise ValueError("epsilon is larger than budget, so not even one release could be made")
        return self


class Erasure(Section):
    """`chatrec erase`: what is remembered of having forgotten."""

    key: str = Field("", json_schema_extra=SECRET, repr=False)
    """A long random text, kept outside the database: the record of an erasure then has the id's hash under this key, so
    that you can show later who was erased, and nobody else can. Empty: the record has counts alone."""


class Fairness(Section):
    """Exposure of those whose items are shown: 1 / log2(1 + rank), summed over all lists."""

    attribute: str = ""
    """A column of `source.items` that says whose an item is (a seller, an author, a label), or "groups". Empty: nothing
    is asked; with mode off the audit is made and no list is changed."""
    mode: Literal["off", "penalty", "constraint"] = "off"
    """constraint: each provider gets at least `share` of its target, if that is possible; penalty: the same, but no
    price is higher than `strength`."""
    target: Literal["merit", "catalogue"] = "merit"
    """What is owed to a provider: its share of relevance (the chance that its items are taken, over all users), or its
    share of the available items."""
    share: float = Field(0.8, gt=0, le=1)
    """The part of the target that a provider has at least."""
    strength: float = Field(0.5, ge=0, le=10)
    """Of a penalty: the highest price, which is added to log scores; 0.7 makes an item about twice as likely."""
    tolerance: float = Field(0.05, ge=0, le=1)
    """How far below its share a provider may be, as a part of it, before the check fails."""
    max_loss: float = Field(0.02, ge=0, le=1)
    """How much NDCG@10 on held-out events it may cost, as a part of it, before the check fails."""
    stops: bool = False
    """Whether a failed check of fairness stops the night; if not it is a warning."""
    audit: tuple[str, ...] = ()
    """Columns of `source.users` by which NDCG@10 is told apart in the view metric_by_attribute."""

    @model_validator(mode="after")
    def _about_somebody(self) -> "Fairness":
        if self.mode != "off" and not self.attribute:
            raise ValueError("mode is on and attribute is empty: name a column of source.items")
        return self


class Diversity(Section):
    """How varied lists are; only those of users with a history."""

    mode: Literal["off", "mmr", "calibrated"] = "off"
    """mmr: little that is like what stands above it, by the vectors of texts (Carbonell and Goldstein 1998);
    calibrated: groups in the shares in which the user takes them (Steck 2018)."""
    max_loss: float = Field(0.02, ge=0, le=1)
    """The strongest setting is used whose NDCG@10 on held-out events is lower by no more than this part."""
    coverage: float = Field(0, ge=0, le=1)
    """Share of the available items that all lists together have at least, as far as there are candidates: an item in no
    list takes the last slot of a user whom it fits nearly as well; at most a fifth of a list is given away. 0: off."""
