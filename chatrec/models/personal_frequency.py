"""Personal frequency: items that the user takes again and again. Each day counts once, with a half-life of 90 days.

Items that the user never took follow by popularity. Without dates each event counts once.

Hu, He, Gao and Zhang 2020, "Modeling Personalized Item Frequency Information for Next-basket Recommendation".
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from chatrec.data.arrays import Array, FloatArray
from chatrec.data.interactions import DAY
from chatrec.data.user_batch import UserBatch
from chatrec.models.base import Model
from chatrec.models.popularity import CLOCK_FROM
from chatrec.models.training_data import TrainingData

REST = 1e-6
"""Score of the most popular item that a user never took."""


@dataclass(frozen=True)
class Config:
    """Parameters of personal frequency."""

    half_life_days: float = 90.0
    """Half-life of the weight of a day."""


DEFAULT = Config()


@dataclass(frozen=True)
class PersonalFrequency(Model):
    """Popularity of the items; frequencies are read from the history that is scored."""

    popularity: Array
    """Number of users of each item over the largest one, float32."""
    newest: int
    """Time of the newest event, microseconds since 1970; 0 if times are not dates."""
    half_life_days: float = DEFAULT.half_life_days

    def score(self, batch: UserBatch) -> Array:
        """Returns Σ over the user's days with the item of .5^(age in days / half-life)."""
        rows, events = batch.histories.positions(batch.users)
        items = batch.histories.items[events]
        weights: FloatArray = np.ones(len(events))
        if self.newest:
            age = np.maximum((self.newest - batch.histories.times[events]) // DAY, 0)
            of_a_day = (rows * len(self.popularity) + items) * (age.max(initial=0) + 1) + age
            _, once = np.unique(of_a_day, return_index=True)
            rows, items, weights = rows[once], items[once], 0.5 ** (age[once] / self.half_life_days)
        shape = len(batch.users), len(self.popularity)
        own = csr_matrix((weights.astype(np.float32), (rows, items)), shape=shape)
        scores: Array = own.toarray() + np.float32(REST) * self.popularity
        return scores


def fit(data: TrainingData, config: Config = DEFAULT) -> PersonalFrequency:
    """Counts the users of each item."""
    users = data.histories.users_per_item(data.items)
    times = data.histories.times
    newest = int(times.max(initial=0))
    dated = newest >= CLOCK_FROM
    share = (users / max(users.max(initial=0), 1)).astype(np.float32)
    return PersonalFrequency(share, newest if dated else 0, config.half_life_days)
