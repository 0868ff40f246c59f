"""One vector from the hidden states of all tokens."""

from torch import Tensor, arange


def weighted_mean(states: Tensor, mask: Tensor) -> Tensor:
    """The mean over tokens, weighted by their position.

    With causal attention a later token has read more of the text: token p counts p times (SGPT, Muennighoff 2022,
    arXiv:2202.08904, eq. 2).

    Args:
        states: texts × tokens × width.
        mask: texts × tokens, 1 for a token and 0 for padding.

    Returns:
        texts × width, float32.
    """
    positions = arange(1, states.shape[1] + 1, device=states.device)
    weights = (mask * positions).float()
    weights = weights / weights.sum(1, keepdim=True).clamp(min=1)
    return (states.float() * weights.unsqueeze(-1)).sum(1)
