"""Items selected by rules, and their attribute values and ages."""

import numpy as np
import polars as pl

from chatrec.config.rules import Selection
from chatrec.data.arrays import Array, BoolArray, IntArray
from chatrec.errors import SettingsError
from chatrec.extract.schema import ARRIVED_AT, ATTRIBUTES

GROUPS = "groups"
NOT_KEPT = {"available", "updated_at", "created_at", ARRIVED_AT}
"""Columns of `source.items` that rules cannot use."""
NO_VALUE = -1


def matching_items(items: pl.DataFrame, rule: Selection) -> Array:
    """Returns the items selected by a rule, bool of shape (items,)."""
    if rule.groups:
        return in_groups(items, rule.groups)
    matching: BoolArray = (
        values_of(items, rule.attribute, rule.name).is_in(list(rule.values)).fill_null(False).to_numpy()
    )
    return matching


def in_groups(items: pl.DataFrame, names: tuple[str, ...]) -> Array:
    """Returns the items in any of the named source groups, bool of shape (items,)."""
    matching: BoolArray = (
        items[GROUPS].list.eval(pl.element().is_in(list(names))).list.any().fill_null(False).to_numpy()
    )
    return matching


def values_of(items: pl.DataFrame, attribute: str, rule: str) -> pl.Series:
    """Returns a column of the catalogue as text.

    Raises:
        SettingsError: If the column does not exist. The message names the rule.
    """
    attributes = items[ATTRIBUTES].struct.unnest() if items.schema.get(ATTRIBUTES) == pl.Struct else pl.DataFrame()
    for frame in (attributes, items.drop(GROUPS, *NOT_KEPT, ATTRIBUTES, strict=False)):
        if attribute in frame.columns:
            return frame[attribute].cast(pl.String)
    raise SettingsError(f'Rule "{rule}" asks for {attribute}, which source.items does not give: name another column.')


def codes_of(items: pl.DataFrame, attribute: str, rule: str) -> Array:
    """Returns the values of an attribute as integer codes.

    Args:
        items: Catalogue.
        attribute: Name of the attribute. "groups" can have several values per item.
        rule: Name of the rule, for error messages.

    Returns:
        Codes as int32, (items + 1) × largest number of values, padded with NO_VALUE; the last row is all padding.
    """
    rows = rows_of(items, attribute, rule).with_columns(code=pl.col("value").rank("dense").cast(pl.Int32) - 1)
    return padded(rows["row"].to_numpy(), rows["code"].to_numpy(), len(items))


def rows_of(items: pl.DataFrame, attribute: str, rule: str) -> pl.DataFrame:
    """Returns the values of an attribute in long form: row (of the item, ascending) and value, without empty values.

    Args:
        items: Catalogue.
        attribute: Name of the attribute. "groups" can have several values per item.
        rule: Name of the rule, for error messages.
    """
    lists = items[GROUPS] if attribute == GROUPS else _alone(values_of(items, attribute, rule))
    rows = pl.DataFrame({"row": pl.arange(len(items), eager=True), "value": lists}).explode("value").drop_nulls()
    return rows.filter(pl.col("value") != "")


def padded(rows: IntArray, values: Array, count: int, most: int | None = None) -> Array:
    """Returns the values of each row as a padded array.

    Args:
        rows: Row of each value, ascending.
        values: Values, int32.
        count: Number of rows.
        most: Maximum number of values per row; None for all.

    Returns:
        Values as int32, (count + 1) × largest number of values, padded with NO_VALUE; the last row is all padding.
    """
    column = np.arange(len(rows)) - np.searchsorted(rows, rows)
    if most is not None:
        kept = column < most
        rows, values, column = rows[kept], values[kept], column[kept]
    padded_values = np.full((count + 1, int(column.max(initial=0)) + 1), NO_VALUE, np.int32)
    padded_values[rows, column] = values
    return padded_values


def times_of(items: pl.DataFrame, attribute: str, rule: str) -> Array:
    """Returns a column of times in microseconds since 1970, UTC; -inf before Christ, NaN for values without a date.

    Years from 10,000 on have no date that can be told from "never ends": such times are missing, too.
    """
    text = values_of(items, attribute, rule).str.replace(r"\+00$", "")
    moments = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    days = text.str.to_datetime("%Y-%m-%d", time_unit="us", strict=False)
    times = moments.fill_null(days).dt.epoch("us").cast(pl.Float64).fill_null(np.nan)
    ancient = text.str.contains(r" BC$|^-infinity$").fill_null(False)
    return np.where(ancient.to_numpy(), -np.inf, times.to_numpy())


def _alone(values: pl.Series) -> pl.Series:
    return values.to_frame("value").select(pl.concat_list("value"))["value"]
