"""Recommendation models that score all items for any history, and their registry.

`chatrec.models.EASE` and the other names below are the public models of `chatrec.api`. The modules of this package
fit them, for the API and for runs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatrec.api.aigc import AIGC
    from chatrec.api.models import (
        EASE,
        IALS,
        ContentKNN,
        ItemKNN,
        KernelRidge,
        Markov,
        Popularity,
        SequentialEASE,
        TwoTower,
        UserKNN,
    )

__all__ = [
    "AIGC",
    "EASE",
    "IALS",
    "ContentKNN",
    "ItemKNN",
    "KernelRidge",
    "Markov",
    "Popularity",
    "SequentialEASE",
    "TwoTower",
    "UserKNN",
]


def __getattr__(name: str) -> Any:
    """Imports a public model when it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'chatrec.models' has no attribute {name!r}")
    module = import_module("chatrec.api.aigc" if name == "AIGC" else "chatrec.api.models")
    model = globals()[name] = getattr(module, name)
    return model
