"""The prepared encoder of a run: its pooling config and the name of its vectors, known without loading weights.

A CPU may take `encoder.minutes` to encode a catalogue for the first time. The pooling config that fits is chosen by the
measured rate and stored beside the encoders. Later runs use the same one, and load the model only for new texts.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from chatrec.config import Settings
from chatrec.config.aigc import LARGE_LOG
from chatrec.config.encoder import EncoderConfig
from chatrec.encoder import feature_hashing, gguf, registry
from chatrec.encoder.model_selection import HASHING, SelectedModel, cached, choose
from chatrec.extract.snapshot import Snapshot
from chatrec.runs.run import fingerprint, write_atomically

FILE = "prepared.json"
NVIDIA = Path("/dev/nvidiactl")
NOT_OF_THE_READING = {"local", "batch_tokens", "dimensions", "shrinkage", "user_text"}


@dataclass(frozen=True)
class PreparedEncoder:
    """The encoder of a run."""

    layer: int
    """Resolved `advanced.encoder.layer`; 0 without a language model."""
    pooling: str
    """Resolved `advanced.encoder.pooling`; empty without a language model."""
    fingerprint: str
    """Name of the folder of the vectors."""
    width: int
    """Length of a raw vector."""
    weights: int
    """Number of parameters of the layers in use."""
    device: str
    tokens_per_second: float
    """Measured rate; 0 if no measurement was needed."""

    def settings(self, settings: EncoderConfig) -> EncoderConfig:
        """Settings with the resolved layer and pooling."""
        return settings.model_copy(update={"layer": self.layer, "pooling": self.pooling})


HASHED = PreparedEncoder(0, "", feature_hashing.FINGERPRINT, feature_hashing.WIDTH, 0, "cpu", 0.0)
"""The encoder without a language model."""


def prepare(snapshot: Snapshot, settings: Settings) -> tuple[SelectedModel, PreparedEncoder]:
    """Choose the encoder and its pooling config, or load the earlier choice.

    Args:
        snapshot: Snapshot whose texts will be encoded.
        settings: `encoder`, `text` and the artifact root.
    """
    root, choice = settings.artifacts.root, select(snapshot, settings)
    if choice.kind == HASHING:
        return choice, HASHED
    unpack(settings)
    choice = choose(settings)
    file = root / registry.FOLDER / FILE
    measured = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    key = _key(choice, settings.encoder_config)
    if key not in measured:
        from chatrec.encoder.budget import measure

        measured[key] = asdict(measure(choice, snapshot, settings))
        write_atomically(file, json.dumps(measured, indent=1))
    return choice, PreparedEncoder(**measured[key])


def has_small_log(snapshot: Snapshot, settings: Settings) -> bool:
    """Whether the log is too small to be worth minutes of a language model. Never with [privacy], as it counts events.

    Args:
        snapshot: Snapshot of the run.
        settings: `privacy`.
    """
    return not settings.privacy.enabled and len(snapshot.histories.items) < LARGE_LOG


def select(snapshot: Snapshot, settings: Settings) -> SelectedModel:
    """Select the encoder of a run: HASHING for a small log on a CPU, unless settings or a promotion ask for a model.

    Args:
        snapshot: Snapshot whose texts will be encoded.
        settings: `encoder` and the artifact root.
    """
    choice = choose(settings)
    if may_hash(choice, settings) and has_small_log(snapshot, settings):
        return SelectedModel(HASHING, HASHING, f"fewer than {LARGE_LOG:,} interactions are worth no language model")
    return choice


def may_hash(choice: SelectedModel, settings: Settings) -> bool:
    """Whether hashed n-grams replace this encoder for a small log.

    Args:
        choice: Encoder of the settings.
        settings: `encoder` and `privacy`.
    """
    encoder = settings.encoder_config
    is_open = encoder.model == "auto" and choice.kind != "tuned" and encoder.pooling == "auto" and not encoder.layer
    on_cpu = encoder.device == "cpu" or (encoder.device == "auto" and not NVIDIA.exists())
    return is_open and on_cpu and not settings.privacy.enabled


def unpack(settings: Settings) -> None:
    """Unpack the encoder if it is a GGUF file. This part of `prepare` needs no texts."""
    gguf.unpack(settings.artifacts.root, choose(settings).source)


def _key(choice: SelectedModel, settings: EncoderConfig) -> str:
    """Digest of everything that determines the pooling config: the model's files and the settings."""
    path = Path(choice.source)
    if not path.exists() and (config := cached(str(choice.source), ("config.json",))):
        path = config.parent
    files = [path] if path.is_file() else sorted(file for file in path.glob("*") if file.name != registry.VERSION)
    stamps = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    used = settings.model_dump(mode="json", exclude=NOT_OF_THE_READING)
    machine = sys.platform, NVIDIA.exists()  # asking torch for its devices takes seconds
    return fingerprint(str(choice.source), choice.pretrained, stamps, used, machine)
