"""Attention without a mask: a causal model never looks at padding that stands to the right of a text.

So no mask is built, read or waited for, and the fused causal kernels of the processor and of the GPU can be used.
"""

from typing import Any

from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward

NAME = "causal"
"""Unlike "sdpa" it has no partner that makes masks: the model asks for none."""
FUSED = "sdpa"

AttentionInterface.register(NAME, sdpa_attention_forward)


def without_mask(model: Any) -> None:
    """Lets a causal language model attend to all tokens before, whatever mask it is given, in place.

    A model keeps its masks that has no fused attention, or that may not look at all tokens before.
    """
    sees_all = getattr(model.config, "sliding_window", None) is None
    if sees_all and model.config._attn_implementation == FUSED:
        model.set_attn_implementation(NAME)
