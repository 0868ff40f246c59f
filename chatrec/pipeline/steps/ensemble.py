"""The ensemble step: all models and their weights."""

from dataclasses import replace

from chatrec.aigc.aigc import NAME, WITHOUT_HOLDOUT, AigcModel
from chatrec.aigc.state import AigcState
from chatrec.ensemble import private
from chatrec.ensemble.ensemble import fit
from chatrec.ensemble.inner_product import form_of
from chatrec.pipeline.context import Context
from chatrec.pipeline.private import release_of_run
from chatrec.pipeline.training_data import holdout_of, training_data
from chatrec.runs.results import EnsembleResult
from chatrec.runtime.hardware import use_threads


def ensemble(context: Context) -> EnsembleResult:
    """Fits the other models, and the weights of all models on held-out events."""
    use_threads(context.settings.compute.threads)
    if context.settings.privacy.enabled:
        return _fit_private(context)
    settings, data = context.settings, training_data(context, context.snapshot.histories)
    others = {NAME: AigcModel(AigcState.load(context.of("aigc") / WITHOUT_HOLDOUT))}
    form = form_of(settings.advanced.ranking.form, data.items)
    return fit(data, holdout_of(context), others, settings.ranking.target, form, context.folder)


def _fit_private(context: Context) -> EnsembleResult:
    """Fits the models with a privacy proof."""
    release, facts = release_of_run(context)
    fitted = private.fit(training_data(context, context.snapshot.histories), release, context.folder)
    return replace(fitted, release=facts)
