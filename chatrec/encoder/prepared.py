"""The encoder of a run as far as it can be known without its weights: how it reads, and the name of its vectors.

A CPU may take `encoder.minutes` to read a catalogue for the first time. The reading that fits is chosen by the measured
rate and remembered beside the encoders, so later runs read in the same way, and load no model unless a text is new.
"""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from chatrec.config import Settings
from chatrec.config.encoder import Encoder as EncoderSettings
from chatrec.encoder import gguf, registry
from chatrec.encoder.model_selection import SelectedModel, cached, choose
from chatrec.extract.snapshot import Snapshot
from chatrec.runs.run import fingerprint, write_atomically

FILE = "prepared.json"
NVIDIA = Path("/dev/nvidiactl")
NOT_OF_THE_READING = {"local", "batch_tokens", "dimensions", "shrinkage", "user_text"}


@dataclass(frozen=True)
class PreparedEncoder:
    """What embeds the texts of a run."""

    layer: int
    """`encoder.layer`, chosen."""
    pooling: str
    """`encoder.pooling`, chosen."""
    fingerprint: str
    """The folder of the vectors."""
    width: int
    """Length of a raw vector."""
    weights: int
    """Parameters of the layers that are read."""
    device: str
    tokens_per_second: float
    """As measured; 0 where no time had to be measured."""

    def settings(self, settings: EncoderSettings) -> EncoderSettings:
        """The settings with what was chosen."""
        return settings.model_copy(update={"layer": self.layer, "pooling": self.pooling})


def prepare(snapshot: Snapshot, settings: Settings) -> tuple[SelectedModel, PreparedEncoder]:
    """Chooses the encoder and how it reads, or finds what was chosen before.

    Args:
        snapshot: whose texts are to be read.
        settings: `encoder`, `text` and the artifact root.
    """
    unpack(settings)
    root, choice = settings.artifacts.root, choose(settings)
    file = root / registry.FOLDER / FILE
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    key = _key(choice, settings.encoder)
    if key not in known:
        from chatrec.encoder.budget import measure

        known[key] = asdict(measure(choice, snapshot, settings))
        write_atomically(file, json.dumps(known, indent=1))
    return choice, PreparedEncoder(**known[key])


def unpack(settings: Settings) -> None:
    """Makes an ordinary folder of the encoder if it comes as a GGUF file; a part of `prepare` that needs no texts."""
    gguf.unpack(settings.artifacts.root, choose(settings).source)


def _key(choice: SelectedModel, settings: EncoderSettings) -> str:
    """A digest of everything that decides how is read: the files as they are, and the settings."""
    path = Path(choice.source)
    if not path.exists() and (config := cached(str(choice.source), ("config.json",))):
        path = config.parent
    files = [path] if path.is_file() else sorted(each for each in path.glob("*") if each.name != registry.VERSION)
    stamps = [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files]
    used = settings.model_dump(mode="json", exclude=NOT_OF_THE_READING)
    machine = sys.platform, NVIDIA.exists()  # asking torch for its devices takes seconds
    return fingerprint(str(choice.source), choice.pretrained, stamps, used, machine)
