"""One vector from the hidden states of all tokens: a weighted sum, and what the weights are."""

import torch
from torch import Tensor

from chatrec.config.encoder import Pooling
from chatrec.encoder.pooling_config import PoolingConfig


def pool(states: Tensor, mask: Tensor, reading: PoolingConfig) -> Tensor:
    """The pooled states of each text.

    Args:
        states: texts × tokens × width, those of all layers that are read one beside the other.
        mask: texts × tokens, 1 for a token and 0 for the padding at the right.
        reading: how; whether the first token counts is no matter for a text of one token, where it does.

    Returns:
        texts × width, float32.
    """
    if reading.pooling == "prompt":
        late, middle = states.chunk(2, -1)
        of_text = mask[
            :, len(reading.prompt) :
        ]  # a mask of ones and then zeros: shortened from the left, it is shorter
        middle = middle[:, : of_text.shape[1]]
        return torch.cat([_sum(late, _weights(mask, "last")), _pooled(middle, of_text, "mean", reading.first_token)], 1)
    return _pooled(states, mask, reading.pooling, reading.first_token)


def _pooled(states: Tensor, mask: Tensor, pooling: Pooling, first_token: bool) -> Tensor:
    return _sum(states, _weights(mask if first_token else _without_first(mask), pooling))


def _sum(states: Tensor, weights: Tensor) -> Tensor:
    return torch.bmm(weights.unsqueeze(1), states.float()).squeeze(1)


def _weights(mask: Tensor, pooling: Pooling) -> Tensor:
    """texts × tokens, float32, summing to 1.

    mean: all tokens alike (Reimers and Gurevych 2019, arXiv:1908.10084). weighted: with causal attention a later token
    has read more of the text, so token p counts p times (SGPT, Muennighoff 2022, arXiv:2202.08904, eq. 2). last: the
    token that has read all of it (Neelakantan et al. 2022, arXiv:2201.10005).
    """
    positions = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    if pooling == "mean":
        weights = mask
    elif pooling == "weighted":
        weights = mask * positions
    else:
        weights = positions == (mask * positions).amax(1, keepdim=True)
    return weights.float() / weights.sum(1, keepdim=True).clamp(min=1)


def _without_first(mask: Tensor) -> Tensor:
    """Attention parks on the first token, whose state says little of the text (Xiao et al. 2023, arXiv:2309.17453)."""
    kept = mask.clone()
    kept[:, 0] = (mask.sum(1) == 1).to(mask.dtype)
    return kept
