"""The steps of a run in their order, with the steps and settings that each depends on.

Airflow parses this module frequently, so it imports no large library. A step imports its own module when it is
performed.
"""

from collections.abc import Mapping

from chatrec.pipeline.step import Step

STEPS: tuple[Step, ...] = (
    Step(
        "extract",
        (),
        ("source", "advanced.text.queries", "advanced.text.query_days", "fairness.attribute", "fairness.audit"),
        "chatrec.pipeline.steps.extract:extract",
        "Read users, items and events",
        reusable=False,
        options=("full",),
    ),
    Step(
        "encoder",
        ("extract",),
        ("text", "encoder", "compute", "privacy.enabled"),
        "chatrec.pipeline.steps.encoder:encoder",
        "Prepare the encoder",
        reusable=False,
    ),
    Step(
        "embed",
        ("extract", "encoder"),
        ("text", "encoder", "compute", "privacy.enabled"),
        "chatrec.pipeline.steps.embed:embed",
        "Embed texts with GPT-2",
        reusable=False,
        options=("full",),
    ),
    Step(
        "groups", ("extract", "embed"), ("groups", "compute"), "chatrec.pipeline.steps.groups:groups", "Group the items"
    ),
    Step(
        "aigc",
        ("extract", "embed", "groups"),
        ("aigc", "ranking.target", "ranking.exclude_seen", "compute", "privacy.enabled"),
        "chatrec.pipeline.steps.aigc:aigc",
        "Train AIGC",
    ),
    Step(
        "ensemble",
        ("extract", "embed", "aigc"),
        (
            "ranking.target",
            "advanced.ranking.form",
            "ranking.exclude_seen",
            "ranking.new_item_days",
            "compute",
            "privacy",
        ),
        "chatrec.pipeline.steps.ensemble:ensemble",
        "Fit all models and weights",
    ),
    Step(
        "index",
        ("extract", "aigc", "ensemble"),
        ("advanced.index", "ranking.exclude_seen", "rules", "compute"),
        "chatrec.pipeline.steps.index:index",
        "Build the FAISS index",
    ),
    Step(
        "rank",
        ("extract", "embed", "groups", "aigc", "ensemble", "index"),
        ("ranking", "rules", "fairness", "diversity", "compute", "privacy.enabled"),
        "chatrec.pipeline.steps.rank:rank",
        "Rank",
    ),
    Step(
        "tables",
        ("extract", "embed", "groups", "aigc"),
        ("tables", "rules", "compute", "privacy.enabled"),
        "chatrec.pipeline.steps.tables:tables",
        "Compute further tables",
    ),
    Step(
        "generate",
        ("extract", "embed", "groups", "rank"),
        ("generate", "encoder", "text", "compute"),
        "chatrec.pipeline.steps.generate:generate",
        "Write group names and blurbs",
    ),
    Step(
        "gate",
        ("extract", "ensemble", "rank", "tables"),
        ("checks", "ranking", "rules", "fairness", "publish.approval"),
        "chatrec.pipeline.steps.gate:gate",
        "Check the run",
        reusable=False,
    ),
    Step(
        "publish",
        ("extract", "groups", "rank", "tables", "generate", "gate"),
        ("publish",),
        "chatrec.pipeline.steps.publish:publish",
        "Publish",
        reusable=False,
        is_final=True,
    ),
)
BY_NAME: Mapping[str, Step] = {step.name: step for step in STEPS}


def before(step: Step) -> list[str]:
    """Returns the names of all steps that a step depends on, in their order."""
    needed = {step.name}
    for earlier in reversed(STEPS):
        if earlier.name in needed:
            needed.update(earlier.needs)
    return [each.name for each in STEPS if each.name in needed and each is not step]
