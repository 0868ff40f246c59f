"""GGUF files, read once: unpacking one takes longer than loading the weights that are in it."""

import logging
from pathlib import Path

from chatrec.encoder import registry
from chatrec.runs.run import fingerprint, replacing

LOG = logging.getLogger("chatrec")
SUFFIX = ".gguf"
UNPACKED_AT_MOST = 1 << 30
"""Bytes; the folder takes up to eight times as much, so a larger file is read as it is."""


def folder_of(root: Path, file: Path) -> Path:
    """The folder for the weights of a file."""
    state = file.stat()
    return root / registry.FOLDER / f"{file.stem}-{fingerprint(state.st_size, state.st_mtime_ns)[:8]}"


def unpacked(root: Path, source: str | Path) -> str | Path:
    """The folder with the weights of a GGUF file, if there is one; else the source as it is."""
    path = Path(source)
    if path.suffix == SUFFIX and path.is_file() and (folder := folder_of(root, path)).is_dir():
        return folder
    return source


def unpack(root: Path, source: str | Path) -> None:
    """Writes the weights of a GGUF file, in float32, and its tokenizer as an ordinary folder of a Hugging Face model.

    Anything else is left alone, and so is a file that is too large.

    Args:
        root: the artifact root.
        source: of an encoder.
    """
    path = Path(source)
    if path.suffix != SUFFIX or not path.is_file() or path.stat().st_size > UNPACKED_AT_MOST:
        return
    from chatrec.encoder.training.trainable import Learner

    LOG.info("Unpacking %s, once.", path.name)
    with replacing(folder_of(root, path)) as partial:
        Learner.open(path, "cpu").save(partial)
