"""The encoder step: the language model that reads texts."""

from chatrec.encoder.embed import prepare_encoder
from chatrec.pipeline.context import Context
from chatrec.runs.results import EncoderResult


def encoder(context: Context) -> EncoderResult:
    """Trains the local GPT-2 if there is none yet."""
    return prepare_encoder(context.snapshot, context.settings, context.folder)
