"""A mapping: what the columns of a file mean, read from TOML into one frozen, checked value.

Every complaint names the mapping, the key, what was expected and the nearest key that exists.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from collections.abc import Mapping as Table
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from data.errors import ConfigError
from ingest.files.conditions import Condition, parse_condition
from ingest.files.statements import STATEMENTS, Statement

Names = str | tuple[str, ...]


class FileSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is read; what is not given is found out."""

    format: Literal["auto", "csv", "jsonl", "parquet"] = "auto"
    encoding: str | None = None
    delimiter: str | None = None
    quote: str = '"'  #: "" where nothing is quoted
    names: tuple[str, ...] = ()  #: column names of a file without a header
    header_row: int | None = None  #: line of the header, counted from 1
    short_rows: Literal["refuse", "fill"] = "refuse"
    fill_down: tuple[str, ...] = ()  #: columns given only on the first row of an order
    fill_by: str | None = None  #: the column that tells which rows belong together
    missing: tuple[str, ...] = ()  #: cells that mean nothing in any column; `*` stands for any text
    time_zone: str | None = None
    decimal: Literal[".", ","] = "."


class JoinSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A second file whose columns are looked up: `on` pairs a column here with a column there."""

    file: str  #: pattern of the file's name
    on: dict[str, str]
    required: bool = True  #: a row without a partner is a dead letter; otherwise its columns are missing
    duplicates: Literal["refuse", "first", "last"] = "refuse"
    read: FileSpec = FileSpec()


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a field takes where all conditions hold."""

    when: Names
    value: str


class FieldSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Where a field comes from and how its text is read."""

    column: Names | None = None  #: the first of these columns that the file has
    columns: tuple[str, ...] = ()  #: several columns put together
    separator: str = "-"
    field: str | None = None  #: the same as another field
    constant: str | int | float | bool | None = None
    default: str | None = None  #: where the cell is missing
    missing: tuple[str, ...] = ()  #: cells that mean nothing; `*` stands for any text
    values: dict[str, str] = {}  #: translations of cells
    formats: tuple[str, ...] = ()  #: of times and days, such as "%d/%m/%Y"
    ambiguous: Literal["refuse", "first"] = "refuse"  #: a day that two formats read differently
    time_zone: str | None = None
    decimal: Literal[".", ","] | None = None
    sign: Literal["keep", "negate", "absolute"] = "keep"
    times: str | None = None  #: multiplied by this field
    per: str | None = None  #: divided by this field
    upper: bool = False
    lower: bool = False
    trim: str = ""  #: characters taken off both ends, besides blanks
    whole: bool = False  #: a code that a spreadsheet wrote as 17850.0
    pseudonym: bool = False  #: a keyed hash is kept instead of the text
    cases: tuple[Case, ...] = ()


class RowRule(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows state for which all conditions hold; the first rule that fits decides."""

    name: str
    when: Names
    states: str | None = None
    ignore: str | None = None  #: why such rows state nothing
    fields: dict[str, Any] = {}


class LinkSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Returns that name no order find it among the order lines of the same file."""

    same: tuple[str, ...]  #: fields that must be equal
    pick: Literal["latest", "earliest"] = "latest"  #: among those not after the row
    enough: bool = True  #: the line must have the units left that earlier rows did not take
    otherwise: Literal["own_order", "dead_letter"] = "own_order"


class PersonalSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Columns about people: they are dropped before anything is stored."""

    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()  #: columns that look personal by their name and are not


class _Raw(msgspec.Struct, frozen=True, kw_only=True):
    """The mapping as it is written."""

    connection: str
    states: str
    fields: dict[str, Any]
    stream: str | None = None
    authority: str | None = None
    about: str = ""
    repeats: Literal["lines", "duplicates"] = "lines"
    identity: tuple[str, ...] = ()
    export_instant: str | None = None
    covers: bool = True
    file: FileSpec = FileSpec()
    join: dict[str, JoinSpec] = {}
    rows: tuple[RowRule, ...] = ()
    link: LinkSpec | None = None
    personal: PersonalSpec = PersonalSpec()


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A checked row rule: its conditions parsed, its fields laid over those of the mapping."""

    name: str
    when: tuple[Condition, ...]
    states: str | None
    because: str | None
    fields: dict[str, FieldSpec]
    without: tuple[str, ...]  #: fields of the mapping that such rows do not have


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """A checked mapping."""

    place: str  #: the file it was read from, for messages
    text: str
    connection: str
    stream: str
    authority: str  #: who issued the order numbers; goes before them
    states: str
    repeats: str
    identity: dict[str, tuple[str, ...]]  #: by statement
    instant: datetime | None
    covers: bool
    file: FileSpec
    joins: dict[str, JoinSpec]
    fields: dict[str, FieldSpec]
    rules: tuple[Rule, ...]
    link: LinkSpec | None
    personal: PersonalSpec

    @property
    def columns(self) -> tuple[str, ...]:
        """Name every column that the mapping reads, joined ones as `join.column`."""
        specs = [*self.fields.values(), *(spec for rule in self.rules for spec in rule.fields.values())]
        named = [name for spec in specs for name in columns_of(spec)]
        conditions = [c for rule in self.rules for c in rule.when]
        conditions += [c for spec in specs for case in spec.cases for c in case_conditions(case)]
        named += [c.column for c in conditions if c.column is not None]
        named += [here for join in self.joins.values() for here in join.on]
        named += [*self.file.fill_down, *((self.file.fill_by,) if self.file.fill_by else ())]
        return tuple(dict.fromkeys(named))


def columns_of(spec: FieldSpec) -> tuple[str, ...]:
    """Name the columns that a field may be read from."""
    return (*_names(spec.column or ()), *spec.columns)


def case_conditions(case: Case) -> tuple[Condition, ...]:
    """Parse the conditions of a case."""
    return tuple(parse_condition(text) for text in _names(case.when))


def read_mapping(path: Path) -> Mapping:
    """Read a mapping from a file.

    Raises:
        ConfigError: it cannot be read or something in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot read the mapping {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the mapping {path} is not UTF-8 text; save it as UTF-8") from error
    return parse_mapping(text, str(path))


def parse_mapping(text: str, place: str) -> Mapping:
    """Check a mapping's text; `place` names it in messages.

    Raises:
        ConfigError: something in it is wrong.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{place} is no TOML: {error}") from error
    raw = _checked(table, _Raw, place, "")
    return _Checker(place, text, raw).mapping()


class _Checker:
    """Turns what is written into what is meant, or says what is wrong with it."""

    def __init__(self, place: str, text: str, raw: _Raw) -> None:
        self.place, self.text, self.raw = place, text, raw

    def mapping(self) -> Mapping:
        raw = self.raw
        fields = self._fields(raw.fields, "fields")
        rules = tuple(self._rule(rule, n) for n, rule in enumerate(raw.rows, 1))
        self._statement(raw.states, "states")
        stated = {raw.states, *(rule.states for rule in rules if rule.states)}
        self._check_fields(raw.states, fields, "fields", rules)
        for rule in rules:
            if rule.states:
                kept = {name: spec for name, spec in fields.items() if name not in rule.without}
                self._check_fields(rule.states, kept | rule.fields, f"rows {rule.name!r}", rules)
        self._check_conditions(fields, rules)
        self._check_link(stated, fields)
        self._check_file()
        for where, name in {
            "connection": raw.connection,
            "stream": raw.stream or "",
            "authority": raw.authority or "",
        }.items():
            if not re.fullmatch(r"[A-Za-z0-9_.-]*", name) or (where == "connection" and not name):
                raise self._wrong(where, f"{name!r}: use letters, digits, and . _ -")
        return Mapping(
            place=self.place, text=self.text, connection=raw.connection, stream=raw.stream or f"{raw.states}s",
            authority=raw.authority or raw.connection, states=raw.states, repeats=raw.repeats,
            identity={name: self._identity(name, fields) for name in stated}, instant=self._instant(),
            covers=raw.covers, file=raw.file, joins=raw.join, fields=fields, rules=rules, link=raw.link,
            personal=raw.personal,
        )  # fmt: skip

    def _wrong(self, where: str, message: str) -> ConfigError:
        return ConfigError(f"{self.place}: {where}: {message}")

    def _statement(self, name: str, where: str) -> Statement:
        if name not in STATEMENTS:
            raise self._wrong(where, f"{name!r} is nothing a row can state; {_nearest(name, STATEMENTS)}")
        return STATEMENTS[name]

    def _fields(self, written: Table[str, Any], where: str) -> dict[str, FieldSpec]:
        fields = {}
        for name, value in written.items():
            here = f"{where}.{name}"
            spec = _checked({"column": value} if isinstance(value, str) else value, FieldSpec, self.place, here)
            sources = [spec.column is not None, bool(spec.columns), spec.field is not None, spec.constant is not None]
            if sum(sources) > 1:
                raise self._wrong(here, "give one of column, columns, field and constant, not several")
            if not any(sources) and spec.default is None and not spec.cases:
                raise self._wrong(here, "says nothing of where it comes from: give column, columns, field or constant")
            self._zone(spec.time_zone, here)
            fields[name] = spec
        return fields

    def _rule(self, rule: RowRule, number: int) -> Rule:
        where = f"rows {rule.name!r}" if rule.name else f"rows, number {number}"
        if (rule.states is None) == (rule.ignore is None):
            raise self._wrong(where, "give either states (what such rows say) or ignore (why they say nothing)")
        if rule.states is not None:
            self._statement(rule.states, where)
        without = tuple(name for name, value in rule.fields.items() if value is False)
        given = {name: value for name, value in rule.fields.items() if value is not False}
        return Rule(
            name=rule.name, when=self._conditions(rule.when, where), states=rule.states, because=rule.ignore,
            fields=self._fields(given, f"{where}.fields"), without=without,
        )  # fmt: skip

    def _conditions(self, when: Names, where: str) -> tuple[Condition, ...]:
        try:
            return tuple(parse_condition(text) for text in _names(when))
        except ValueError as error:
            raise self._wrong(where, str(error)) from error

    def _check_fields(self, states: str, fields: Table[str, FieldSpec], where: str, rules: Iterable[Rule]) -> None:
        statement = STATEMENTS[states]
        stated = [self.raw.states, *(rule.states for rule in rules if rule.states)]
        known = {name for one in stated for name in STATEMENTS[one].fields}
        for name, spec in fields.items():
            if name not in known:
                raise self._wrong(f"{where}.{name}", f"a {states} has no such field; {_nearest(name, known)}")
            for other in (spec.field, spec.times, spec.per):
                if other is not None and other not in fields:
                    raise self._wrong(f"{where}.{name}", f"there is no field {other!r}; {_nearest(other, fields)}")
                if other is not None and fields[other].field is not None:
                    raise self._wrong(f"{where}.{name}", f"{other!r} itself is taken from another field; name that one")
        missing = [n for n, f in statement.fields.items() if f.required and f.default is None and n not in fields]
        if missing:
            raise self._wrong(where, f"a {states} needs {', '.join(missing)}; give each a column or a constant")

    def _check_conditions(self, fields: Table[str, FieldSpec], rules: Iterable[Rule]) -> None:
        for rule in rules:
            self._known(rule.when, fields, f"rows {rule.name!r}")
        for name, spec in fields.items():
            for case in spec.cases:
                self._known(self._conditions(case.when, f"fields.{name}.cases"), fields, f"fields.{name}.cases")

    def _known(self, conditions: Iterable[Condition], fields: Table[str, FieldSpec], where: str) -> None:
        for condition in conditions:
            if condition.field is not None and condition.field not in fields:
                hint = _nearest(condition.field, fields)
                raise self._wrong(where, f"{condition.text!r} asks for {condition.field!r}: {hint}; [Name] is a column")

    def _check_link(self, stated: set[str], fields: Table[str, FieldSpec]) -> None:
        if self.raw.link is None:
            return
        if not {"return", "order_line"} <= stated:
            raise self._wrong("link", "needs rows that state a return and rows that state an order_line")
        for name in self.raw.link.same:
            if name not in fields:
                raise self._wrong("link.same", f"there is no field {name!r}; {_nearest(name, fields)}")

    def _check_file(self) -> None:
        files = {"file": self.raw.file, **{f"join.{name}.read": join.read for name, join in self.raw.join.items()}}
        for where, spec in files.items():
            self._zone(spec.time_zone, where)
            if spec.names and spec.header_row:
                raise self._wrong(where, "names are for a file without a header; header_row for one with it: give one")
            if len(set(spec.names)) != len(spec.names):
                raise self._wrong(where, "two of the names are equal; each column needs its own")
            if bool(spec.fill_down) != bool(spec.fill_by):
                raise self._wrong(where, "fill_down and fill_by go together: what to fill, and within which rows")

    def _zone(self, name: str | None, where: str) -> None:
        if name is None:
            return
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            message = f"time_zone {name!r} is not known; give one such as Europe/London or UTC"
            raise self._wrong(where, message) from error

    def _identity(self, states: str, fields: Table[str, FieldSpec]) -> tuple[str, ...]:
        statement = STATEMENTS[states]
        if self.raw.identity and states == self.raw.states:
            unknown = next((n for n in self.raw.identity if n not in statement.fields), None)
            if unknown is not None:
                raise self._wrong("identity", f"a {states} has no {unknown!r}; {_nearest(unknown, statement.fields)}")
            return self.raw.identity
        if "line" in fields and statement.document is not None:
            return (statement.document, "line")
        return tuple(name for name in statement.identity if name in fields or statement.fields[name].required)

    def _instant(self) -> datetime | None:
        text = self.raw.export_instant
        return None if text is None else parse_instant(text, f"{self.place}: export_instant")


def parse_instant(text: str, where: str) -> datetime:
    """Read an aware time.

    Raises:
        ConfigError: it is no time, or has no offset.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{where}: {text!r} is no time; write it such as 2026-11-19T18:00:00+01:00") from error
    if at.tzinfo is None:
        raise ConfigError(f"{where}: {text!r} has no offset; write it such as 2026-11-19T18:00:00+01:00")
    return at


def _names(value: Names) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _nearest(name: str, known: Iterable[str]) -> str:
    """Say which key was probably meant, or which there are."""
    every = sorted(known)
    close = get_close_matches(name, every, n=1)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(every)}"


def _checked(table: object, shape: type[Any], place: str, where: str) -> Any:  # noqa: ANN401 -- gives `shape`
    _check_keys(table, shape, place, where)
    try:
        return msgspec.convert(table, shape)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).replace("`", "").partition(" - at ")
        inside = path.removeprefix("$").removeprefix(".")
        at = ".".join(part for part in (where, inside) if part) or "the mapping"
        raise ConfigError(f"{place}: {at}: {reason[0].lower()}{reason[1:]}") from error


def _check_keys(table: object, shape: type[Any], place: str, where: str) -> None:
    """Refuse keys that do not exist, and name the one that was probably meant; tables within tables too."""
    if not isinstance(table, dict):
        return
    hints = get_type_hints(shape)
    for key, value in table.items():
        here = f"{where}.{key}" if where else key
        if key not in hints:
            raise ConfigError(f"{place}: {here}: there is no such key; {_nearest(key, hints)}")
        for inner, name in _inner(value, hints[key], here):
            if isinstance(inner, dict):
                _checked(inner, _struct(hints[key]), place, name)


def _inner(value: object, hint: object, where: str) -> list[tuple[object, str]]:
    if _struct(hint) is msgspec.Struct:
        return []
    if isinstance(value, list):
        return [(item, f"{where}, number {n}") for n, item in enumerate(value, 1)]
    if isinstance(value, dict) and get_origin(hint) is dict:
        return [(item, f"{where}.{name}") for name, item in value.items()]
    return [(value, where)]


def _struct(hint: object) -> type[Any]:
    """Find the struct inside a type such as tuple[Case, ...] or LinkSpec | None."""
    for part in (hint, *get_args(hint)):
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            return part
    return msgspec.Struct
