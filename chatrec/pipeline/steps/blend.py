"""The blend step: all channels and their weights."""

from dataclasses import replace

from chatrec.aigc.aigc import NAME, WEIGHED, AigcModel
from chatrec.aigc.state import AigcState
from chatrec.ensemble import ensemble, private
from chatrec.ensemble.inner_product import form_of
from chatrec.pipeline.context import Context
from chatrec.pipeline.private import release_of_night
from chatrec.pipeline.training_data import holdout_of, training_data
from chatrec.runs.results import EnsembleResult
from chatrec.runtime.hardware import use_threads


def blend(context: Context) -> EnsembleResult:
    """Fits the other channels and weighs all of them on held-out events."""
    use_threads(context.settings.compute.threads)
    if context.settings.privacy.enabled:
        return _private_blend(context)
    settings, known = context.settings, training_data(context, context.snapshot.histories)
    others = {NAME: AigcModel(AigcState.load(context.of("aigc") / WEIGHED))}
    form = form_of(settings.ranking.form, known.items)
    return ensemble.learn(known, holdout_of(context), others, settings.ranking.target, form, context.folder)


def _private_blend(context: Context) -> EnsembleResult:
    """Fits the channels that have a proof."""
    release, facts = release_of_night(context)
    learned = private.learn(training_data(context, context.snapshot.histories), release, context.folder)
    return replace(learned, release=facts)
