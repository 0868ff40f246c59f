"""Recommendation lists, and the index that retrieves their candidates."""

from typing import Literal

from pydantic import Field, model_validator

from chatrec.config.section import Section

Target = Literal["next_item", "next_period", "random"]
"""Values of `Ranking.target`."""
Form = Literal["auto", "rerank", "inner_product"]
"""Values of `AdvancedRanking.form`."""


def full_target(name: str) -> str:
    """Returns the name of a target, given that name or its short form: next, period or any."""
    return {"next": "next_item", "period": "next_period", "any": "random"}.get(name, name)


class Ranking(Section):
    """Recommendation lists."""

    target: Target = "next_period"
    """Events that the list should predict: next_item (the user's next event), next_period (the events of the next
    stretch of time; right for a nightly batch) or random (missing items, when the order of events carries no
    information). This depends on your product and cannot be inferred from the data."""
    top_n: int = Field(10, ge=1, le=1000)
    """Number of recommendations per user."""
    exclude_seen: bool = True
    """Exclude items that the user has already interacted with. Set it to false for shops with repeat purchases."""
    cold_items_min_share: float = Field(0.1, ge=0, le=1)
    """Minimum share of a list for new items (see `new_item_days`), as far as there are any. Their texts rank them. With
    0, new items compete with all others, appear rarely and stay without interactions for a long time."""
    cold_items_max_share: float = Field(0.5, ge=0, le=1)
    """Maximum share of a list for new items, unless no other item is left."""
    new_item_days: float = Field(30, ge=0, le=36_500)
    """Number of days for which an item without interactions is new: it appeared (`created_at` of `source.items`, or the
    first run that saw it) no longer than this before the newest interaction. Other items without interactions are dead
    stock, which lists have only if no other item is left."""
    search_weight: float = Field(1, ge=0, le=1e6)
    """Weight of a user's latest searches relative to all models together, if `source.queries` is set. 0 ignores
    searches."""

    @model_validator(mode="after")
    def _ordered(self) -> "Ranking":
        if self.cold_items_min_share > self.cold_items_max_share:
            raise ValueError("cold_items_min_share is larger than cold_items_max_share")
        return self


class AdvancedRanking(Section):
    """Combination of the models, and of searches with them."""

    form: Form = "auto"
    """How models are combined: rerank (the candidates of all models are rescored by each model), inner_product (one
    inner product and one index; faster on very large catalogues, but without the models based on co-occurrence) or auto
    (by the size of the catalogue)."""
    search_half_life: float = Field(7, ge=0.001, le=36_500)
    """Half-life of a search, in days."""


class Index(Section):
    """The FAISS index."""

    exact_below: int = Field(200_000, ge=0)
    """Catalogues with fewer items are searched exactly."""
    ivf_from: int = Field(1_000_000, ge=1)
    """Catalogues with at least this many items use inverted lists (IVF); those in between use a graph (HNSW)."""
    recall: float = Field(0.98, gt=0, le=1)
    """Recall that an approximate index must reach against exact search on a sample. Otherwise exact search is used."""
