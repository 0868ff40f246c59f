"""The index step: FAISS over the items that may be listed."""

import numpy as np

from chatrec.aigc.aigc import AigcModel
from chatrec.aigc.state import AigcState
from chatrec.data.user_batch import UserBatch
from chatrec.ensemble.ensemble import Ensemble
from chatrec.pipeline.context import Context
from chatrec.retrieval import index as faiss_index
from chatrec.retrieval.concatenated import ConcatenatedVectors
from chatrec.runs.results import IndexResult
from chatrec.runtime.hardware import use_threads


def index(context: Context) -> IndexResult:
    """Builds the FAISS index of the available items."""
    use_threads(context.settings.compute.threads)
    settings = context.settings
    joint = ConcatenatedVectors.of(Ensemble.load(context.of("ensemble")), AigcModel(AigcState.load(context.of("aigc"))))
    rows = np.flatnonzero(context.listable).astype(np.int32)
    users_with_history = np.flatnonzero(context.snapshot.histories.lengths > 0)
    random = np.random.default_rng(settings.compute.seed)
    sample = np.sort(random.choice(users_with_history, min(1000, len(users_with_history)), replace=False))
    batch = UserBatch(context.snapshot.histories, sample, context.recommendable, settings.ranking.exclude_seen)
    users = joint.join({name: model.queries(batch) for name, model in joint.models.items()})
    built = faiss_index.build(joint.keys[rows], rows, users, settings.advanced.index)
    built.save(context.folder)
    facts = built.facts
    return IndexResult(items=len(built), kind=facts.kind, effort=facts.effort, recall=round(facts.recall, 4))
