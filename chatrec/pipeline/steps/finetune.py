"""The steps of `chatrec finetune`: a candidate encoder, its vectors, the comparison, and the decision."""

from dataclasses import asdict
from pathlib import Path

import numpy as np

from chatrec.data.arrays import Array
from chatrec.data.interactions import Queries
from chatrec.encoder import embed as embedding
from chatrec.encoder import registry
from chatrec.encoder.embed import ITEMS, PROFILE_USERS, PROFILES, USERS
from chatrec.encoder.model_selection import choose
from chatrec.encoder.texts import item_texts, user_texts
from chatrec.encoder.training import finetune as training
from chatrec.encoder.training.finetune import Material
from chatrec.errors import RunError
from chatrec.evaluation.cold_start import neighbour_ndcg, pseudo_cold
from chatrec.evaluation.holdout import hold_items_out
from chatrec.evaluation.metrics import paired_difference
from chatrec.extract.snapshot import Snapshot
from chatrec.pipeline.context import Context
from chatrec.pipeline.finetune_runs import LEARNING, all_finetunes, begun_of
from chatrec.pipeline.step_cache import values_of
from chatrec.runs.digests import fingerprint
from chatrec.runs.results import CompareResult, EncodedCatalogue, PromoteResult, ShadowEmbedResult, TrainResult
from chatrec.runs.run import Run
from chatrec.runtime.hardware import use_threads

CANDIDATE, LIVE = "candidate", "live"
USERS_READ = 20_000
"""Maximum number of users whose texts next-token training reads."""


def train(context: Context) -> TrainResult:
    """Trains the candidate on all items except those held out for the comparison."""
    use_threads(context.settings.compute.threads)
    candidate = _candidate(context)
    if candidate.exists():
        return TrainResult(encoder=candidate.name, trained=False)
    snapshot = _snapshot(context)
    material = _material(context, snapshot, ~_hidden(context, snapshot))
    start = choose(context.settings.override({"encoder.model": begun_of(context.run).start}))
    registry.check_files(context.run.root, start.source)
    trainings = training.finetune(start, material, context.settings, candidate)
    return TrainResult(encoder=candidate.name, trained=True, trainings=trainings)


def _material(context: Context, snapshot: Snapshot, learnable: Array) -> Material:
    text, seed = context.settings.text_config, context.settings.compute.seed
    items = item_texts(snapshot.items, text.item)
    learnable = learnable & np.array([bool(item) for item in items], bool)
    histories = snapshot.histories.only(learnable[snapshot.histories.items])
    order = np.random.default_rng(seed).permutation(snapshot.users.height)
    readers = np.sort(order[: USERS_READ if context.settings.advanced.finetune.tokens else 0])
    titles = snapshot.items["title"].fill_null("").to_list()
    searches = Queries.none(snapshot.users.height)  # they may reveal held-out items
    users = user_texts(snapshot.users, readers, titles, histories, text.history, searches, text.user)
    return Material(items, learnable, histories, users)


def embed(context: Context) -> ShadowEmbedResult:
    """Encodes all texts of a run with both encoders, so that the vector cache has them for the next run."""
    use_threads(context.settings.compute.threads)
    snapshot, encoded = _snapshot(context), {}
    for name, source in ((LIVE, begun_of(context.run).live), (CANDIDATE, str(_candidate(context)))):
        folder = context.folder / name
        folder.mkdir()
        chosen = context.settings.override({"encoder.model": source})
        result = embedding.embed(snapshot, chosen, folder, f"{context.run.key}-tuned")
        registry.record(Path(source), {}, result.fingerprint)
        encoded[name] = EncodedCatalogue(result.texts_embedded, result.fingerprint)
        for file in (USERS, PROFILES, PROFILE_USERS):  # the cache has them, and only items are compared
            (folder / file).unlink()
    return ShadowEmbedResult(candidate=encoded[CANDIDATE], live=encoded[LIVE])


def compare(context: Context) -> CompareResult:
    """Measures both encoders on the held-out items."""
    use_threads(context.settings.compute.threads)
    snapshot, seed, begun = _snapshot(context), context.settings.compute.seed, begun_of(context.run)
    hidden = _hidden(context, snapshot)
    holdout = hold_items_out(snapshot.histories, hidden, seed)
    ndcg = {name: neighbour_ndcg(holdout, np.load(context.of("embed") / name / ITEMS)) for name in (CANDIDATE, LIVE)}
    gain, low, high = (round(value, 5) for value in paired_difference(ndcg[CANDIDATE], ndcg[LIVE], seed))
    means = {name: round(float(values.sum() / max(len(values), 1)), 5) for name, values in ndcg.items()}
    for name, source in ((CANDIDATE, _candidate(context)), (LIVE, Path(begun.live))):
        registry.record(source, {"ndcg@10": means[name], "run": begun.run})
    registry.record(_candidate(context), {"gain": (gain, low, high), "over": Path(begun.live).name})
    return CompareResult(
        users=len(holdout),
        hidden_items=int(hidden.sum()),
        candidate_ndcg=means[CANDIDATE],
        live_ndcg=means[LIVE],
        gain=(gain, low, high),
    )


def promote(context: Context) -> PromoteResult:
    """Makes the candidate live if its gain is significantly above zero, and removes old encoders and fine-tunings.

    A live encoder that was trained on data of an erased user is replaced, whatever the gain.
    """
    root, wanted, candidate = context.settings.artifacts.root, context.settings.finetune_config, _candidate(context)
    gain, low, high = context.run.result("compare", CompareResult).gain
    verdict = f"NDCG@10 of pseudo-cold items {gain:+.4f} ({low:+.4f} to {high:+.4f})"
    promoted, must_go = False, registry.trained_on_erased(root, Path(begun_of(context.run).live))
    reason = "better" if low > 0 else "the live encoder was trained on data of an erased user"
    if low <= 0 and not must_go:
        verdict += ": not significantly above zero, the live encoder stays"
    elif context.settings.encoder.model not in registry.REPLACED:
        verdict += (
            f": {reason}, but encoder.model names a model. Set it to auto, then `chatrec encoders use {candidate.name}`"
        )
    elif str(choose(context.settings).source) not in (begun_of(context.run).live, str(candidate)):
        verdict += f": {reason}, but another encoder has become live"
    elif not wanted.promote:
        verdict += f": {reason}, but finetune.promote is false. `chatrec encoders use {candidate.name}` promotes it"
    else:
        registry.promote(root, candidate.name)
        promoted, verdict = True, f"{verdict}: {reason}, the next run encodes with {candidate.name}"
    removed = registry.prune(root, wanted.keep)
    for old in all_finetunes(root):
        if old.key < context.run.key:
            old.remove()
    return PromoteResult(promoted=promoted, verdict=verdict, encoders_removed=len(removed))


def _snapshot(context: Context) -> Snapshot:
    run = Run(context.run.root, begun_of(context.run).run)
    if run.intact("extract") is None:
        raise RunError(
            f"The files of run {run.key}, which this fine-tuning uses, no longer exist or are damaged: start a new one."
        )
    return Snapshot(run.step_folder("extract"))


def _hidden(context: Context, snapshot: Snapshot) -> Array:
    """Returns whether an item is held out to measure the encoders, bool of shape (items,)."""
    return pseudo_cold(snapshot.items["item_id"], context.settings.compute.seed)


def _candidate(context: Context) -> Path:
    """Returns the folder of the candidate, named by the fingerprint of its inputs."""
    mark = fingerprint(asdict(begun_of(context.run)), values_of(context.settings, LEARNING))
    return context.run.root / registry.FOLDER / f"{registry.TUNED_NAME}{mark[:12]}"
