"""Source: the SELECT statements, and the templates that turn rows into texts."""

from pydantic import Field, field_validator

from chatrec.config.section import SECRET, Section, refuse_other_databases


class Source(Section):
    """SELECT statements that map your tables to chatrec's columns. Timestamps without a time zone are read as UTC."""

    url: str = Field("", json_schema_extra=SECRET, repr=False)
    """Connection URL to read from, for example a replica. If empty, `database.url`."""
    users: str = ""
    """Columns: user_id; optionally active (boolean; other users get no list, but models learn from their interactions);
    and any attributes. Ids are bigint, integer, uuid or text."""
    items: str = ""
    """Columns: item_id, title; optionally groups (text[], or text with separators), available (boolean), updated_at,
    created_at (a timestamp: when the item appeared; by default, when a run after the first one sees it), and further
    texts. An item without a title goes to the quarantine, with its events."""
    interactions: str = ""
    """Columns: user_id, item_id, occurred_at (timestamp); optionally event (text) and weight (a number; how much the
    event counts, such as 1 for a view and 5 for an order, from 1e-15 to 1e15; amounts are damped). A log without times
    leaves occurred_at out and sets `ranking.target` to random."""
    queries: str = ""
    """Optional search log with the columns user_id, query (text), occurred_at (timestamp). If empty, searches are not
    used."""
    groups_separator: str = "|"
    """Separator between the groups of an item when `groups` is text and not an array."""
    item_attributes: tuple[str, ...] = ()
    """Columns of `items` that are not text, such as a time or a stock level. Rules can use them; models do not."""

    _postgres = field_validator("url")(refuse_other_databases)


class Text(Section):
    """Jinja templates that turn a row into the text for the encoder."""

    item: str = (
        "{{ title }}{% if groups %}. {{ groups | join(', ') }}{% endif %}"
        "{% for value in texts.values() %}. {{ value }}{% endfor %}"
    )
    """Template for an item. Variables: title, groups (a list), texts (a mapping of your further columns), and each
    column by its name."""
    user: str = (
        "{% for name, value in attributes.items() %}{{ name }}: {{ value }}. {% endfor %}"
        "{% if queries %}Searched: {{ queries | join('; ') }}. {% endif %}"
        "{% if history %}Took: {{ history | join('; ') }}{% endif %}"
    )
    """Template for a user. Variables: attributes (a mapping of your columns), queries (searches, newest first), history
    (titles, newest first), and each column by its name."""


class AdvancedText(Section):
    """Length of user texts."""

    history: int = Field(10, ge=0, le=1000)
    """Number of a user's latest titles passed to the user template."""
    queries: int = Field(5, ge=0, le=1000)
    """Number of a user's latest searches to keep. 0 reads none."""
    query_days: int = Field(30, ge=1)
    """Maximum age of a search, in days before the newest event or search. Older ones are not read."""


class TextConfig(Text, AdvancedText):
    """`[text]` and `[advanced.text]` together."""
