"""Models of histories: EASE, iALS, Markov, user-kNN, popularity, models of texts, and the table of all of them.

`chatrec.models.EASE` and the other names below are the public models of `chatrec.api`; the modules of this package are
what they, and a run, fit.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatrec.api.aigc import AIGC
    from chatrec.api.models import (
        EASE,
        IALS,
        ContentKNN,
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
    found = globals()[name] = getattr(module, name)
    return found
