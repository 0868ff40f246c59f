"""The encoder step: the language model that encodes texts."""

from chatrec.encoder.embed import prepare_encoder
from chatrec.pipeline.context import Context
from chatrec.runs.results import EncoderResult


def encoder(context: Context) -> EncoderResult:
    """Trains the local GPT-2, unless it exists or another encoder is chosen."""
    return prepare_encoder(context.snapshot, context.settings, context.folder)
