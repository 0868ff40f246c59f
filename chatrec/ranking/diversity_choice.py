"""Choice of the diversity strength: the strongest within the tolerated loss on held-out events."""

from collections.abc import Callable

from chatrec.ensemble.holdout_candidates import HoldoutCandidates
from chatrec.evaluation.holdout import K
from chatrec.ranking.diversity import Diversifier

STRENGTHS = (4.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05)


def strongest(
    held: HoldoutCandidates, make: Callable[[float], Diversifier], max_loss: float
) -> tuple[Diversifier | None, float, float]:
    """Chooses the strongest diversifier within the tolerated loss.

    Args:
        held: Candidates of held-out users.
        make: Makes a diversifier of a given strength.
        max_loss: Maximum relative loss of NDCG@10.

    Returns:
        The diversifier (None if each exceeds the loss or no user is held out), its strength, and the relative change of
        its NDCG@10.
    """
    plain = float(held.ndcg(held.scores).mean()) if len(held) else 0.0
    for strength in STRENGTHS if plain else ():
        way = make(strength)
        gain = float(held.ndcg(way.scores(held.users, held.items, held.scores, K)).mean()) / plain - 1
        if gain >= -max_loss:
            return way, strength, gain
    return None, 0.0, 0.0
