"""Business rules that hold for all lists, independently of the models."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from chatrec.config.section import Section

Policy = Literal["auto", "never", "always", "groups"]
"""Values of `Repeat.policy`."""
Unit = Literal["hours", "days"]
Moment = datetime | date


class Rule(Section):
    """One rule."""

    name: str = Field(min_length=1)
    """Unique name of the rule, used in errors and in the record of a run."""


class Selection(Rule):
    """A rule about a selection of items, by group or by the values of an attribute."""

    groups: tuple[str, ...] = ()
    """Names of your `groups`. An item of any of them is selected."""
    attribute: str = ""
    """A column of `source.items`, compared with `values`."""
    values: tuple[str, ...] = ()
    """Values of the attribute, as text. An item with any of them is selected."""

    @model_validator(mode="after")
    def _selects(self) -> "Selection":
        if bool(self.groups) == bool(self.attribute) or bool(self.attribute) != bool(self.values):
            raise ValueError(f'rule "{self.name}" needs either groups, or attribute and values')
        return self


class Boost(Selection):
    """A factor on the scores of a selection of items."""

    factor: float = Field(gt=0, le=1e6)
    """Above 1 promotes the items, below 1 demotes them."""


class Cap(Rule):
    """A maximum number of items with the same value per list."""

    attribute: str = Field(min_length=1)
    """A column of `source.items`; "groups" counts each group of an item."""
    at_most: int = Field(ge=1, le=1000)
    """Maximum number of items with the same value in a list. Items without a value are not counted."""


class Pin(Rule):
    """An item at a fixed position in the lists of all users who may get it."""

    item: str = Field(min_length=1)
    """The item_id, as text."""
    place: int = Field(ge=1, le=1000)
    """Position in the list, starting from 1."""
    since: Moment | None = None
    """Start: a date, or a date-time with a zone. If missing, the pin has no start."""
    until: Moment | None = None
    """End, in the same format. A date is inclusive. If missing, the pin has no end."""

    @field_validator("since", "until", mode="before")
    @classmethod
    def _date_or_time(cls, given: object) -> object:
        """Reads a text that holds only a date as a date, not as midnight."""
        if isinstance(given, str) and len(given) == len("2026-12-01"):
            return date.fromisoformat(given)
        return given

    @field_validator("since", "until")
    @classmethod
    def _zone(cls, moment: Moment | None) -> Moment | None:
        if isinstance(moment, datetime) and moment.tzinfo is None:
            raise ValueError("a date-time needs a zone, such as 2026-12-01T08:00:00Z")
        return moment

    @model_validator(mode="after")
    def _ordered(self) -> "Pin":
        if self.begins >= self.ends:
            raise ValueError(f'rule "{self.name}" ends before it begins: since must be before until')
        return self

    @property
    def begins(self) -> datetime:
        """The first moment at which the pin holds."""
        if self.since is None:
            return datetime.min.replace(tzinfo=UTC)
        return self.since if isinstance(self.since, datetime) else _midnight(self.since)

    @property
    def ends(self) -> datetime:
        """The first moment after the pin."""
        if self.until is None:
            return datetime.max.replace(tzinfo=UTC)
        return self.until if isinstance(self.until, datetime) else _midnight(self.until + timedelta(days=1))


class Repeat(Section):
    """Whether items that a user has interacted with may be recommended again."""

    policy: Policy = "auto"
    """auto (follows `ranking.exclude_seen`, which also applies to training and evaluation), never, always, or groups
    (only items of `groups`)."""
    groups: tuple[str, ...] = ()
    """Names of your `groups`, used by the policy groups."""
    after_days: float = Field(0, ge=0, le=36_500)
    """Minimum number of days since the last interaction with the item, for the policies always and groups."""

    @model_validator(mode="after")
    def _fits(self) -> "Repeat":
        if bool(self.groups) != (self.policy == "groups"):
            raise ValueError('groups and policy = "groups" need each other')
        if self.after_days and self.policy not in ("always", "groups"):
            raise ValueError('after_days needs the policy "always" or "groups"')
        return self


class Freshness(Section):
    """Decay of scores with the age of an item, by the factor 2^(-age / half-life)."""

    attribute: str = ""
    """A column of times in `source.items`, such as published_at. If empty, scores do not decay."""
    half_life: float = Field(1, ge=0.001, le=1e6)
    """Age at which a score is halved, in `unit`."""
    unit: Unit = "days"
    """Unit of the half-life: hours or days."""

    @property
    def span(self) -> timedelta:
        """The half-life as a duration."""
        return timedelta(**{self.unit: self.half_life})


class Rules(Section):
    """Business rules that hold for all lists; see docs/howto/rules.md."""

    deny: tuple[Selection, ...] = ()
    """Items that are never recommended: [[rules.deny]] with name, and groups or attribute and values."""
    allow: tuple[Selection, ...] = ()
    """If there are any, an item must be selected by all of them: [[rules.allow]], with the keys of deny."""
    boosts: tuple[Boost, ...] = ()
    """Factors on scores: [[rules.boosts]], with the keys of deny and factor."""
    caps: tuple[Cap, ...] = ()
    """Maximum number of items with the same value per list: [[rules.caps]] with name, attribute, at_most."""
    pins: tuple[Pin, ...] = ()
    """Items at fixed positions: [[rules.pins]] with name, item, place, and optionally since and until."""
    repeat: Repeat = Repeat()
    freshness: Freshness = Freshness()

    @property
    def named(self) -> Sequence[Rule]:
        """All named rules."""
        return [*self.deny, *self.allow, *self.boosts, *self.caps, *self.pins]

    @property
    def selections(self) -> Sequence[Selection]:
        """All rules about a selection of items."""
        return [*self.deny, *self.allow, *self.boosts]

    @property
    def depend_on_time(self) -> bool:
        """Whether the rules can give a different result for the same items on another day."""
        return bool(self.pins or self.freshness.attribute)

    def without_each(self) -> dict[str, "Rules"]:
        """For each rule, by name, the rules without it."""
        others: dict[str, Rules] = {}
        for kind in ("deny", "allow", "boosts", "caps", "pins"):
            rules = getattr(self, kind)
            for rule in rules:
                rest = tuple(other for other in rules if other is not rule)
                others[rule.name] = self.model_copy(update={kind: rest})
        if self.repeat.policy != "auto":
            others["repeat"] = self.model_copy(update={"repeat": Repeat()})
        if self.freshness.attribute:
            others["freshness"] = self.model_copy(update={"freshness": Freshness()})
        return others

    @model_validator(mode="after")
    def _unique(self) -> "Rules":
        names = [rule.name for rule in self.named]
        for name in names:
            if names.count(name) > 1 or name in ("repeat", "freshness"):
                raise ValueError(f'two rules have the name "{name}": rename one of them')
        for number, pin in enumerate(self.pins):
            for other in self.pins[:number]:
                if pin.place == other.place and pin.begins < other.ends and other.begins < pin.ends:
                    raise ValueError(
                        f'rules "{other.name}" and "{pin.name}" pin items to place {pin.place} at the same time'
                    )
        return self


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
