"""All channels in closed form, and up to which size of catalogue each is fitted."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np

from chatrec.config.settings import Form, Target
from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.features.catalogue import Features
from chatrec.models import ease, ials, kernel_ridge, markov, popularity, sequential_ease, two_tower, user_knn
from chatrec.models.base import Model
from chatrec.models.content_knn import Text

RIDGE_UP_TO = 5_000
"""Items: (3 · items)³ operations take 20 s there."""
NEIGHBOURS_UP_TO = 50_000
"""Users: everybody is compared with everybody."""
POPULARITY = "popularity"
EASE = {"ease": 1.0, "ease lately": 0.95, "ease now": 0.8}
"""Three ways to read a history, by how an event fades with each that came after it."""
TEXT_TOWER, TEXT_KERNEL, LANGUAGE_KERNEL = "text tower", "text kernel", "language kernel"
TEXTS = {"text", TEXT_KERNEL, LANGUAGE_KERNEL, TEXT_TOWER, "language tower"}
"""Channels that know new items too; the maps come without and with what the language model says."""
DECAY_OF_TEXTS: dict[Target, float] = {"next": 0.8, "period": 1.0, "any": 1.0}


@dataclass(frozen=True)
class TrainingData:
    """What channels are fitted on."""

    histories: Interactions
    items: int
    """How many there are."""
    texts: Array
    """items × dimensions, unit length: what GPT-2 says."""
    seed: int
    features: Features = field(default_factory=Features)
    """Of the items."""

    @property
    def unread(self) -> Array:
        """Vectors of no dimension, for maps that are to know features alone."""
        return self.texts[:, :0]


def fit_channels(
    known: TrainingData, target: Target, penalty: float, wanted: Collection[str] | None = None, form: Form = "exact"
) -> dict[str, Model]:
    """The channels that suit the target and the size.

    Args:
        known: what is fitted on.
        target: what a list must predict.
        penalty: of EASE.
        wanted: their names; None fits all that `names` has.
        form: of the blend; a linear one has only channels of vectors.
    """
    wanted = names(known, target, form) if wanted is None else wanted
    found = {name: fit() for name, fit in _kinds(known, target, form).items() if name in wanted}
    readings = {name: decay for name, decay in EASE.items() if name in wanted}
    if readings and form == "exact":
        fitted = ease.fit(known.histories, known.items, penalty)
        found |= {name: replace(fitted, decay=decay) for name, decay in readings.items()}
    return found


def names(known: TrainingData, target: Target, form: Form = "exact") -> tuple[str, ...]:
    """Of all channels that suit, in the order in which `fit_channels` fits them.

    Beside a kernel the text tower adds nothing.
    """
    found = (*_kinds(known, target, form), *(EASE if form == "exact" else ()))
    return tuple(name for name in found if name != TEXT_TOWER or LANGUAGE_KERNEL not in found)


def limits(known: TrainingData, target: Target, form: Form) -> dict[str, str]:
    """What tonight's size leaves of channels: for each that is not fitted on all, what takes over."""
    found = {}
    if form == "linear":
        return {"all that count pairs": "the linear form is for channels of vectors"}
    if target != "any" and known.items > RIDGE_UP_TO:
        found["ridge"] = f"not fitted above {RIDGE_UP_TO:,} items: transitions"
    if target == "any" and known.histories.users > NEIGHBOURS_UP_TO:
        found["neighbours"] = f"not fitted above {NEIGHBOURS_UP_TO:,} users: ials"
    if known.features.kinds and not _has_kernel(known):
        found[LANGUAGE_KERNEL] = f"not fitted above {kernel_ridge.CELLS_UP_TO:,} pairs of known items and items: towers"
    if known.features.kinds and _taken(known) > kernel_ridge.TWICE_UP_TO:
        found[TEXT_KERNEL] = f"not fitted above {kernel_ridge.TWICE_UP_TO:,} items with events: another language tower"
    if known.items > ease.EXACT_UP_TO:
        found["ease"] = f"of the {ease.EXACT_UP_TO:,} items taken most; the rest: transitions, aigc, text"
    return found


def _kinds(known: TrainingData, target: Target, form: Form) -> dict[str, Callable[[], Model]]:
    found = dict(_vectors(known, target, form))
    if form == "exact":
        found |= dict(_pairs(known, target))
        found |= dict(_kernels(known))
    return found


def _vectors(known: TrainingData, target: Target, form: Form) -> Iterator[tuple[str, Callable[[], Model]]]:
    """Channels whose scores are inner products of short vectors."""
    histories, items = known.histories, known.items
    yield POPULARITY, lambda: popularity.fit(histories, items)
    yield "text", lambda: Text(known.texts)
    if known.features.kinds:
        fit, joined = partial(two_tower.fit, decay=DECAY_OF_TEXTS[target]), known.features.joined
        yield TEXT_TOWER, lambda: fit(histories, joined, known.unread, seed=known.seed)
        read = partial(fit, histories, joined, known.texts)
        seeds = range(known.seed + 1, known.seed + 1 + _language_towers(known, form))
        yield "language tower", lambda: two_tower.joined([read(seed=seed) for seed in seeds])
    if target == "period" and len(histories.times) and np.ptp(histories.times):
        for name, half_life in popularity.HALF_LIVES.items():
            yield name, partial(popularity.fit_recent, histories, items, half_life)
    if target == "any" or form == "linear":
        yield "ials", lambda: ials.fit(histories, items, known.seed)


def _pairs(known: TrainingData, target: Target) -> Iterator[tuple[str, Callable[[], Model]]]:
    """Channels that count pairs of items, or of users; EASE is another."""
    histories, items = known.histories, known.items
    if target != "any":
        yield "transitions", lambda: markov.fit(histories, items, known.seed)
        if items <= RIDGE_UP_TO:
            yield "ridge", lambda: sequential_ease.fit(histories, items)
    elif histories.users <= NEIGHBOURS_UP_TO:
        yield "neighbours", lambda: user_knn.fit(histories, items)


def _kernels(known: TrainingData) -> Iterator[tuple[str, Callable[[], Model]]]:
    """Channels that compare all known items with all others."""
    if not _has_kernel(known):
        return
    targets = cache(lambda: kernel_ridge.Targets.of(known.histories, known.items))
    if _taken(known) <= kernel_ridge.TWICE_UP_TO:
        yield TEXT_KERNEL, lambda: kernel_ridge.fit(targets(), known.features, known.unread)
    yield LANGUAGE_KERNEL, lambda: kernel_ridge.fit(targets(), known.features, known.texts)


def _language_towers(known: TrainingData, form: Form) -> int:
    """Of how many seeds: a second one takes the place of the text kernel."""
    return 2 if form == "exact" and _has_kernel(known) and _taken(known) > kernel_ridge.TWICE_UP_TO else 1


def _has_kernel(known: TrainingData) -> bool:
    return bool(known.features.kinds) and kernel_ridge.suits(_taken(known), known.items)


def _taken(known: TrainingData) -> int:
    return len(np.unique(known.histories.items))
