"""Differential privacy and erasure."""

from pydantic import Field, model_validator

from chatrec.config.section import SECRET, Section


class Privacy(Section):
    """Differential privacy: a list reveals almost nothing about other users. Its cost: docs/explanation/privacy.md."""

    enabled: bool = False
    """Make lists only from public texts, the user's own history and noisy statistics."""
    epsilon: float = Field(2, gt=0, le=100)
    """Privacy loss ε of one release of noisy statistics; less is more private. Half of it needs about four times the
    users for the same quality."""
    delta: float = Field(1e-6, gt=0, lt=0.1)
    """Probability δ that the loss exceeds ε. It should be well below one over the number of users."""
    refit_every: int = Field(30, ge=1)
    """Number of published runs that use a release before a new one is made, which spends epsilon again."""
    budget: float = Field(8, gt=0, le=1e6)
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
