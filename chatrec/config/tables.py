"""Tables published with the lists, and the text written for them."""

from pydantic import Field

from chatrec.config.section import Section


class Tables(Section):
    """Tables published together with the lists. 0 omits a table."""

    similar_items: int = Field(10, ge=0, le=1000)
    """Number of similar items per item."""
    popular: int = Field(100, ge=0, le=1000)
    """Number of most popular items, overall and per group."""
    trending: int = Field(100, ge=0, le=1000)
    """Number of trending items: those with more interactions than usual."""
    queries: int = Field(1000, ge=0, le=100_000)
    """Number of most frequent searches that get a list, if `source.queries` is set."""
    query_users: int = Field(2, ge=1)
    """Minimum number of users who made a search for it to be published. A search by a single user may be private."""


class AdvancedTables(Section):
    """Details of the tables."""

    trending_days: float = Field(7, ge=0.001, le=36_500)
    """Window for trending items, in days. It is compared with the days before it."""
    query_items: int = Field(10, ge=1, le=1000)
    """Number of items per search."""


class TablesConfig(Tables, AdvancedTables):
    """`[tables]` and `[advanced.tables]` together."""


class Generate(Section):
    """Text written by a causal language model. If no draft passes the checks, the fallback is used."""

    model: str = "auto"
    """Language model that writes: "auto" (the encoder's model if it is pre-trained), "none", or any value of
    `encoder.model`."""
    seconds: float = Field(60, ge=0, le=1e6)
    """Time budget for writing per run, in seconds."""
    names: bool = True
    """Write names for k-means groups. If false, each group is named after its central item."""
    blurbs: bool = False
    """Write a line of text, fit to show to users, for each of the most frequent reasons."""
