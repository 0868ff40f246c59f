"""Checks when a run begins, before anything is read or trained: those of `chatrec check` that take a second."""

import logging

from sqlalchemy import Engine

from chatrec.config import Settings
from chatrec.db import id_types
from chatrec.encoder.model_selection import choose, refuse_missing
from chatrec.extract.describe import check_mapping, readable_data_errors
from chatrec.extract.extraction import selects
from chatrec.extract.mapping import refuse_unknown_order
from chatrec.pipeline.source_checks import fairness, source_cursor
from chatrec.ranking.rules.check import check_rules, missing_pins

LOG = logging.getLogger("chatrec")


def refuse_unfit(settings: Settings, key: str, engine: Engine) -> None:
    """Compare mapping, target, rules, fairness, types of ids and encoder with what exists.

    A pinned item that is gone is a warning. A group that is gone is not: a deny rule would let its items through if the
    group had a new name.

    Args:
        settings: Settings of the run.
        key: Key of the run.
        engine: Engine of chatrec's tables.

    Raises:
        SettingsError: If a setting does not fit. Names the remedy.
    """
    source = settings.source
    with source_cursor(settings, f"chatrec begin {key}") as cursor:
        mapping = check_mapping(cursor, selects(source), source.item_attributes)
        refuse_unknown_order(mapping, settings.ranking.target)
        with readable_data_errors("items"):
            unpinned = settings.rules.model_copy(update={"pins": ()})
            check_rules(cursor, mapping.items, source.groups_separator, unpinned)
            for sentence in missing_pins(cursor, mapping.items, settings.rules):
                LOG.warning("%s", sentence)
    fairness(settings, mapping)
    id_types.refuse_other_types(engine, mapping.user_id_type, mapping.item_id_type)
    refuse_missing(choose(settings))
