"""How a model reads: up to which layers, how much of a text, what is written after it, and how states are pooled."""

from dataclasses import dataclass
from typing import Any, Self

from torch import nn
from transformers import PreTrainedTokenizerBase

from chatrec.config.encoder import Encoder as EncoderSettings
from chatrec.config.encoder import Pooling
from chatrec.errors import SettingsError

MIDDLE, LATE = 1 / 2, 3 / 4
"""How deep a pre-trained model is read: where the states of a text, and where that after a prompt, say most."""
OF_THE_TEXT = 2 / 3
"""How deep, beside the state after a prompt, the text is read: as a share of the depth of the former."""


@dataclass(frozen=True)
class PoolingConfig:
    """What the settings mean for one model."""

    layers: tuple[int, ...]
    """Whose states are read, from 1; vectors are as many times as wide as the model."""
    max_tokens: int = 128
    """Of a text with its prompt."""
    pooling: Pooling = "mean"
    first_token: bool = False
    prompt: tuple[int, ...] = ()
    """Tokens."""

    @classmethod
    def of(cls, model: Any, tokenizer: PreTrainedTokenizerBase, settings: EncoderSettings, pretrained: bool) -> Self:
        """Chooses what the settings leave open.

        A pre-trained model foresees, after a prompt, one word for all of a text, and the state there is a vector of the
        text (Jiang et al. 2024, arXiv:2307.16645), best in a late layer; the texts themselves are told apart best in
        the middle (Skean et al. 2025, arXiv:2502.02013). A model of the catalogue alone has never met a prompt, and is
        read to its end.

        Args:
            model: the part of a causal language model that encodes.
            tokenizer: of that model.
            settings: layer, pooling, prompt and length of texts.
            pretrained: whether it has read more than the catalogue.

        Raises:
            SettingsError: a prompt leaves no token for a text; names `encoder.max_tokens`.
        """
        pooling = settings.pooling if settings.pooling != "auto" else "prompt" if pretrained else "mean"
        is_prompted = pooling == "prompt"
        depth = (LATE if is_prompted else MIDDLE) if pretrained else 1
        layer = settings.layer or max(int(depth * len(blocks(model))), 1)
        longest = min(settings.max_tokens, getattr(model.config, "max_position_embeddings", settings.max_tokens))
        prompt = tokenizer(settings.prompt, add_special_tokens=False)["input_ids"] if is_prompted else []
        if len(prompt) >= longest:
            raise SettingsError(
                f"encoder.max_tokens {longest} leaves no room for a text before the {len(prompt)} tokens of "
                "encoder.prompt: raise it, or write encoder.pooling = mean."
            )
        layers = (layer, max(round(OF_THE_TEXT * layer), 1)) if is_prompted else (layer,)
        return cls(layers, longest, pooling, settings.first_token, tuple(prompt))


def blocks(model: Any) -> nn.ModuleList:
    """The transformer blocks, whatever the model calls them."""
    layers = model.config.num_hidden_layers
    lists = (module for module in model.modules() if isinstance(module, nn.ModuleList))
    return next(found for found in lists if len(found) == layers)
