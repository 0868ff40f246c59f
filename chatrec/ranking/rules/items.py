"""What rules ask of items: which of them are meant, which values they have, how old they are."""

import numpy as np
import polars as pl

from chatrec.config.rules import Selection
from chatrec.data.arrays import Array
from chatrec.errors import SettingsError
from chatrec.extract.schema import ATTRIBUTES

GROUPS = "groups"
NOT_KEPT = {"available", "updated_at"}
"""Columns of the contract that no rule can ask for."""
NO_VALUE = -1


def meant(items: pl.DataFrame, rule: Selection) -> Array:
    """bool for each item: whether a rule is about it."""
    if rule.groups:
        return in_groups(items, rule.groups)
    found: Array = values_of(items, rule.attribute, rule.name).is_in(list(rule.values)).fill_null(False).to_numpy()
    return found


def in_groups(items: pl.DataFrame, names: tuple[str, ...]) -> Array:
    """bool for each item: whether it is in one of the customer's groups of these names."""
    found: Array = items[GROUPS].list.eval(pl.element().is_in(list(names))).list.any().fill_null(False).to_numpy()
    return found


def values_of(items: pl.DataFrame, attribute: str, rule: str) -> pl.Series:
    """A column of the catalogue as text.

    Raises:
        SettingsError: there is none; names the rule.
    """
    attributes = items[ATTRIBUTES].struct.unnest() if items.schema.get(ATTRIBUTES) == pl.Struct else pl.DataFrame()
    for frame in (attributes, items.drop(GROUPS, *NOT_KEPT, ATTRIBUTES, strict=False)):
        if attribute in frame.columns:
            return frame[attribute].cast(pl.String)
    raise SettingsError(f'Rule "{rule}" asks for {attribute}, which source.items does not give: name another column.')


def codes_of(items: pl.DataFrame, attribute: str, rule: str) -> Array:
    """The values of an attribute as numbers.

    Args:
        items: the catalogue.
        attribute: which; "groups" may have several values for an item.
        rule: to be named in an error.

    Returns:
        int32, (items + 1) × the most values of an item, padded with NO_VALUE; the last row is nobody's.
    """
    rows = rows_of(items, attribute, rule).with_columns(code=pl.col("value").rank("dense").cast(pl.Int32) - 1)
    return padded(rows["row"].to_numpy(), rows["code"].to_numpy(), len(items))


def rows_of(items: pl.DataFrame, attribute: str, rule: str) -> pl.DataFrame:
    """The values of an attribute, each in a row: row (of the item, ascending) and value; empty ones are left out.

    Args:
        items: the catalogue.
        attribute: which; "groups" may have several values for an item.
        rule: to be named in an error.
    """
    lists = items[GROUPS] if attribute == GROUPS else _alone(values_of(items, attribute, rule))
    rows = pl.DataFrame({"row": pl.arange(len(items), eager=True), "value": lists}).explode("value").drop_nulls()
    return rows.filter(pl.col("value") != "")


def padded(rows: Array, values: Array, count: int, most: int | None = None) -> Array:
    """The values of each row side by side.

    Args:
        rows: of each value, ascending.
        values: int32.
        count: how many rows there are.
        most: values that a row keeps; None for all.

    Returns:
        int32, (count + 1) × the most values of a row, padded with NO_VALUE; the last row is nobody's.
    """
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    if most is not None:
        kept = place < most
        rows, values, place = rows[kept], values[kept], place[kept]
    found = np.full((count + 1, int(place.max(initial=0)) + 1), NO_VALUE, np.int32)
    found[rows, place] = values
    return found


def times_of(items: pl.DataFrame, attribute: str, rule: str) -> Array:
    """A column of times: microseconds since 1970, UTC; NaN where there is none."""
    text = values_of(items, attribute, rule).str.replace(r"\+00$", "")
    moments = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    days = text.str.to_datetime("%Y-%m-%d", time_unit="us", strict=False)
    found: Array = moments.fill_null(days).dt.epoch("us").cast(pl.Float64).fill_null(np.nan).to_numpy()
    return found


def _alone(values: pl.Series) -> pl.Series:
    return values.to_frame("value").select(pl.concat_list("value"))["value"]
