"""Names of what a list should predict."""

from collections.abc import Mapping
from typing import Literal

from chatrec.config.settings import Target
from chatrec.errors import DataError

TargetName = Literal["next_item", "next_period", "random"]
TARGETS: Mapping[str, Target] = {"next_item": "next", "next_period": "period", "random": "any"}


def target_of(name: str) -> Target:
    """The target of the settings.

    Raises:
        DataError: There is no such target.
    """
    if name not in TARGETS:
        raise DataError(f"target is {name!r}: it must be one of {', '.join(TARGETS)}.")
    return TARGETS[name]
