"""Every setting with its default. The docstring under a field is its documentation.

`chatrec init` writes these docstrings as the comments of a fresh `chatrec.toml`.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from chatrec.config.duties import Diversity, Erasure, Fairness, Privacy
from chatrec.config.encoder import Encoder, Finetune, Text
from chatrec.config.rules import Rules
from chatrec.config.section import SECRET, Section

Target = Literal["next", "period", "any"]
"""Values of `Ranking.target`."""
Form = Literal["auto", "exact", "linear"]
"""Values of `Ranking.form`."""
NetPrecision = Literal["auto", "float32", "bfloat16"]
"""Values of `Aigc.precision`."""
Approval = Literal["never", "on_warning", "always"]
"""Values of `Publish.approval`."""


class Database(Section):
    """Location of chatrec's own tables."""

    url: str = Field("", json_schema_extra=SECRET, repr=False)
    """Connection URL: postgresql://user:password@host:5432/name. If empty, chatrec starts an embedded PostgreSQL in
    `folder`."""
    schema_name: str = Field("chatrec", pattern=r"^[a-z_][a-z0-9_]{0,40}$")
    """Schema of chatrec's tables. Each schema is one installation, so one database can serve several shops."""
    folder: Path = Path(".chatrec/postgres")
    """Data folder of the embedded PostgreSQL, used when `url` is empty."""

    @field_validator("url")
    @classmethod
    def _postgres(cls, url: str) -> str:
        if url and not url.startswith(("postgresql://", "postgresql+psycopg2://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return url


class Source(Section):
    """SELECT statements that map your tables to chatrec's columns. Timestamps without a time zone are read as UTC."""

    url: str = Field("", json_schema_extra=SECRET, repr=False)
    """Connection URL to read from, for example a replica. If empty, `database.url`."""
    users: str = ""
    """Columns: user_id, and any attributes. Ids are bigint, integer, uuid or text."""
    items: str = ""
    """Columns: item_id, title; optionally groups (text[], or text with separators), available (boolean), updated_at,
    and further texts."""
    interactions: str = ""
    """Columns: user_id, item_id, occurred_at (timestamp); optionally event (text) and weight (a number; how much the
    event counts)."""
    queries: str = ""
    """Optional search log with the columns user_id, query (text), occurred_at (timestamp). If empty, searches are not
    used."""
    groups_separator: str = "|"
    """Separator between the groups of an item when `groups` is text and not an array."""
    item_attributes: tuple[str, ...] = ()
    """Columns of `items` that are not text, such as a time or a stock level. Rules can use them; models do not."""

    _postgres = field_validator("url")(Database._postgres.__func__)  # type: ignore[attr-defined]


class Artifacts(Section):
    """Storage for files: snapshots, encoders, vectors and indexes."""

    root: Path = Path(".chatrec/artifacts")
    """Folder for the files of all runs. All workers must share it."""


class Groups(Section):
    """Item groups, over which a user's attention is distributed."""

    source: Literal["auto", "categories", "kmeans"] = "auto"
    """Origin of the groups: categories (your `groups` column), kmeans (clusters of item vectors) or auto (categories if
    at least half of the items have one)."""
    count: int = Field(0, ge=0)
    """Number of k-means clusters. 0 uses the square root of the number of items."""


class Aigc(Section):
    """Attention-based Item-to-Group Collaborative filtering."""

    users: Literal["sequence", "mean"] = "sequence"
    """User embedding: sequence (a small GPT-2 reads the history in order) or mean (the mean of the item vectors of the
    history)."""
    output: Literal["auto", "items", "groups"] = "auto"
    """Output layer of the sequence network: items (one softmax over items), groups (attention over groups, then a
    softmax over the items of a group) or auto (groups from 5,000 items on)."""
    vectors: Literal["both", "given", "learned"] = "both"
    """Item vectors when `users` is mean: given (projected GPT-2 vectors), learned (trained on the interactions) or both
    (their sum)."""
    width: int = Field(0, ge=0, le=1024)
    """Dimensions of the item, group and user vectors of each network. 0 chooses by the number of events."""
    history: int = Field(0, ge=0, le=1000)
    """Number of latest events that form a user's vector. 0 chooses automatically."""
    epochs: int = Field(0, ge=0, le=1000)
    """Maximum number of epochs. 0 chooses automatically."""
    nets: int = Field(0, ge=0, le=16)
    """Number of networks, trained from different seeds if time permits; their logits are averaged. 0 chooses: 1 if the
    target is any or there are 300,000 events or more, else 4."""
    precision: NetPrecision = "auto"
    """Precision of matrix products in training. auto uses bfloat16 where the processor supports it."""
    minutes: float = Field(10, ge=0)
    """Time budget for training the sequence network, in minutes. The amount of training that fits is measured on the
    first run and kept for later runs. 0 disables the network; item vectors are then PPMI-SVD factors, used for groups
    and explanations only."""


class Index(Section):
    """The FAISS index."""

    exact_below: int = Field(200_000, ge=0)
    """Catalogues with fewer items are searched exactly."""
    ivf_from: int = Field(1_000_000, ge=1)
    """Catalogues with at least this many items use inverted lists (IVF); those in between use a graph (HNSW)."""
    recall: float = Field(0.98, gt=0, le=1)
    """Recall that an approximate index must reach against exact search on a sample. Otherwise exact search is used."""


class Ranking(Section):
    """Recommendation lists."""

    target: Target = "period"
    """What the list should predict: next (the user's next event), period (the events of the next stretch of time; right
    for a nightly batch) or any (missing items, when the order of events carries no information). This depends on your
    product and cannot be inferred from the data."""

    form: Form = "auto"
    """How models are combined: exact (the candidates of all models are rescored by each model), linear (one inner
    product and one index; faster on very large catalogues, but without the models based on co-occurrence) or auto (by
    the size of the catalogue)."""
    top_n: int = Field(10, ge=1, le=1000)
    """Number of recommendations per user."""
    exclude_seen: bool = True
    """Exclude items that the user has already interacted with. Set it to false for shops with repeat purchases."""
    new_at_least: float = Field(0.1, ge=0, le=1)
    """Minimum share of a list for cold items (items without interactions), as far as there are any. Their texts rank
    them. With 0, cold items compete with all others, appear rarely and stay without interactions for a long time."""
    new_at_most: float = Field(0.5, ge=0, le=1)
    """Maximum share of a list for cold items, unless no other item is left."""

    search: float = Field(1, ge=0)
    """Weight of a user's latest searches relative to all models together, if `source.queries` is set. 0 ignores
    searches."""
    search_half_life: float = Field(7, gt=0)
    """Half-life of a search, in days."""

    @model_validator(mode="after")
    def _ordered(self) -> "Ranking":
        if self.new_at_least > self.new_at_most:
            raise ValueError("new_at_least is larger than new_at_most")
        return self


class Tables(Section):
    """Tables published together with the lists. 0 omits a table."""

    similar_items: int = Field(10, ge=0, le=1000)
    """Number of similar items per item."""
    popular: int = Field(100, ge=0, le=1000)
    """Number of most popular items, overall and per group."""
    trending: int = Field(100, ge=0, le=1000)
    """Number of trending items: those with more interactions than usual."""
    trending_days: float = Field(7, gt=0)
    """Window for trending items, in days. It is compared with the days before it."""
    queries: int = Field(1000, ge=0, le=100_000)
    """Number of most frequent searches that get a list, if `source.queries` is set."""
    query_items: int = Field(10, ge=1, le=1000)
    """Number of items per search."""
    query_users: int = Field(2, ge=1)
    """Minimum number of users who made a search for it to be published. A search by a single user may be private."""


class Generate(Section):
    """Text written by a causal language model. Where no draft passes the checks, plain words are used."""

    model: str = "auto"
    """Language model that writes: "auto" (the encoder's model if it is pre-trained), "none", or any value of
    `encoder.model`."""
    seconds: float = Field(60, ge=0)
    """Time budget for writing per run, in seconds."""
    names: bool = True
    """Write names for k-means groups. If false, each group is named after its central item."""
    blurbs: bool = False
    """Write a line of text, fit to show to users, for each of the most frequent reasons."""


class Checks(Section):
    """Quality checks that a run must pass before it is published."""

    max_row_drop: float = Field(0.5, ge=0, le=1)
    """Maximum loss of users or rows against the live run, as a share."""
    min_coverage: float = Field(0.01, ge=0, le=1)
    """Minimum share of the available catalogue that appears in at least one list."""
    max_fallback: float = Field(0.5, ge=0, le=1)
    """Maximum share of lists that come from a fallback, among users with a history."""
    max_quarantine: float = Field(0.5, ge=0, le=1)
    """Maximum share of rows in quarantine."""
    beats_popularity: bool = True
    """Fail if NDCG@10 on held-out events is significantly below that of popularity."""
    warn_row_drop: float = Field(1, ge=0, le=1)
    """Warn if the loss of users or rows against the live run is larger. The defaults of the five `warn_` settings never
    warn."""
    warn_coverage: float = Field(0, ge=0, le=1)
    """Warn if the share of the available catalogue in the lists is smaller."""
    warn_fallback: float = Field(1, ge=0, le=1)
    """Warn if the share of lists from a fallback is larger."""
    warn_quarantine: float = Field(1, ge=0, le=1)
    """Warn if the share of rows in quarantine is larger."""
    warn_popularity: bool = False
    """Warn if NDCG@10 is below that of popularity, even if the difference is not significant."""


class Publish(Section):
    """Publishing a run."""

    keep_runs: int = Field(7, ge=1, le=1000)
    """Number of published runs that stay readable and can be restored by a rollback."""
    drain_seconds: float = Field(600, gt=0)
    """Maximum time to wait for readers whose query plans are older than the new partition, in seconds."""
    approval: Approval = "never"
    """Whether a run needs a person's approval before it is published: never, on_warning (if a check warns) or always.
    Airflow asks and waits; `chatrec run` publishes only with --approve."""
    approval_hours: float = Field(4, gt=0)
    """Time that Airflow waits for an answer, in hours. After that the previous run stays live."""


class Pages(Section):
    """Pages in Airflow's web UI."""

    url: str = Field("", json_schema_extra=SECRET, repr=False)
    """Connection URL of a role with read access, such as a member of chatrec_reader. If empty, `database.url`. All
    transactions of the pages are read-only in either case."""

    _postgres = field_validator("url")(Database._postgres.__func__)  # type: ignore[attr-defined]


class Compute(Section):
    """Threads, memory and random seed."""

    threads: int = Field(0, ge=0)
    """Number of CPU threads. 0 uses all cores."""
    memory_mb: int = Field(1024, ge=64)
    """Memory for the batches of extraction and ranking, in megabytes."""
    seed: int = Field(20261124, ge=0)
    """Random seed. The same seed and the same data give the same lists."""


class Night(Section):
    """Options of one run, usually set by an option of `chatrec run` or in Airflow's trigger form."""

    full: bool = False
    """Read all daily partitions and encode all texts again, instead of only those that changed."""
    dry_run: bool = False
    """Run all steps except publish."""
    schedule: str = "0 2 * * *"
    """Cron expression in UTC (minute, hour, day, month, weekday) that tells Airflow when to start a run; "5 * * * *" is
    every hour."""

    @field_validator("schedule")
    @classmethod
    def _five_fields(cls, schedule: str) -> str:
        if len(schedule.split()) != 5:
            raise ValueError('must have the five fields of cron, such as "0 2 * * *"')
        return schedule


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
    index: Index = Index()
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
    night: Night = Night()

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
            "ranking.form": (self.ranking.form == "linear", "must be auto or exact: there is no private linear form"),
        }
        for name, (is_set, words) in unproven.items():
            if is_set:
                raise ValueError(f"{name} {words} (privacy.enabled)")
        return self
