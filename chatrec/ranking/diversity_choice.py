"""How varied lists are made: as varied as the tolerated loss on held-out events allows."""

from collections.abc import Callable

from chatrec.ensemble.holdout_candidates import HoldoutCandidates
from chatrec.evaluation.holdout import K
from chatrec.ranking.diversity import Diversifier

STRENGTHS = (4.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05)


def strongest(
    held: HoldoutCandidates, make: Callable[[float], Diversifier], max_loss: float
) -> tuple[Diversifier | None, float, float]:
    """The strongest way that costs no more than is tolerated.

    Args:
        held: held-out users.
        make: a way of a strength.
        max_loss: of NDCG@10, as a part of it.

    Returns:
        The way (None if each costs more, or nobody is held out), its strength, and its NDCG@10 less the plain one, as a
        part of that.
    """
    plain = float(held.ndcg(held.scores).mean()) if len(held) else 0.0
    for strength in STRENGTHS if plain else ():
        way = make(strength)
        gain = float(held.ndcg(way.scores(held.users, held.items, held.scores, K)).mean()) / plain - 1
        if gain >= -max_loss:
            return way, strength, gain
    return None, 0.0, 0.0
