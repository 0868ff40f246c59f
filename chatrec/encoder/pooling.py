"""Pool the hidden states of all tokens into one vector: a weighted sum."""

import torch
from torch import Tensor

from chatrec.config.encoder import Pooling
from chatrec.encoder.pooling_config import PoolingConfig


def pool(states: Tensor, mask: Tensor, reading: PoolingConfig) -> Tensor:
    """Pool the states of each text.

    Args:
        states: texts × tokens × width, the states of the layers concatenated.
        mask: texts × tokens, 1 for a token and 0 for padding at the right.
        reading: Pooling config. In a text of one token the first token always counts.

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
    """Weights of the tokens: texts × tokens, float32, rows summing to 1.

    mean: uniform (Reimers and Gurevych 2019, arXiv:1908.10084). weighted: proportional to the position, because under
    causal attention later tokens have seen more of the text (SGPT, Muennighoff 2022, arXiv:2202.08904, eq. 2). last:
    the last token only (Neelakantan et al. 2022, arXiv:2201.10005).
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
    """Mask the first token, an attention sink that carries little of the text (Xiao et al. 2023, arXiv:2309.17453)."""
    kept = mask.clone()
    kept[:, 0] = (mask.sum(1) == 1).to(mask.dtype)
    return kept
