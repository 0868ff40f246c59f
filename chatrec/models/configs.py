"""Configs of all models of an ensemble."""

from dataclasses import dataclass, field

from chatrec.config.aigc import LARGE_LOG
from chatrec.models.ease import Config as EaseConfig
from chatrec.models.ials import Config as IalsConfig
from chatrec.models.item_knn import Config as ItemKnnConfig
from chatrec.models.kernel_ridge import Config as KernelRidgeConfig
from chatrec.models.markov import Config as MarkovConfig
from chatrec.models.personal_frequency import Config as PersonalFrequencyConfig
from chatrec.models.popularity import Config as PopularityConfig
from chatrec.models.sequential_ease import Config as SequentialEaseConfig
from chatrec.models.two_tower import Config as TwoTowerConfig
from chatrec.models.user_knn import Config as UserKnnConfig


@dataclass(frozen=True)
class Configs:
    """One config per model module. For models that share a module, the registry replaces the fields that differ."""

    ease: EaseConfig = field(default_factory=EaseConfig)
    ials: IalsConfig = field(default_factory=IalsConfig)
    item_knn: ItemKnnConfig = field(default_factory=ItemKnnConfig)
    kernel_ridge: KernelRidgeConfig = field(default_factory=KernelRidgeConfig)
    markov: MarkovConfig = field(default_factory=MarkovConfig)
    personal_frequency: PersonalFrequencyConfig = field(default_factory=PersonalFrequencyConfig)
    popularity: PopularityConfig = field(default_factory=PopularityConfig)
    sequential_ease: SequentialEaseConfig = field(default_factory=SequentialEaseConfig)
    two_tower: TwoTowerConfig = field(default_factory=TwoTowerConfig)
    user_knn: UserKnnConfig = field(default_factory=UserKnnConfig)
    costly_from: int = LARGE_LOG
    """Number of events from which costly models are fitted. On smaller logs they were not better than the others."""


DEFAULTS = Configs()
