"""Pooling config of an encoder: layers, text length, prompt and pooling."""

from dataclasses import dataclass
from typing import Any, Self

from torch import nn
from transformers import PreTrainedTokenizerBase

from chatrec.config.encoder import EncoderConfig, Pooling
from chatrec.errors import SettingsError

MIDDLE, LATE = 1 / 2, 3 / 4
"""Relative depth at which a pre-trained model is read: for the states of a text, and for the state after a prompt."""
OF_THE_TEXT = 2 / 3
"""With a prompt, depth at which the states of the text are read, relative to that of the state after the prompt."""


@dataclass(frozen=True)
class PoolingConfig:
    """Settings resolved for one model."""

    layers: tuple[int, ...]
    """Layers whose states are pooled, from 1. A raw vector has the width of the model times their number."""
    max_tokens: int = 128
    """Maximum length of a text with its prompt."""
    pooling: Pooling = "mean"
    first_token: bool = False
    prompt: tuple[int, ...] = ()
    """Tokens of the prompt."""

    @classmethod
    def of(cls, model: Any, tokenizer: PreTrainedTokenizerBase, settings: EncoderConfig, pretrained: bool) -> Self:
        """Choose the values that the settings leave open.

        After a prompt, a pre-trained model predicts one word for the whole text, and the state there represents the
        text (Jiang et al. 2024, arXiv:2307.16645), best in a late layer. The states of the text itself are most
        discriminative in the middle layers (Skean et al. 2025, arXiv:2502.02013). A model trained on the catalogue
        alone has never seen a prompt, so its last layer is pooled.

        Args:
            model: The part of a causal language model that encodes.
            tokenizer: Tokenizer of that model.
            settings: Layer, pooling, prompt and text length.
            pretrained: Whether the model was trained on more than the catalogue.

        Raises:
            SettingsError: If the prompt leaves no token for a text. Names `advanced.encoder.max_tokens`.
        """
        pooling = settings.pooling if settings.pooling != "auto" else "prompt" if pretrained else "mean"
        is_prompted = pooling == "prompt"
        depth = (LATE if is_prompted else MIDDLE) if pretrained else 1
        layer = settings.layer or max(int(depth * len(blocks(model))), 1)
        longest = min(settings.max_tokens, getattr(model.config, "max_position_embeddings", settings.max_tokens))
        prompt = tokenizer(settings.prompt, add_special_tokens=False)["input_ids"] if is_prompted else []
        if len(prompt) >= longest:
            raise SettingsError(
                f"advanced.encoder.max_tokens {longest} leaves no room for a text before the {len(prompt)} tokens of "
                "advanced.encoder.prompt: raise it, or write advanced.encoder.pooling = mean."
            )
        layers = (layer, max(round(OF_THE_TEXT * layer), 1)) if is_prompted else (layer,)
        return cls(layers, longest, pooling, settings.first_token, tuple(prompt))


def blocks(model: Any) -> nn.ModuleList:
    """Transformer blocks of a model, found by their number."""
    layers = model.config.num_hidden_layers
    lists = (module for module in model.modules() if isinstance(module, nn.ModuleList))
    return next(modules for modules in lists if len(modules) == layers)
