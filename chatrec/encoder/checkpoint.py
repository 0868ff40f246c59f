"""A causal language model and its tokenizer: from the Hugging Face hub, from a folder, or trained here."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from chatrec.errors import SettingsError
from chatrec.settings.model import Encoder as EncoderSettings


@dataclass(frozen=True)
class Checkpoint:
    """What encodes: a model on its device, its tokenizer, and a digest of both and of how they are used."""

    model: Any
    tokenizer: PreTrainedTokenizerBase
    device: torch.device
    fingerprint: str

    @property
    def width(self) -> int:
        """Length of a raw vector."""
        return int(self.model.config.hidden_size)


def load(name: str | Path, settings: EncoderSettings) -> Checkpoint:
    """Loads a model for encoding.

    Args:
        name: a hub name, or a folder as `save_pretrained` writes it.
        settings: device and length of texts.

    Raises:
        SettingsError: there is no such model, or it cannot be loaded; names `encoder.model`.
    """
    model, tokenizer = read(AutoModel, name)
    device = choose_device(settings.device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    mark = _fingerprint(model, tokenizer, dtype, settings.max_tokens)
    return Checkpoint(model.eval().to(device=device, dtype=dtype), tokenizer, device, mark)


def read(kind: Any, name: str | Path) -> tuple[Any, PreTrainedTokenizerBase]:
    """A model and its tokenizer as they were saved.

    Args:
        kind: AutoModel for the part that encodes, AutoModelForCausalLM for all of it.
        name: a hub name, or a folder.

    Raises:
        SettingsError: there is no such model, or it cannot be loaded; names `encoder.model`.
    """
    transformers_logging.disable_progress_bar()
    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        model = kind.from_pretrained(name)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise SettingsError(
            f"encoder.model {str(name)!r} cannot be loaded: {reason} Write local, a folder with a model, or the name "
            "of one on the hub (which needs the network)."
        ) from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token  # GPT-2 has none; the mask hides what is padded
    tokenizer.padding_side = "right"
    return model, tokenizer


def choose_device(wanted: str) -> torch.device:
    """The device that a setting means."""
    if wanted != "auto":
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _fingerprint(model: Any, tokenizer: Any, dtype: torch.dtype, max_tokens: int) -> str:
    """Everything that decides the vector of a text: weights, tokenizer, precision, length, pooling."""
    total = hashlib.sha256(f"weighted mean, last layer, {dtype}, {max_tokens} tokens".encode())
    for name, weights in sorted(model.state_dict().items()):
        total.update(name.encode())
        total.update(weights.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    total.update(tokenizer.backend_tokenizer.to_str().encode())
    return total.hexdigest()[:16]
