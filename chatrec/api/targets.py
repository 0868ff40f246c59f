"""The check of a target."""

from typing import get_args

from chatrec.config.ranking import Target
from chatrec.errors import DataError


def target_of(name: str) -> Target:
    """Returns the target if it is one.

    Raises:
        DataError: It is not.
    """
    for target in get_args(Target):
        if name == target:
            return target  # type: ignore[no-any-return]
    raise DataError(f"target is {name!r}: it must be one of {', '.join(get_args(Target))}.")
