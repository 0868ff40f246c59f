"""Every setting, with its default and what it means: the docstring under a field is its documentation.

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
"""What a list must predict; see `Ranking.target`."""
Form = Literal["auto", "exact", "linear"]
"""How channels are blended; see `Ranking.form`."""
NetPrecision = Literal["auto", "float32", "bfloat16"]
"""How the net computes; see `Aigc.precision`."""
Approval = Literal["never", "on_warning", "always"]
"""Who decides about a publish; see `Publish.approval`."""


class Database(Section):
    """Where chatrec's own tables live."""

    url: str = Field("", json_schema_extra=SECRET, repr=False)
    """postgresql://user:password@host:5432/name. Empty: a PostgreSQL of chatrec's own, in `folder`."""
    schema_name: str = Field("chatrec", pattern=r"^[a-z_][a-z0-9_]{0,40}$")
    """The schema of chatrec's tables; one schema is one installation, so one database can serve many shops."""
    folder: Path = Path(".chatrec/postgres")
    """The data of the embedded PostgreSQL (used when `url` is empty)."""

    @field_validator("url")
    @classmethod
    def _postgres(cls, url: str) -> str:
        if url and not url.startswith(("postgresql://", "postgresql+psycopg2://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return url


class Source(Section):
    """SELECTs that map your tables onto chatrec's words. Timestamps without a zone are read as UTC."""

    url: str = Field("", json_schema_extra=SECRET, repr=False)
    """Where to read from, for instance a replica. Empty: `database.url`."""
    users: str = ""
    """user_id, and any attributes. Ids are bigint, integer, uuid or text."""
    items: str = ""
    """item_id, title; optional: groups (text[], or text with separators), available (boolean), updated_at, texts."""
    interactions: str = ""
    """user_id, item_id, occurred_at (timestamp); optional: event (text), weight (a number, how much it counts)."""
    queries: str = ""
    """Optional, what users searched for: user_id, query (text), occurred_at (timestamp). Empty: there is none."""
    groups_separator: str = "|"
    """What stands between the groups of an item when `groups` is text and not an array."""
    item_attributes: tuple[str, ...] = ()
    """Columns of `items` that are no texts, such as a time or a number of the stock: rules look at them, models do
    not."""

    _postgres = field_validator("url")(Database._postgres.__func__)  # type: ignore[attr-defined]


class Artifacts(Section):
    """Files: snapshots, encoders, vectors, indexes."""

    root: Path = Path(".chatrec/artifacts")
    """The folder of every run's files; all workers must see the same one."""


class Groups(Section):
    """Groups of items: what a user's attention is spread over."""

    source: Literal["auto", "categories", "kmeans"] = "auto"
    """categories (your `groups` column), kmeans (clusters of vectors), auto (categories if half the items have one)."""
    count: int = Field(0, ge=0)
    """Number of k-means clusters; 0 is the square root of the number of items."""


class Aigc(Section):
    """Attention-based Item-to-Group Collaborative filtering."""

    users: Literal["sequence", "mean"] = "sequence"
    """How a history becomes a user: read in order by a small GPT-2 over item vectors, or as the mean of its items."""
    output: Literal["auto", "items", "groups"] = "auto"
    """How the sequence net predicts: one softmax over items, or attention over groups and then over the items of a
    group; auto takes groups from 5,000 items on."""
    vectors: Literal["both", "given", "learned"] = "both"
    """What an item vector is made of if users are means: given (GPT-2, projected), learned from who took what, or the
    sum of both."""
    width: int = Field(0, ge=0, le=1024)
    """Length of item, group and user vectors, of each net; 0 chooses by the number of events."""
    history: int = Field(0, ge=0, le=1000)
    """How many of the latest events make a user's vector; 0 chooses."""
    epochs: int = Field(0, ge=0, le=1000)
    """Passes over the events at most; 0 chooses."""
    nets: int = Field(0, ge=0, le=16)
    """How many nets learn, each from another seed, if they all have the time; their logits are averaged. 0 chooses:
    4 below 300,000 events unless the target is any, else 1."""
    precision: NetPrecision = "auto"
    """In which matrices are multiplied while it learns; auto takes bfloat16 where the processor has it."""
    minutes: float = Field(10, ge=0)
    """How long the sequence net may learn; how much that is was measured on the first night and is remembered. With 0
    there is no net to speak of: vectors stay the factors of who follows whom, for groups and reasons alone."""


class Index(Section):
    """The FAISS index."""

    exact_below: int = Field(200_000, ge=0)
    """Catalogues smaller than this are searched exactly."""
    ivf_from: int = Field(1_000_000, ge=1)
    """From this size on inverted lists (IVF) are used, below it a graph (HNSW)."""
    recall: float = Field(0.98, gt=0, le=1)
    """What an approximate index must reach against exact search on a sample; else exact search is used."""


class Ranking(Section):
    """The lists."""

    target: Target = "period"
    """What a list must predict, which the log cannot tell: next (the user's next event), period (what is taken in the
    next stretch of time: right for a nightly batch), any (what is missing, where the order of events says nothing)."""

    form: Form = "auto"
    """How channels are blended: exact (what all of them gather is scored again by each), linear (one inner product and
    one index: faster, for very large catalogues, but without the channels that count pairs), auto (by the size)."""
    top_n: int = Field(10, ge=1, le=1000)
    """Recommendations per user."""
    exclude_seen: bool = True
    """Whether what a user already took may not be recommended; false for shops with repeat purchases."""
    new_at_least: float = Field(0.1, ge=0, le=1)
    """The share of a list that is kept for items that nobody took yet, as far as there are any; their texts rank them.
    With 0 they come in where they are as likely as others, which is seldom, and so stay unknown for long."""
    new_at_most: float = Field(0.5, ge=0, le=1)
    """The share of a list that such items may have, unless nothing else is left."""

    search: float = Field(1, ge=0)
    """How much the latest searches count beside all channels together, if `source.queries` has any: 0 not at all."""
    search_half_life: float = Field(7, gt=0)
    """Days until a search says half as much."""

    @model_validator(mode="after")
    def _ordered(self) -> "Ranking":
        if self.new_at_least > self.new_at_most:
            raise ValueError("new_at_least is larger than new_at_most")
        return self


class Tables(Section):
    """The tables beside the lists, published at the same instant; 0 makes none."""

    similar_items: int = Field(10, ge=0, le=1000)
    """Items that are like an item, for each."""
    popular: int = Field(100, ge=0, le=1000)
    """The most popular items, of all and of each group."""
    trending: int = Field(100, ge=0, le=1000)
    """Items that are taken more than usual."""
    trending_days: float = Field(7, gt=0)
    """The days of which that is asked; the days before them say what is usual."""
    queries: int = Field(1000, ge=0, le=100_000)
    """The most frequent searches that get a list, if `source.queries` has any."""
    query_items: int = Field(10, ge=1, le=1000)
    """Items of such a list."""
    query_users: int = Field(2, ge=1)
    """A search is shown if so many users made it: what only one person wrote may be private."""


class Generate(Section):
    """What a causal language model writes; where it writes nothing good, plain words take its place."""

    model: str = "auto"
    """"auto" (that of the encoder if it is pre-trained), "none", or what `encoder.model` takes."""
    seconds: float = Field(60, ge=0)
    """How long a night may spend on writing."""
    names: bool = True
    """Whether k-means groups get names; if not, each is called after its central item."""
    blurbs: bool = False
    """Whether the most frequent reasons get a line that one can show to users."""


class Checks(Section):
    """What must hold before anything is published."""

    max_row_drop: float = Field(0.5, ge=0, le=1)
    """Largest allowed loss of users or rows against the live run, as a share."""
    min_coverage: float = Field(0.01, ge=0, le=1)
    """Smallest share of the available catalogue that must appear in some list."""
    max_fallback: float = Field(0.5, ge=0, le=1)
    """Largest allowed share of lists that came from a fallback, among users with a history."""
    max_quarantine: float = Field(0.5, ge=0, le=1)
    """Largest allowed share of rows in quarantine."""
    beats_popularity: bool = True
    """Whether NDCG@10 on held-out events may not be clearly worse than popularity's."""
    warn_row_drop: float = Field(1, ge=0, le=1)
    """A warning if more users or rows are lost against the live run. As these five are by default, nothing warns."""
    warn_coverage: float = Field(0, ge=0, le=1)
    """A warning if less of the available catalogue appears in some list."""
    warn_fallback: float = Field(1, ge=0, le=1)
    """A warning if more lists came from a fallback."""
    warn_quarantine: float = Field(1, ge=0, le=1)
    """A warning if more rows are in quarantine."""
    warn_popularity: bool = False
    """Whether NDCG@10 below popularity's is a warning even if the difference may be chance."""


class Publish(Section):
    """How a night becomes visible."""

    keep_runs: int = Field(7, ge=1, le=1000)
    """Published nights that stay readable and can be rolled back to."""
    drain_seconds: float = Field(600, gt=0)
    """How long to wait for readers whose plans are older than the new partition."""
    approval: Approval = "never"
    """Whether a person decides before a night is published: never, on_warning (if a check warns), always. Airflow asks
    and waits; `chatrec run` publishes with --approve only."""
    approval_hours: float = Field(4, gt=0)
    """How long Airflow waits for an answer; after that the night before stays live."""


class Pages(Section):
    """The pages in Airflow's web UI."""

    url: str = Field("", json_schema_extra=SECRET, repr=False)
    """postgresql://… of a role that may only read, such as a member of chatrec_reader. Empty: `database.url`. Either
    way every transaction of the pages is read-only."""

    _postgres = field_validator("url")(Database._postgres.__func__)  # type: ignore[attr-defined]


class Compute(Section):
    """Threads, memory and chance."""

    threads: int = Field(0, ge=0)
    """CPU threads; 0 takes all cores."""
    memory_mb: int = Field(1024, ge=64)
    """Memory for the blocks that extraction and ranking work in, in megabytes."""
    seed: int = Field(20261124, ge=0)
    """The same seed and the same data give the same lists."""


class Night(Section):
    """What kind of night to run; usually set by an option of `chatrec run` or in Airflow's trigger form."""

    full: bool = False
    """Read every bucket and encode every text again, instead of only what changed."""
    dry_run: bool = False
    """Do everything but publish."""
    schedule: str = "0 2 * * *"
    """When Airflow starts one, as cron has it (minute, hour, day, month, weekday), UTC; "5 * * * *" is every hour."""

    @field_validator("schedule")
    @classmethod
    def _five_fields(cls, schedule: str) -> str:
        if len(schedule.split()) != 5:
            raise ValueError('must have the five fields of cron, such as "0 2 * * *"')
        return schedule


class Sections(BaseModel):
    """All sections; `chatrec.config.Settings` adds where the values come from."""

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
                'must be "": how old a search is depends on everybody\'s newest one',
            ),
            "generate.blurbs": (self.generate.blurbs, "must be false: which reasons get one depends on all lists"),
            "fairness.attribute": (self.fairness.attribute, 'must be "": exposure is counted over all lists'),
            "fairness.audit": (self.fairness.audit, "must be empty: it is measured on held-out events"),
            "diversity.mode": (
                self.diversity.mode != "off",
                'must be "off": its strength follows from held-out events',
            ),
            "diversity.coverage": (self.diversity.coverage, "must be 0: it depends on all lists"),
            "ranking.form": (self.ranking.form == "linear", "must be auto or exact: there is no private linear form"),
        }
        for name, (is_set, words) in unproven.items():
            if is_set:
                raise ValueError(f"{name} {words} (privacy.enabled)")
        return self
