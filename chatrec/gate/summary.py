"""The end of a run in three sentences: what makes the lists and why, how sure that is, and what would help."""

from collections.abc import Iterator

from chatrec.ensemble.choice import ENSEMBLE
from chatrec.extract.data_shape import ENOUGH_HELD_OUT, DataShape, advice
from chatrec.models.labels import POPULARITY, TEXT, kind_of, kinds, label
from chatrec.models.registry import CONTENT_KNN
from chatrec.runs.results import EnsembleResult


def summary(result: EnsembleResult, shape: DataShape, exclude_seen: bool) -> str:
    """Returns the three sentences.

    Args:
        result: Result of the step ensemble, which compared the ensemble with baselines.
        shape: Shape of the data of the run.
        exclude_seen: The setting `ranking.exclude_seen`.
    """
    return " ".join([made_of(result), certainty(result), *what_would_help(result, shape, exclude_seen)])


def made_of(result: EnsembleResult) -> str:
    """Says what makes the lists, and why."""
    baseline = label(result.baseline or "")
    if result.published == CONTENT_KNN:
        return "The lists are made of similar texts, because hardly any item was taken by two people."
    if result.published != ENSEMBLE:
        nothing = ", so these events show nothing personal" if kind_of(result.published) == POPULARITY else ""
        return (
            f"The lists are made of {label(result.published)}: the ensemble of all models is not ahead of it{nothing}."
        )
    models = f"The lists are made by an ensemble ({_evidence(result)})"
    if result.ndcg is None or result.baseline_ndcg is None:
        return f"{models} with usual weights, because no events could be held out to choose others."
    if result.ndcg > result.baseline_ndcg:
        return f"{models}, because it is ahead of the best simple list, {baseline}."
    return f"{models}, which the held-out events cannot tell from the best simple list, {baseline}."


def certainty(result: EnsembleResult) -> str:
    """Says how sure the choice is."""
    if result.ndcg is None or result.baseline_ndcg is None:
        return "This is unproven: no user has an event to hold out and one before it."
    people, windows = f"{result.holdout_users:,} people", result.holdout_windows
    times = f", held out {windows} times" if windows > 1 else ""
    few = result.holdout_users < ENOUGH_HELD_OUT
    return (
        f"NDCG@10 is {result.ndcg:.3f}, and {result.baseline_ndcg:.3f} of {label(result.baseline or '')}, on events of "
        f"{people}{times}{f': unproven, as it takes {ENOUGH_HELD_OUT} to be sure' if few else ''}."
    )


def what_would_help(result: EnsembleResult, shape: DataShape, exclude_seen: bool) -> Iterator[str]:
    """Yields what would make the lists better."""
    yield from advice(shape, exclude_seen)
    if result.holdout_users < ENOUGH_HELD_OUT:
        yield "A longer history would help most: more people who come back show which models are right."


def _evidence(result: EnsembleResult) -> str:
    """Returns the kinds of evidence with their shares of the weights, the largest first."""
    total = sum(result.weights.values()) or 1.0
    shares = kinds({name: weight / total for name, weight in result.weights.items()})
    return ", ".join(f"{'texts' if kind == TEXT else kind} {share:.0%}" for kind, share in shares.items())
