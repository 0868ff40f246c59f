"""The public models, one class for each model of `chatrec.models`.

A class extends the `Config` of its model, which has the parameters and their defaults, and passes itself to `fit` of
the model's module: a run fits the same function.
"""

import numpy as np

from chatrec.api.scored import ScoredEstimator, refuse_large, training_data, training_data_with_features
from chatrec.data.dataset import Dataset
from chatrec.errors import DataError
from chatrec.models import (
    content_knn,
    ease,
    ials,
    item_knn,
    kernel_ridge,
    markov,
    popularity,
    sequential_ease,
    two_tower,
    user_knn,
)
from chatrec.models.base import Model


class EASE(ScoredEstimator, ease.Config):
    """EASE: each item regressed on all others of the same history, in closed form (Steck 2019).

    The score of an item is the sum of its weights with the items of the history. The diagonal is regularised as by
    dropout (Steck 2020). Time grows with the cube of the number of items, memory with its square.

    Args:
        l2: Ridge penalty λ.
        dropout: Dropout probability p, from 0 to below 1.
        user_power: Weight of a user with n events is n to this power; 0 weighs all users alike.
        max_items: Number of items that are fitted, those with the most interactions; others have a score of 0.
        decay: Weight of an event relative to the next one in the history; 1 ignores order.

    Examples:
        >>> import chatrec
        >>> shop = chatrec.Dataset.from_frames({"user_id": [1, 1, 2, 2, 3], "item_id": ["tea", "cup"] * 2 + ["tea"]})
        >>> chatrec.models.EASE(l2=1).fit(shop).recommend(3, k=1).drop("score").rows()
        [(3, 1, 'cup')]
    """

    def fit_model(self, dataset: Dataset) -> Model:
        """Implements `ScoredEstimator.fit_model`."""
        return ease.fit(training_data(dataset), self)


class SequentialEASE(ScoredEstimator, sequential_ease.Config):
    """An order-aware EASE: the next item regressed on histories that decay at several speeds.

    B = (G + λI)⁻¹ R over all prefixes of all histories; the closed form is that of EASE (Steck 2019). Time grows with
    the cube of the number of items times the number of decays.

    Args:
        decays: Weight of an event relative to the next one; each value adds a regression. 0 is the newest event alone.
        l2: Ridge penalty λ.
        few_events: Datasets with fewer interactions use `decays_of_few` and `l2_of_few`.
        decays_of_few: As `decays`.
        l2_of_few: As `l2`.
        max_items: Maximum number of items; `fit` refuses more.

    Examples:
        >>> import chatrec
        >>> shop = chatrec.Dataset.from_frames({"user_id": [1, 1, 2, 2, 3], "item_id": ["tea", "cup"] * 2 + ["tea"]})
        >>> chatrec.models.SequentialEASE().fit(shop).recommend(3, k=1)["item_id"].item()
        'cup'
    """

    def fit_model(self, dataset: Dataset) -> Model:
        """Implements `ScoredEstimator.fit_model`."""
        return sequential_ease.fit(training_data(dataset), self)

    def _refuse(self, dataset: Dataset) -> None:
        refuse_large(self, dataset.items.height, self.max_items, "items", "max_items")


class IALS(ScoredEstimator, ials.Config):
    """iALS: matrix factorisation of implicit feedback by alternating least squares (Hu, Koren and Volinsky 2008).

    The penalty grows with the number of events of a row (Rendle, Krichene, Zhang and Koren 2021). A score is the inner
    product of a user's and an item's vector. Time grows with the number of interactions, never with items².

    Args:
        width: Length of the vectors.
        unobserved: Weight α of pairs without an interaction, relative to those with one.
        l2: Ridge penalty λ.
        mean_events: Weight of the mean number of events beside a row's own in the penalty.
        iterations: Number of alternations.

    Examples:
        >>> import chatrec
        >>> shop = chatrec.Dataset.from_frames({"user_id": [1, 1, 2, 2, 3], "item_id": ["tea", "cup"] * 2 + ["tea"]})
        >>> chatrec.models.IALS(width=4).fit(shop).recommend(3, k=1)["item_id"].item()
        'cup'
    """

    def fit_model(self, dataset: Dataset) -> Model:
        """Implements `ScoredEstimator.fit_model`."""
        return ials.fit(training_data(dataset), self)


class UserKNN(ScoredEstimator, user_knn.Config):
    """User-based nearest neighbours: the items of the most similar users.

    The similarity of two users is the squared cosine of their histories, with items weighted by log(users / users of
    the item), the inverse document frequency (Spärck Jones 1972). Users with exactly the same history are left out.

    Args:
        neighbours: Number of most similar users that count.
        max_users: Maximum number of users; `fit` refuses more, because all are compared with all.

    Examples:
        >>> import chatrec
        >>> shop = chatrec.Dataset.from_frames({"user_id": [1, 1, 2, 2, 3], "item_id": ["tea", "cup"] * 2 + ["tea"]})
        >>> chatrec.models.UserKNN(neighbours=2).fit(shop).recommend(3, k=1)["item_id"].item()
        'cup'
    """

    def fit_model(self, dataset: Dataset) -> Model:
        """Implements `ScoredEstimator.fit_model`."""
        return user_knn.fit(training_data(dataset), self)

    def _refuse(self, dataset: Dataset) -> None:
        refuse_large(self, dataset.users.height, self.max_users, "users", "max_users")


class Markov(ScoredEstimator, markov.Config):
    """Markov transitions between the items of a history, with back-off to item clusters (Katz 1987) for rare items.

    Pairs up to `lags` events apart count, the closer the more. The score of an item is the sum of the transitions from
    the items of the history, weighted by 1 / (age + 1).

    Args:
        lags: Maximum distance of a pair, in events.
        lag_power: Pairs k events apart weigh k to the power of minus this.
        back_off: Number of transitions from which an item counts as much as its cluster.
        damping: Scores are divided by an item's popularity to this power.
        levels: Numbers of clusters, from fine to coarse.
        min_members: Minimum number of items per cluster, on average; levels with fewer are skipped.
        width: Length of the vectors that are clustered.

    Examples:
        >>> import chatrec
        >>> shop = chatrec.Dataset.from_frames({"user_id": [1, 1, 2, 2, 3], "item_id": ["tea", "cup"] * 2 + ["tea"]})
        >>> chatrec.models.Markov().fit(shop).recommend(3, k=1)["item_id"].item()
        'cup'
    """

    def fit_model(self, dataset: Dataset) -> Model:
        """Implements `ScoredEstimator.fit_model`."""
        return markov.fit(training_data(dataset), self)


class Popularity(ScoredEstimator, popularity.Config):
    """Popularity: the summed weights of the users of each item, the same for all users.

    Args:
        half_life: A user counts half for each half-life that the user's latest event with the item is older than the
            newest event, as a share of the time that the dataset spans, from 0 to 1 (exponential decay). None counts
            all users alike.

    Examples:
        >>> import chatrec
        >>> shop = chatrec.Dataset.from_frames({"user_id": [1, 1, 2, 2, 3], "item_id": ["tea", "cup"] * 2 + ["pot"]})
        >>> chatrec.models.Popularity().fit(shop).recommend(3, k=2)["item_id"].to_list()
        ['cup', 'tea']
    """

    def fit_model(self, dataset: Dataset) -> Model:
        """Implements `ScoredEstimator.fit_model`."""
        return popularity.fit(training_data(dataset), self)


class ItemKNN(ScoredEstimator, item_knn.Config):
    """Items that the same users took: Σ over the history of the cosine of two items (Sarwar et al. 2001).

    Args:
        neighbours: Number of nearest items that an item of the history adds to.
        max_pairs: Largest number of pairs of items in the histories, Σ n² over the users, that is counted in a run.

    Examples:
        >>> import chatrec
        >>> shop = chatrec.Dataset.from_frames({"user_id": [1, 1, 2, 2, 3], "item_id": ["tea", "cup"] * 2 + ["tea"]})
        >>> chatrec.models.ItemKNN().fit(shop).recommend(3, k=1)["item_id"].item()
        'cup'
    """

    def fit_model(self, dataset: Dataset) -> Model:
        """Implements `ScoredEstimator.fit_model`."""
        return item_knn.fit(training_data(dataset), self)


class ContentKNN(ScoredEstimator, content_knn.Config):
    """Items whose text vectors are near those of the history: Σ cosine / (age + 1) over its events.

    The mean of item vectors as a user's vector follows AlphaRec (Sheng et al. 2025, arXiv:2407.05441). It recommends
    cold items too. The dataset must have vectors: `dataset.with_vectors(chatrec.TextEncoder().encode(texts))`.

    Examples:
        >>> import chatrec
        >>> shop = chatrec.Dataset.from_frames({"user_id": [1, 2, 3], "item_id": ["cup", "pot", "tea"]})
        >>> shop = shop.with_vectors([[1, 0], [0.8, 0.6], [0, 1]])
        >>> chatrec.models.ContentKNN().fit(shop).similar_items("cup", k=1).rows()
        [('cup', 1, 'pot', 0.800000011920929)]
    """

    def fit_model(self, dataset: Dataset) -> Model:
        """Implements `ScoredEstimator.fit_model`."""
        return content_knn.fit(training_data(dataset), self)

    def _refuse(self, dataset: Dataset) -> None:
        if dataset.vectors is None:
            raise DataError(
                "ContentKNN compares text vectors and the dataset has none: make them by "
                "dataset.with_vectors(chatrec.TextEncoder().encode(texts)), or bring your own."
            )


class KernelRidge(ScoredEstimator, kernel_ridge.Config):
    """Kernel ridge regression from the texts of items to EASE (Saunders, Gammerman and Vovk 1998).

    The weights of EASE are carried over from known items to items with similar texts, so that cold items have scores
    too. Texts are titles, groups and further columns of the items, and vectors if the dataset has them.

    Args:
        reads_texts: Use the dataset's vectors, if it has any.
        ease_config: Parameters of the EASE that is carried over, an `EASE`.
        own_weight: Weight of an event for its own item, which EASE leaves out.
        noise: Noise of an item's column in EASE, times the square root of the mean events of an item.
        sharpness: Exponent of the kernel; the larger, the more only very similar texts count.
        texts_weight: Weight of the vectors' inner products beside those of features.
        predicted_weight: Weight of predicted behaviour beside the texts.
        predicted_rank: Number of dimensions of predicted behaviour.
        predicted_shrinkage: Shrinkage of these dimensions towards equal variances.
        max_cells: Maximum of known items times all items, at 4 bytes each; `fit` refuses more.
        max_items_without_texts: Not used here; a run fits no second kernel above this number of items.

    Examples:
        >>> import chatrec
        >>> items = {"item_id": [1, 2, 3], "title": ["green tea", "black tea", "tea pot"]}
        >>> shop = chatrec.Dataset.from_frames({"user_id": [1, 1, 2], "item_id": [1, 2, 1]}, items=items)
        >>> chatrec.models.KernelRidge().fit(shop).recommend(2, k=2)["item_id"].sort().to_list()
        [2, 3]
    """

    def fit_model(self, dataset: Dataset) -> Model:
        """Implements `ScoredEstimator.fit_model`."""
        return kernel_ridge.fit(training_data_with_features(self, dataset), self)

    def _refuse(self, dataset: Dataset) -> None:
        modelled = min(len(np.unique(dataset.interactions.items)), self.ease_config.max_items)
        refuse_large(
            self, modelled * dataset.items.height, self.max_cells, "pairs of known items and items", "max_cells"
        )


class TwoTower(ScoredEstimator, two_tower.Config):
    """A linear two-tower model from the texts of items to behaviour, trained by sampled softmax.

    Item vectors are linear in the features of texts, and in vectors if the dataset has them, so that cold items have
    scores too; a user's vector is the sum over the history. Some events of each user are predicted from the others
    (sampled softmax: Jean et al. 2015, arXiv:1412.2007).

    Args:
        reads_texts: Use the dataset's vectors, if it has any.
        decay: Weight of an event relative to the next one in the history.
        towers: Number of towers with different seeds; the score is their mean.
        width: Length of the vectors.
        batch_users: Users per batch.
        max_steps: Maximum number of batches.
        max_epochs: Maximum number of epochs.
        batch_events: Maximum events of a user in one batch, drawn at random.
        target_share: Share of these that is predicted.
        sampled_items: Items sampled as negatives per batch.
        learning_rate: Peak learning rate of Adam.
        warm_up: Share of the steps in which the rate rises.
        last_rate: Share of the learning rate that is left at the end.
        dropout: Dropout of features.
        l2: Ridge penalty of the free part of an item's vector.
        first_sharpness: Initial inverse temperature of the softmax.

    Examples:
        >>> import chatrec
        >>> items = {"item_id": [1, 2, 3], "title": ["green tea", "black tea", "tea pot"]}
        >>> shop = chatrec.Dataset.from_frames({"user_id": [1, 1, 2], "item_id": [1, 2, 1]}, items=items)
        >>> chatrec.models.TwoTower(width=8).fit(shop).recommend(2, k=2).height
        2
    """

    def fit_model(self, dataset: Dataset) -> Model:
        """Implements `ScoredEstimator.fit_model`."""
        return two_tower.fit(training_data_with_features(self, dataset), self)
