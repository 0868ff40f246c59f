"""Causal attention without a padding mask.

A causal model never attends to padding at the right of a text, so no mask is built, and the fused causal kernels of CPU
and GPU apply.
"""

from typing import Any

from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

NAME = "causal"
"""Unlike "sdpa", no mask function is registered under this name, so the model builds no mask."""
FUSED = "sdpa"

AttentionInterface.register(NAME, sdpa_attention_forward)


def without_mask(model: Any) -> None:
    """Switch a causal language model to attention without a mask, in place.

    Models without fused attention, or with a sliding window, keep their masks.
    """
    sees_all = getattr(model.config, "sliding_window", None) is None
    if sees_all and model.config._attn_implementation == FUSED:
        model.set_attn_implementation(NAME)
