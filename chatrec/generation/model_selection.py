"""Select the causal language model for generation."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from transformers import AutoConfig

from chatrec.config import Settings
from chatrec.encoder.model_selection import choose
from chatrec.errors import ChatrecError
from chatrec.runs.digests import digest_of, fingerprint


@dataclass(frozen=True)
class Source:
    """A causal language model, or none, and the reason."""

    model: str | Path | None
    """A name on the hub, a folder or a GGUF file."""
    reason: str

    def fingerprint(self) -> str:
        """Digest of weights and tokenizer, without loading them."""
        path = Path(self.model or "")
        if path.is_dir():
            return digest_of(path)
        if path.is_file():
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()[:32]
        return fingerprint(self.model, AutoConfig.from_pretrained(self.model)._commit_hash)


def source_of(settings: Settings, small_log: bool = False) -> Source:
    """Resolve `generate.model` on this machine.

    Args:
        settings: `generate` and `encoder`.
        small_log: Whether the log is small, so that auto selects no model for names alone.
    """
    wanted = settings.generate.model
    if wanted == "auto" and small_log and not settings.generate.blurbs:
        return Source(None, "the log is small, so that groups are named by words of their items")
    if wanted == "none":
        return Source(None, "generate.model is none")
    if wanted != "auto":
        settings = settings.override({"encoder.model": wanted})
    try:
        choice = choose(settings)
    except ChatrecError as error:  # generation is optional: an error disables it
        return Source(None, str(error))
    if not choice.pretrained:
        return Source(None, f"the encoder {choice.name} was trained on the catalogue alone")
    return Source(choice.source, "it is the encoder" if wanted == "auto" else choice.reason)
