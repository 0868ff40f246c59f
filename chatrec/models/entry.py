"""Entries of the registry of models, and the case for which models are selected."""

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
    """Data, target and form, by which models are selected."""

    data: TrainingData
    target: Target
    form: Form = "rerank"
    """Form of the ensemble."""
    configs: Configs = DEFAULTS
    exclude_seen: bool = True
    """Whether lists leave out the items of the history."""

    @cached_property
    def warm_items(self) -> int:
        """Number of items with events."""
        return len(np.unique(self.data.histories.items))

    @property
    def is_large(self) -> bool:
        """Whether the log is large enough for costly models."""
        return len(self.data.histories.items) >= self.configs.costly_from

    @property
    def has_features(self) -> bool:
        """Whether items have texts or categories."""
        return bool(self.data.features.kinds)

    @property
    def has_groups(self) -> bool:
        """Whether items have categories."""
        return any(kind.name == "groups" for kind in self.data.features.kinds)

    @property
    def has_kernel(self) -> bool:
        """Whether items have features, and are few enough for a kernel between all pairs."""
        return self.has_features and self.configs.kernel_ridge.suits(self.warm_items, self.data.items)


@dataclass(frozen=True)
class Entry(Generic[C]):
    """A model class, with its names in an ensemble."""

    kind: type[Model]
    names: tuple[str, ...]
    config: Callable[[Case, str], C]
    """Returns the config of a name."""
    fit_all: Callable[[TrainingData, Mapping[str, C]], Mapping[str, Model]]
    """Fits one model per config; shared parts are computed once."""
    targets: Collection[Target] = TARGETS
    """Targets that the model suits."""
    suits: Callable[[Case], bool] = lambda case: True
    """Whether the data has the model's inputs."""
    limit: Callable[[Case, str], str | None] = lambda case, name: None
    """Returns the reason why a name is not fitted on all of the data, with its replacement; None if it is."""
    costly: bool = False
    """Whether the model is fitted only on logs of at least `configs.costly_from` events."""
    partial: bool = False
    """Whether the model is fitted above its limit too, on part of the items."""
    cold_items: bool = False
    """Whether the model ranks cold items."""

    def suited(self, case: Case) -> dict[str, C]:
        """Returns the names that suit the case, with their configs. The form inner_product takes vector models only."""
        too_small = self.costly and not case.is_large
        if too_small or case.target not in self.targets or not self.suits(case):
            return {}
        if case.form == "inner_product" and not issubclass(self.kind, VectorModel):
            return {}
        names = (name for name in self.names if self.partial or self.limit(case, name) is None)
        return {name: self.config(case, name) for name in names}

    def limits(self, case: Case) -> dict[str, str]:
        """Returns the names that are not fitted on all of the data, with the reason."""
        if case.target not in self.targets:
            return {}
        return {name: limit for name in self.names if (limit := self.limit(case, name))}


def one_by_one(fit: Callable[[TrainingData, C], Model]) -> Callable[[TrainingData, Mapping[str, C]], dict[str, Model]]:
    """Returns a `fit_all` that fits each config separately."""
    return lambda data, configs: {name: fit(data, config) for name, config in configs.items()}
