"""`chatrec finetune`: trains a candidate encoder, measures it beside the live one, and promotes it if it is better.

A fine-tuning is a run of its own in `finetunes/<key>/`, with manifests like a night's: it can be killed and gone on
with. It needs no database: the last published night gives the snapshot. Which night that is, and which encoder a
candidate has to beat, is written down when it begins.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chatrec.config import Settings
from chatrec.errors import RunError
from chatrec.pipeline.context import Context
from chatrec.pipeline.runner import SETTINGS, Watch, changes_of, of_run
from chatrec.pipeline.step_cache import do, done_before, inputs_of, manifest_of
from chatrec.pipeline.steps import Step, use_threads
from chatrec.runs.run import (
    KEY,
    Counts,
    Manifest,
    Run,
    fingerprint,
    key_of,
    runs_under,
    using_snapshots,
    write_atomically,
)

if TYPE_CHECKING:
    from chatrec.data.arrays import Array
    from chatrec.encoder.training.finetune import Material
    from chatrec.extract.snapshot import Snapshot

LOG = logging.getLogger("chatrec")
FOLDER = "finetunes"
BEGUN = "begun.json"
CANDIDATE, LIVE = "candidate", "live"
USERS_READ = 20_000
"""Users whose texts next-token training reads at most."""
GONE_ON_WITH = timedelta(days=1)
"""A fine-tuning that was interrupted longer ago learns from old events: a new one takes its place."""


@dataclass(frozen=True)
class Begun:
    """What a fine-tuning is made from."""

    night: str
    """The key of the night that gives the snapshot."""
    live: str
    """The encoder that a candidate has to beat: a folder, or a name on the hub."""
    start: str
    """The encoder that a candidate is made from: the live one, unless that remembers somebody who was erased."""


def begin(settings: Settings, key: str | None = None) -> Run:
    """Writes down what a fine-tuning is made from.

    Args:
        settings: of this fine-tuning, options included.
        key: of it; default: the newest one if it was interrupted, else a new one that stands for now.

    Raises:
        RunError: no night has been published yet.
    """
    from chatrec.encoder import registry
    from chatrec.encoder.model_selection import choose

    root = settings.artifacts.root
    run = _of(root, key or _interrupted(root) or key_of(datetime.now(UTC)))
    if not (run.folder / BEGUN).exists():
        live, first = (str(choose(settings, promoted).source) for promoted in (True, False))
        begun = Begun(_published_night(root).key, live, first if registry.remembers(root, Path(live)) else live)
        write_atomically(run.folder / BEGUN, json.dumps(asdict(begun)))
    if not _finished(run):
        write_atomically(run.folder / SETTINGS, json.dumps(changes_of(settings), default=str))
    return run


def perform(settings: Settings, key: str, name: str) -> Manifest:
    """Does one step of a fine-tuning, unless it was done from the same inputs before.

    Args:
        settings: for the artifact root; all else is the fine-tuning's own.
        key: of it.
        name: of the step.

    Raises:
        RunError: it was not begun, or a step before this one is not done.
        Busy: somebody is being erased.
    """
    step, run = BY_NAME[name], _of(settings.artifacts.root, key)
    settings = of_run(settings, run)
    inputs = inputs_of(settings, run, step, asdict(_begun(run)))
    if done := done_before(run, step, inputs):
        LOG.info("%s was done before.", step.title)
        return done
    with using_snapshots(run.root):
        return do(Context(run, settings, run.fresh_folder(name)), step, inputs)


def finetune(settings: Settings, key: str | None, watch: Watch) -> Manifest:
    """Does a whole fine-tuning, or what is left of one; returns what became of the candidate."""
    run = begin(settings, key)
    for step in STEPS:
        watch(step, None)
        manifest = perform(settings, run.key, step.name)
        watch(step, manifest)
    return manifest


def abandon(root: Path) -> int:
    """Removes fine-tunings that have not ended, because somebody is erased of whom they learned; returns how many."""
    begun = [run for run in _all(root) if not _finished(run)]
    for run in begun:
        run.remove()
    return len(begun)


def _train(context: Context) -> Counts:
    """Trains the candidate on all items but those that it will be measured by."""
    from chatrec.encoder.model_selection import choose
    from chatrec.encoder.training.finetune import finetune as train

    use_threads(context.settings)
    candidate = _candidate(context)
    if candidate.exists():
        return {"encoder": candidate.name, "trained": False}
    snapshot = _snapshot(context)
    material = _material(context, snapshot, ~_hidden(context, snapshot))
    start = choose(context.settings.override({"encoder.model": _begun(context.run).start}))
    facts = train(start, material, context.settings, candidate)
    return {"encoder": candidate.name, "trained": True, **facts}


def _material(context: Context, snapshot: Snapshot, learnable: Array) -> Material:
    import numpy as np

    from chatrec.data.interactions import Queries
    from chatrec.encoder.texts import item_texts, user_texts
    from chatrec.encoder.training.finetune import Material

    text, seed = context.settings.text, context.settings.compute.seed
    items = item_texts(snapshot.items, text.item)
    learnable = learnable & np.array([bool(each) for each in items], bool)
    histories = snapshot.histories.only(learnable[snapshot.histories.items])
    order = np.random.default_rng(seed).permutation(snapshot.users.height)
    readers = np.sort(order[: USERS_READ if context.settings.finetune.tokens else 0])
    titles = snapshot.items["title"].fill_null("").to_list()
    searches = Queries.none(snapshot.users.height)  # they may tell what is hidden
    users = user_texts(snapshot.users, readers, titles, histories, text.history, searches, text.user)
    return Material(items, learnable, histories, users)


def _embed(context: Context) -> Counts:
    """Encodes what a night encodes, by both encoders: the store then has what the next night needs of either."""
    from chatrec.encoder import registry
    from chatrec.encoder.embed import PROFILE_USERS, PROFILES, USERS, embed

    use_threads(context.settings)
    snapshot, counts = _snapshot(context), Counts()
    for name, source in ((LIVE, _begun(context.run).live), (CANDIDATE, str(_candidate(context)))):
        folder = context.folder / name
        folder.mkdir()
        chosen = context.settings.override({"encoder.model": source})
        found = embed(snapshot, chosen, folder, f"{context.run.key}-tuned")
        registry.record(Path(source), {}, found["fingerprint"])
        counts |= {f"{name} texts embedded": found["texts embedded"], f"{name} fingerprint": found["fingerprint"]}
        for file in (USERS, PROFILES, PROFILE_USERS):  # the store has them now, and items alone are compared
            (folder / file).unlink()
    return counts


def _compare(context: Context) -> Counts:
    """Measures both encoders on the items of which the candidate learned nothing."""
    import numpy as np

    from chatrec.encoder import registry
    from chatrec.encoder.embed import ITEMS
    from chatrec.evaluation.cold_start import neighbour_ndcg
    from chatrec.evaluation.holdout import hold_items_out
    from chatrec.evaluation.metrics import paired_difference

    use_threads(context.settings)
    snapshot, seed, begun = _snapshot(context), context.settings.compute.seed, _begun(context.run)
    hidden = _hidden(context, snapshot)
    holdout = hold_items_out(snapshot.histories, hidden, seed)
    found = {name: neighbour_ndcg(holdout, np.load(context.of("embed") / name / ITEMS)) for name in (CANDIDATE, LIVE)}
    gain = [round(each, 5) for each in paired_difference(found[CANDIDATE], found[LIVE], seed)]
    means = {name: round(float(each.sum() / max(len(each), 1)), 5) for name, each in found.items()}
    for name, source in ((CANDIDATE, _candidate(context)), (LIVE, Path(begun.live))):
        registry.record(source, {"ndcg@10": means[name], "night": begun.night})
    registry.record(_candidate(context), {"gain": gain, "over": Path(begun.live).name})
    return {
        "users": len(holdout),
        "hidden items": int(hidden.sum()),
        **{f"{name} NDCG@10": mean for name, mean in means.items()},
        "gain": gain,
    }


def _promote(context: Context) -> Counts:
    """Makes the candidate live if its gain is clear of zero, and removes what is older than is kept.

    A live encoder that remembers somebody who was erased has to go, whatever the gain.
    """
    from chatrec.encoder import registry
    from chatrec.encoder.model_selection import choose

    root, wanted, candidate = context.settings.artifacts.root, context.settings.finetune, _candidate(context)
    gain, low, high = manifest_of(context.run, "compare").counts["gain"]
    words = f"NDCG@10 of pseudo-cold items {gain:+.4f} ({low:+.4f} to {high:+.4f})"
    promoted, must_go = False, registry.remembers(root, Path(_begun(context.run).live))
    if low <= 0 and not must_go:
        words += ": not clear of zero, the live encoder stays"
    elif context.settings.encoder.model not in registry.REPLACED:
        words += f": better, but encoder.model names a model; with auto, `chatrec encoders use {candidate.name}` counts"
    elif str(choose(context.settings).source) not in (_begun(context.run).live, str(candidate)):
        words += ": better, but another encoder is live by now"
    elif not wanted.promote:
        words += f": better; finetune.promote is false, so `chatrec encoders use {candidate.name}` is yours to say"
    else:
        registry.promote(root, candidate.name)
        why = "better" if low > 0 else "the live one remembers somebody who was erased"
        promoted, words = True, f"{words}: {why}, the next night encodes with {candidate.name}"
    removed = registry.prune(root, wanted.keep)
    for old in _all(root):
        if old.key < context.run.key:
            old.remove()
    return {"promoted": promoted, "verdict": words, "encoders removed": len(removed)}


def _begun(run: Run) -> Begun:
    file = run.folder / BEGUN
    if not file.exists():
        raise RunError(f"Fine-tuning {run.key} has no files under {run.root}: begin it with `chatrec finetune`.")
    return Begun(**json.loads(file.read_text(encoding="utf-8")))


def _snapshot(context: Context) -> Snapshot:
    from chatrec.extract.snapshot import Snapshot

    night = Run(context.run.root, _begun(context.run).night)
    if night.manifest("extract") is None:
        raise RunError(f"The files of run {night.key} are gone, from which this fine-tuning learns: begin a new one.")
    return Snapshot(night.step_folder("extract"))


def _hidden(context: Context, snapshot: Snapshot) -> Array:
    """bool for each item: nothing is learned of it, so that encoders can be measured by it."""
    from chatrec.evaluation.cold_start import pseudo_cold

    return pseudo_cold(snapshot.items["item_id"], context.settings.compute.seed)


def _candidate(context: Context) -> Path:
    """The folder of the encoder that is made, named by what it is made from."""
    from chatrec.encoder import registry

    values = context.settings.frozen()
    mark = fingerprint(asdict(_begun(context.run)), {name: values[name] for name in LEARNING})
    return context.run.root / registry.FOLDER / f"tuned-{mark[:12]}"


def _of(root: Path, key: str) -> Run:
    return Run(root, key, root / FOLDER / key)


def _all(root: Path) -> list[Run]:
    """All fine-tunings that have files, the oldest first."""
    folder = root / FOLDER
    keys = sorted(entry.name for entry in folder.iterdir()) if folder.exists() else []
    return [_of(root, key) for key in keys if KEY.fullmatch(key)]


def _finished(run: Run) -> bool:
    return run.manifest(STEPS[-1].name) is not None


def _interrupted(root: Path) -> str | None:
    newest = _all(root)[-1:]
    for run in newest:
        if not _finished(run) and run.key >= key_of(datetime.now(UTC) - GONE_ON_WITH):
            LOG.info("Going on with fine-tuning %s, which was interrupted.", run.key)
            return run.key
    return None


def _published_night(root: Path) -> Run:
    nights = [night for night in runs_under(root) if night.manifest("publish")]
    if not nights:
        raise RunError(f"No night has been published under {root} yet: `chatrec run` does one.")
    return nights[-1]


LEARNING = ("text", "encoder", "finetune", "compute")
STEPS: tuple[Step, ...] = (
    Step("train", (), LEARNING, _train, "Train a candidate encoder"),
    Step("embed", ("train",), ("text", "encoder", "compute"), _embed, "Embed the catalogue in the shadow"),
    Step("compare", ("embed",), ("compute",), _compare, "Measure both encoders"),
    Step("promote", ("compare",), ("finetune",), _promote, "Decide"),
)
BY_NAME: Mapping[str, Step] = {step.name: step for step in STEPS}
