"""Check of the rules against the source tables, before a run."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from psycopg2 import sql

from chatrec.config.rules import Rules
from chatrec.errors import SettingsError
from chatrec.extract.mapping import TIMES, SourceQuery, text_column
from chatrec.ranking.rules.items import GROUPS, NOT_KEPT


def check_rules(cursor: Any, items: SourceQuery, separator: str, rules: Rules) -> str:
    """Checks that every column, group and item named by a rule exists.

    Args:
        cursor: psycopg2 cursor on the source database.
        items: SELECT of the items.
        separator: Separator between the groups of an item, if they are text and not an array.
        rules: Rules of the settings.

    Returns:
        The number of rules, as text.

    Raises:
        SettingsError: If a rule names a column, group or item that does not exist. The message names each such rule and
            the existing values.
    """
    problems = [*_columns(items, rules), *_groups(cursor, items, separator, rules), *missing_pins(cursor, items, rules)]
    if problems:
        raise SettingsError(" ".join(problems))
    count = len(rules.without_each())
    return f"{count} rules" if count != 1 else "1 rule"


def _columns(items: SourceQuery, rules: Rules) -> Iterator[str]:
    existing = [name for name in items.types if name not in NOT_KEPT]
    selections = [(rule.name, rule.attribute) for rule in rules.selections if rule.attribute]
    for name, attribute in (*selections, *((cap.name, cap.attribute) for cap in rules.caps)):
        if attribute not in existing:
            yield f'Rule "{name}" asks for the column {attribute}; source.items gives {", ".join(existing)}.'
    for name, attribute in selections:
        if attribute == GROUPS:
            yield f'Rule "{name}" asks for the attribute groups: write groups = [...] instead.'
    if time := rules.freshness.attribute:
        times = [name for name in existing if items.types[name] in TIMES]
        if time not in times:
            given = f"gives it as {items.types[time]}" if time in existing else "does not give it"
            yield (
                f"rules.freshness asks for the time {time}, but source.items {given}; "
                f"times there: {', '.join(times) or 'none'} (select updated_at or created_at once more under another "
                "name to use it)."
            )


def _groups(cursor: Any, items: SourceQuery, separator: str, rules: Rules) -> Iterator[str]:
    named = [(f'Rule "{rule.name}"', name) for rule in rules.selections for name in rule.groups]
    named += [("rules.repeat", name) for name in rules.repeat.groups]
    if not named:
        return
    if GROUPS not in items.types:
        yield f"{named[0][0]} names groups, but source.items gives no groups: add a column groups."
        return
    array = items.types[GROUPS].endswith("[]")
    texts = sql.SQL("string_to_array({}, {})").format(text_column(GROUPS), sql.Literal(separator))
    query = sql.SQL("SELECT DISTINCT btrim({}) FROM (\n{}\n) AS mapped, unnest({}) AS g ORDER BY 1")
    cursor.execute(query.format(text_column("g"), sql.SQL(items.select), sql.SQL("groups") if array else texts))
    existing = [name for (name,) in cursor.fetchall() if name]
    for rule, name in named:
        if name not in existing:
            yield f'{rule} names the group "{name}", which no item has; groups are {_some(existing)}.'


def missing_pins(cursor: Any, items: SourceQuery, rules: Rules) -> Iterator[str]:
    """Yields a sentence for each pin that has not ended and whose item does not exist."""
    now = datetime.now(UTC)
    pins = [pin for pin in rules.pins if pin.ends > now]
    if not pins:
        return
    query = sql.SQL("SELECT {0} FROM (\n{1}\n) AS mapped WHERE {0} = ANY ({2})")
    pinned = sql.Literal([pin.item for pin in pins])
    cursor.execute(query.format(text_column("item_id"), sql.SQL(items.select), pinned))
    existing = {item for (item,) in cursor.fetchall()}
    for pin in pins:
        if pin.item not in existing:
            yield f'Rule "{pin.name}" pins the item {pin.item}, which source.items does not give.'


def _some(names: list[str], most: int = 20) -> str:
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + rest
