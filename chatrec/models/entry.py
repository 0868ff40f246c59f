"""An entry of the table of models, and the case for which it is looked up."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar, get_args

import numpy as np

from chatrec.config.ranking import Form, Target
from chatrec.models.base import Model, VectorModel
from chatrec.models.configs import DEFAULTS, Configs
from chatrec.models.training_data import TrainingData

C = TypeVar("C")
TARGETS: tuple[Target, ...] = get_args(Target)


@dataclass(frozen=True)
class Case:
    """What decides which models suit."""

    data: TrainingData
    target: Target
    form: Form = "rerank"
    """Of the ensemble."""
    configs: Configs = DEFAULTS

    @cached_property
    def taken(self) -> int:
        """Items with events."""
        return len(np.unique(self.data.histories.items))

    @property
    def has_features(self) -> bool:
        """Whether texts or categories tell items apart."""
        return bool(self.data.features.kinds)

    @property
    def has_kernel(self) -> bool:
        """Whether items have features, and are few enough to be compared with all others."""
        return self.has_features and self.configs.kernel_ridge.suits(self.taken, self.data.items)


@dataclass(frozen=True)
class Entry(Generic[C]):
    """A model, with the names that it has in an ensemble."""

    kind: type[Model]
    names: tuple[str, ...]
    config: Callable[[Case, str], C]
    """The config of a name."""
    fit_all: Callable[[TrainingData, Mapping[str, C]], Mapping[str, Model]]
    """Fits the model for each config; what they share is computed once."""
    targets: Collection[Target] = TARGETS
    """What its lists can predict."""
    suits: Callable[[Case], bool] = lambda case: True
    """Whether a log has what the model reads."""
    limit: Callable[[Case, str], str | None] = lambda case, name: None
    """Why a name is not fitted at this size, and what takes over; None if it is."""
    partial: bool = False
    """Whether it is fitted above its limit too, on a part of the items."""
    cold_items: bool = False
    """Whether it ranks items without events."""

    def suited(self, case: Case) -> dict[str, C]:
        """The names that suit, with their configs; a linear ensemble has models of vectors alone."""
        if case.target not in self.targets or not self.suits(case):
            return {}
        if case.form == "inner_product" and not issubclass(self.kind, VectorModel):
            return {}
        names = (name for name in self.names if self.partial or self.limit(case, name) is None)
        return {name: self.config(case, name) for name in names}

    def limits(self, case: Case) -> dict[str, str]:
        """The names that the size forbids, and why."""
        if case.target not in self.targets:
            return {}
        return {name: limit for name in self.names if (limit := self.limit(case, name))}


def one_by_one(fit: Callable[[TrainingData, C], Model]) -> Callable[[TrainingData, Mapping[str, C]], dict[str, Model]]:
    """Fits configs that share nothing."""
    return lambda data, configs: {name: fit(data, config) for name, config in configs.items()}
