"""Unpack GGUF files once: unpacking takes longer than loading the unpacked weights."""

import logging
from pathlib import Path

from chatrec.encoder import registry
from chatrec.runs.run import fingerprint, replacing

LOG = logging.getLogger("chatrec")
SUFFIX = ".gguf"
UNPACKED_AT_MOST = 1 << 30
"""Bytes. The folder takes up to eight times as much, so a larger file is not unpacked."""


def folder_of(root: Path, file: Path) -> Path:
    """Folder for the unpacked weights of a file."""
    state = file.stat()
    return root / registry.FOLDER / f"{file.stem}-{fingerprint(state.st_size, state.st_mtime_ns)[:8]}"


def unpacked(root: Path, source: str | Path) -> str | Path:
    """Folder with the unpacked weights of a GGUF file if it exists, else the source."""
    path = Path(source)
    if path.suffix == SUFFIX and path.is_file() and (folder := folder_of(root, path)).is_dir():
        return folder
    return source


def unpack(root: Path, source: str | Path) -> None:
    """Write the float32 weights and the tokenizer of a GGUF file as an ordinary Hugging Face folder.

    Other sources and files above UNPACKED_AT_MOST are left alone.

    Args:
        root: Artifact root.
        source: Source of an encoder.
    """
    path = Path(source)
    if path.suffix != SUFFIX or not path.is_file() or path.stat().st_size > UNPACKED_AT_MOST:
        return
    from chatrec.encoder.training.trainable import Learner

    LOG.info("Unpacking %s, once.", path.name)
    with replacing(folder_of(root, path)) as partial:
        Learner.open(path, "cpu").save(partial)
