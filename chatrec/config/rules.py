"""Rules: what a business wants of its lists, whatever the models say."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from pydantic import Field, field_validator, model_validator

from chatrec.config.section import Section

Policy = Literal["auto", "never", "always", "groups"]
"""Whether what a user took may come again; see `Repeat.policy`."""
Unit = Literal["hours", "days"]
Moment = datetime | date


class Rule(Section):
    """One rule."""

    name: str = Field(min_length=1)
    """Says which rule it is, in errors and in the record of a run; no two rules have the same."""


class Selection(Rule):
    """A rule about some items: those of groups, or those with values of an attribute."""

    groups: tuple[str, ...] = ()
    """Names of your `groups`; an item of any of them is meant."""
    attribute: str = ""
    """A column of `source.items`, beside `values`."""
    values: tuple[str, ...] = ()
    """Of the attribute, as text; an item with any of them is meant."""

    @model_validator(mode="after")
    def _says_which(self) -> "Selection":
        if bool(self.groups) == bool(self.attribute) or bool(self.attribute) != bool(self.values):
            raise ValueError(f'rule "{self.name}" needs either groups, or an attribute with values')
        return self


class Boost(Selection):
    """The score of some items times a factor."""

    factor: float = Field(gt=0, le=1e6, allow_inf_nan=False)
    """Above 1 items rise, below they fall."""


class Cap(Rule):
    """At most some items of a list with the same value."""

    attribute: str = Field(min_length=1)
    """A column of `source.items`; "groups" counts each group of an item."""
    at_most: int = Field(ge=1, le=1000)
    """Items of a list with the same value; items without one are not counted."""


class Pin(Rule):
    """An item at a place of everybody's list who may have it."""

    item: str = Field(min_length=1)
    """Its item_id, as text."""
    place: int = Field(ge=1, le=1000)
    """From 1, the top."""
    since: Moment | None = None
    """A date or a date-time with a zone; without it always."""
    until: Moment | None = None
    """The same; a date is included."""

    @field_validator("since", "until", mode="before")
    @classmethod
    def _date_or_time(cls, given: object) -> object:
        """A text with no more than a date is a date and not its midnight."""
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
        """The first moment of the pin."""
        if self.since is None:
            return datetime.min.replace(tzinfo=UTC)
        return self.since if isinstance(self.since, datetime) else _midnight(self.since)

    @property
    def ends(self) -> datetime:
        """The first moment after it."""
        if self.until is None:
            return datetime.max.replace(tzinfo=UTC)
        return self.until if isinstance(self.until, datetime) else _midnight(self.until + timedelta(days=1))


class Repeat(Section):
    """Whether what a user took may come again."""

    policy: Policy = "auto"
    """auto (as `ranking.exclude_seen` says, which also decides what is learned and measured), never, always, or groups
    (only items of `groups`)."""
    groups: tuple[str, ...] = ()
    """Names of your `groups`, for the policy groups."""
    after_days: float = Field(0, ge=0)
    """For always and groups: only what was taken last so many days ago."""

    @model_validator(mode="after")
    def _fits(self) -> "Repeat":
        if bool(self.groups) != (self.policy == "groups"):
            raise ValueError('groups and policy = "groups" need each other')
        if self.after_days and self.policy not in ("always", "groups"):
            raise ValueError('after_days needs the policy "always" or "groups"')
        return self


class Freshness(Section):
    """Scores that fade with the age of an item: times 2^(-age / half-life)."""

    attribute: str = ""
    """A column of times of `source.items`, such as published_at; empty: scores do not fade."""
    half_life: float = Field(1, gt=0)
    """How long until a score is half of what it was."""
    unit: Unit = "days"
    """Of the half-life: hours or days."""

    @property
    def span(self) -> timedelta:
        """The half-life."""
        return timedelta(**{self.unit: self.half_life})


class Rules(Section):
    """What lists must keep, whatever the models say; see docs/rules.md."""

    deny: tuple[Selection, ...] = ()
    """Items that are never shown: [[rules.deny]] with name, and groups or attribute and values."""
    allow: tuple[Selection, ...] = ()
    """If there are any, an item must be meant by every one of them: [[rules.allow]], as deny."""
    boosts: tuple[Boost, ...] = ()
    """Scores times a factor: [[rules.boosts]] as deny, with factor."""
    caps: tuple[Cap, ...] = ()
    """At most some items of a list with the same value: [[rules.caps]] with name, attribute, at_most."""
    pins: tuple[Pin, ...] = ()
    """An item at a place: [[rules.pins]] with name, item, place, and since and until if it is for a time."""
    repeat: Repeat = Repeat()
    freshness: Freshness = Freshness()

    @property
    def named(self) -> Sequence[Rule]:
        """All rules that have names."""
        return [*self.deny, *self.allow, *self.boosts, *self.caps, *self.pins]

    @property
    def selections(self) -> Sequence[Selection]:
        """Those about some items."""
        return [*self.deny, *self.allow, *self.boosts]

    @property
    def depend_on_time(self) -> bool:
        """Whether they may say something else about the same items on another day."""
        return bool(self.pins or self.freshness.attribute)

    def without_each(self) -> dict[str, "Rules"]:
        """By the name of each rule all others."""
        found: dict[str, Rules] = {}
        for kind in ("deny", "allow", "boosts", "caps", "pins"):
            rules = getattr(self, kind)
            for rule in rules:
                others = tuple(other for other in rules if other is not rule)
                found[rule.name] = self.model_copy(update={kind: others})
        if self.repeat.policy != "auto":
            found["repeat"] = self.model_copy(update={"repeat": Repeat()})
        if self.freshness.attribute:
            found["freshness"] = self.model_copy(update={"freshness": Freshness()})
        return found

    @model_validator(mode="after")
    def _told_apart(self) -> "Rules":
        names = [rule.name for rule in self.named]
        for name in names:
            if names.count(name) > 1 or name in ("repeat", "freshness"):
                raise ValueError(f'two rules are called "{name}": give one of them another name')
        for number, pin in enumerate(self.pins):
            for other in self.pins[:number]:
                if pin.place == other.place and pin.begins < other.ends and other.begins < pin.ends:
                    raise ValueError(f'rules "{other.name}" and "{pin.name}" pin items to place {pin.place} at once')
        return self


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
