"""The embed step: vectors of texts."""

from chatrec.encoder import embed as embedding
from chatrec.pipeline.context import Context
from chatrec.runs.results import EmbedResult


def embed(context: Context) -> EmbedResult:
    """Turns the texts that are new into GPT-2 vectors."""
    return embedding.embed(context.snapshot, context.settings, context.folder, context.run.key, context.options.full)
