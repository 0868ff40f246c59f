"""All sections of the settings, and the rules between them. The docstring under a field is its documentation.

`chatrec init` writes these docstrings as the comments of a fresh `chatrec.toml`.
"""

from pydantic import BaseModel, ConfigDict, model_validator

from chatrec.config.advanced import Advanced
from chatrec.config.aigc import Aigc, AigcConfig, Groups
from chatrec.config.database import Artifacts, Database, Pages
from chatrec.config.encoder import Encoder, EncoderConfig
from chatrec.config.fairness import Diversity, Fairness
from chatrec.config.finetune import Finetune, FinetuneConfig
from chatrec.config.privacy import Erasure, Privacy
from chatrec.config.publish import Checks, Publish
from chatrec.config.ranking import Ranking
from chatrec.config.rules import Rules
from chatrec.config.run import Compute, Schedule
from chatrec.config.source import Source, Text, TextConfig
from chatrec.config.tables import Generate, Tables, TablesConfig


class Sections(BaseModel):
    """All sections. `chatrec.config.Settings` adds the sources of their values."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    database: Database = Database()
    source: Source = Source()
    artifacts: Artifacts = Artifacts()
    text: Text = Text()
    encoder: Encoder = Encoder()
    finetune: Finetune = Finetune()
    groups: Groups = Groups()
    aigc: Aigc = Aigc()
    ranking: Ranking = Ranking()
    rules: Rules = Rules()
    fairness: Fairness = Fairness()
    diversity: Diversity = Diversity()
    tables: Tables = Tables()
    generate: Generate = Generate()
    privacy: Privacy = Privacy()
    checks: Checks = Checks()
    publish: Publish = Publish()
    pages: Pages = Pages()
    erasure: Erasure = Erasure()
    compute: Compute = Compute()
    run: Schedule = Schedule()
    advanced: Advanced = Advanced()

    @property
    def text_config(self) -> TextConfig:
        """`[text]` and `[advanced.text]`."""
        return TextConfig(**dict(self.text), **dict(self.advanced.text))

    @property
    def encoder_config(self) -> EncoderConfig:
        """`[encoder]` and `[advanced.encoder]`."""
        return EncoderConfig(**dict(self.encoder), **dict(self.advanced.encoder))

    @property
    def finetune_config(self) -> FinetuneConfig:
        """`[finetune]` and `[advanced.finetune]`."""
        return FinetuneConfig(**dict(self.finetune), **dict(self.advanced.finetune))

    @property
    def aigc_config(self) -> AigcConfig:
        """`[aigc]` and `[advanced.aigc]`."""
        return AigcConfig(**dict(self.aigc), **dict(self.advanced.aigc))

    @property
    def tables_config(self) -> TablesConfig:
        """`[tables]` and `[advanced.tables]`."""
        return TablesConfig(**dict(self.tables), **dict(self.advanced.tables))

    @model_validator(mode="after")
    def _mapped(self) -> "Sections":
        if self.database.url or self.source.url:
            missing = {"users", "items", "interactions"} - self.source.model_fields_set
            if missing:
                names = ", ".join(f"source.{name}" for name in sorted(missing))
                raise ValueError(f"{names}: your own database needs a SELECT for each; `chatrec init` shows examples")
        return self

    @model_validator(mode="after")
    def _pinned(self) -> "Sections":
        for pin in self.rules.pins:
            if pin.place > self.ranking.top_n:
                raise ValueError(
                    f'rules.pins: rule "{pin.name}" has place {pin.place} of lists of {self.ranking.top_n} '
                    "(ranking.top_n): give it a smaller one"
                )
        return self

    @model_validator(mode="after")
    def _private(self) -> "Sections":
        if not self.privacy.enabled:
            return self
        unproven = {
            "source.queries": (
                self.source.queries,
                'must be "": the age of a search depends on the newest search of all users',
            ),
            "generate.blurbs": (self.generate.blurbs, "must be false: the choice of reasons depends on all lists"),
            "fairness.attribute": (self.fairness.attribute, 'must be "": exposure is counted over all lists'),
            "fairness.audit": (self.fairness.audit, "must be empty: it is measured on held-out events"),
            "diversity.mode": (
                self.diversity.mode != "off",
                'must be "off": its strength is chosen on held-out events',
            ),
            "diversity.coverage": (self.diversity.coverage, "must be 0: it depends on all lists"),
            "advanced.ranking.form": (
                self.advanced.ranking.form == "inner_product",
                "must be auto or rerank: there is no private inner product",
            ),
        }
        for name, (is_set, reason) in unproven.items():
            if is_set:
                raise ValueError(f"{name} {reason} (privacy.enabled)")
        return self
