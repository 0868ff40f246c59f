"""The ensemble step: all models and their weights."""

from dataclasses import replace

from chatrec.aigc.aigc import NAME, WITHOUT_HOLDOUT, AigcModel
from chatrec.aigc.state import AigcState
from chatrec.ensemble import private
from chatrec.ensemble.ensemble import fit
from chatrec.ensemble.inner_product import form_of
from chatrec.models.base import Model
from chatrec.models.entry import Case
from chatrec.pipeline.context import Context
from chatrec.pipeline.private import release_of_run
from chatrec.pipeline.training_data import training_data, windows_of
from chatrec.runs.results import EnsembleResult
from chatrec.runtime.hardware import use_threads


def ensemble(context: Context) -> EnsembleResult:
    """Fits the other models, and the weights of all models on held-out events."""
    use_threads(context.settings.compute.threads)
    if context.settings.privacy.enabled:
        return _fit_private(context)
    ranking, data = context.settings.ranking, training_data(context, context.snapshot.histories)
    form = form_of(context.settings.advanced.ranking.form, data.items)
    case = Case(data, ranking.target, form, exclude_seen=ranking.exclude_seen)
    windows, others = windows_of(context), dict[str, Model]()
    trained = context.of("aigc") / WITHOUT_HOLDOUT
    if trained.exists():  # the network knows the events of earlier windows
        windows, others = windows[:1], {NAME: AigcModel(AigcState.load(trained))}
    return fit(case, windows, others, context.folder)


def _fit_private(context: Context) -> EnsembleResult:
    """Fits the models with a privacy proof."""
    release, facts = release_of_run(context)
    fitted = private.fit(training_data(context, context.snapshot.histories), release, context.folder)
    return replace(fitted, release=facts)
