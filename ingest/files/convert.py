"""Columns of text to typed fields. Each distinct cell is read once; what cannot be read is an error of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import polars as pl

from data.clock import to_micros
from data.errors import ConfigError
from ingest.files.cells import (
    CellError,
    in_zone,
    pattern,
    read_code,
    read_day,
    read_flag,
    read_number,
    read_time,
    read_whole,
    trimmed,
)
from ingest.files.conditions import Condition, holds
from ingest.files.delimited import plain
from ingest.files.formats import infer_formats
from ingest.files.mapping import FieldSpec, FileSpec, Mapping, case_conditions, columns_of
from ingest.files.statements import STATEMENTS, Field, Kind

ROW = "*row"  #: place of a row in its file's table
ERROR, CLASS = "*error", "*class"
#: Begins a pseudonym, so that a stored one is not hashed again.
PSEUDONYM = "person:"

DTYPES: dict[Kind, type[pl.DataType]] = {
    Kind.text: pl.String, Kind.code: pl.String, Kind.integer: pl.Int64, Kind.decimal: pl.String, Kind.money: pl.String,
    Kind.instant: pl.Int64, Kind.day: pl.String, Kind.boolean: pl.Boolean,
}  # fmt: skip
NUMERIC = (Kind.integer, Kind.decimal, Kind.money)


@dataclass
class Notes:
    """What a person should know about how a file was read."""

    warnings: list[str] = field(default_factory=list)
    formats: dict[str, str] = field(default_factory=dict)  #: by column: the format that was found out
    sentinels: dict[str, int] = field(default_factory=dict)  #: 'field: text' -> rows in which it was read as missing


@dataclass(frozen=True)
class Converted:
    """The rows that state one thing, with their fields; `because` where a rule ignores them."""

    rule: str
    states: str | None
    because: str | None
    frame: pl.DataFrame  #: ROW, the fields, ERROR and CLASS (null where the row is good)


@dataclass(frozen=True)
class Cells:
    """A field's values, row by row, with why some could not be read."""

    values: pl.Series
    error: pl.Series
    error_class: pl.Series


def convert(frame: pl.DataFrame, mapping: Mapping, notes: Notes) -> list[Converted]:
    """Read every row by the first rule that fits it, else as what the mapping says rows are.

    Raises:
        ConfigError: a column that is needed is not in the file, or its times can be read in two ways.
    """
    reader = _Reader(frame, mapping, notes)
    base = reader.fields(mapping.fields, pl.Series(range(frame.height), dtype=pl.Int64))
    left = pl.Series([True] * frame.height, dtype=pl.Boolean)
    groups = []
    for rule in mapping.rules:
        chosen = left & reader.mask(rule.when, base)
        left = left & ~chosen
        rows = chosen.arg_true().cast(pl.Int64)
        part = {name: _taken(cells, rows) for name, cells in base.items() if name not in rule.without}
        if rule.fields:
            part |= reader.fields(rule.fields, rows, part)
        groups.append(_group(rule.name, rule.states, rule.because, part, rows))
    rows = left.arg_true().cast(pl.Int64)
    rest = {name: _taken(cells, rows) for name, cells in base.items()}
    return [*groups, _group("otherwise", mapping.states, None, rest, rows)]


def find_column(name: str, columns: Sequence[str]) -> str | None:
    """Find a column as it stands in the file: exactly, or without regard to case and doubled blanks."""
    if name in columns:
        return name
    return next((column for column in columns if plain(column) == plain(name)), None)


def kind_of(name: str, mapping: Mapping) -> Kind:
    """Tell how a field's text is read."""
    stated = [mapping.states, *(rule.states for rule in mapping.rules if rule.states)]
    return next(STATEMENTS[s].fields[name].kind for s in stated if name in STATEMENTS[s].fields)


def pseudonym(text: str, key: bytes) -> str:
    """Replace what names a person by a keyed hash; the same person gives the same one."""
    if text.startswith(PSEUDONYM):
        return text
    return PSEUDONYM + blake2b(text.strip().casefold().encode(), key=key, digest_size=12).hexdigest()


class _Reader:
    """Reads the fields of one file."""

    def __init__(self, frame: pl.DataFrame, mapping: Mapping, notes: Notes) -> None:
        self.frame, self.mapping, self.notes = frame, mapping, notes

    def fields(
        self, specs: dict[str, FieldSpec], rows: pl.Series, given: dict[str, Cells] | None = None
    ) -> dict[str, Cells]:
        """Read fields on some rows; `given` are fields that others may refer to."""
        done = dict(given or {})
        for name, spec in specs.items():
            if spec.field is None:
                done[name] = self._read(name, spec, rows)
        for name, spec in specs.items():
            if spec.times or spec.per:
                done[name] = _scaled(done[name], done, spec)
        for name, spec in specs.items():
            if spec.field is not None:
                done[name] = done[spec.field]
        for name, spec in specs.items():
            for case in reversed(spec.cases):
                mask = self.mask(case_conditions(case), done, rows)
                done[name] = _replaced(done[name], mask, self._parsed(name, spec, case.value))
        return done

    def mask(
        self, conditions: Iterable[Condition], fields: dict[str, Cells], rows: pl.Series | None = None
    ) -> pl.Series:
        """Tell on which rows all conditions hold."""
        height = self.frame.height if rows is None else len(rows)
        mask = pl.Series([True] * height, dtype=pl.Boolean)
        for condition in conditions:
            mask = mask & self._holds(condition, fields, rows)
        return mask

    def _holds(self, condition: Condition, fields: dict[str, Cells], rows: pl.Series | None) -> pl.Series:
        if condition.field is not None:
            cells, kind = fields[condition.field].values, kind_of(condition.field, self.mapping)
            if kind == Kind.instant:
                cells = cells.cast(pl.Datetime("us")).dt.strftime("%Y-%m-%d %H:%M:%S")
            numeric = kind in NUMERIC
        else:
            column = find_column(condition.column or "", self.frame.columns)
            if column is None:
                raise ConfigError(f"{self.mapping.place}: {condition.text!r} asks for a column that the file has not")
            cells = self.frame[column].str.strip_chars()
            cells = cells.set(cells == "", None)
            cells = cells if rows is None else cells.gather(rows)
            numeric = condition.operator in ("<", "<=", ">", ">=")
        frame = pl.DataFrame({"cell": cells})
        return frame.select(holds(condition, pl.col("cell"), numeric=numeric).alias("holds"))["holds"]

    def _read(self, name: str, spec: FieldSpec, rows: pl.Series) -> Cells:
        kind = kind_of(name, self.mapping)
        text = self._text(name, spec)
        if text is None:
            constant = None if spec.constant is None else _constant(spec.constant)
            return _whole(self._parsed(name, spec, constant), len(rows), kind)
        text = text if len(rows) == self.frame.height else text.gather(rows)
        unique = [cell for cell in text.unique().to_list() if cell is not None]
        clean = self._cleaner(spec)
        formats = spec.formats
        if (
            kind in (Kind.instant, Kind.day)
            and not formats
            and (known := self.notes.formats.get("/".join(columns_of(spec))))
        ):
            formats = (known,)
        elif kind in (Kind.instant, Kind.day) and not formats:
            where = f"{self.mapping.place}: column {'/'.join(columns_of(spec))!r}"
            formats = infer_formats([cell for raw in unique if (cell := clean(raw)) is not None], where)
            if formats:
                self.notes.formats["/".join(columns_of(spec))] = formats[0]
        return self._mapped(name, spec, text, unique, self._parser(kind, spec, formats), clean)

    def _mapped(
        self,
        name: str,
        spec: FieldSpec,
        text: pl.Series,
        unique: Sequence[str],
        parse: Callable[[str], object],
        clean: Callable[[str], str | None],
    ) -> Cells:
        dtype = DTYPES[kind_of(name, self.mapping)]
        default = None if spec.default is None else parse(spec.default)
        values: list[object] = []
        errors: list[str | None] = []
        classes: list[str | None] = []
        sentinel: list[str] = []
        for raw in unique:
            value, error, error_class = default, None, None
            cell = clean(raw)
            if cell is None and trimmed(raw, spec.trim):
                sentinel.append(raw)
            if cell is not None:
                try:
                    value = parse(cell)
                except CellError as failure:
                    value, error, error_class = None, f"{name}: {failure}", failure.error_class
            values.append(value)
            errors.append(error)
            classes.append(error_class)
        table = pl.DataFrame(
            {
                "text": pl.Series(unique, dtype=pl.String), "value": pl.Series(values, dtype=dtype),
                "error": pl.Series(errors, dtype=pl.String), "class": pl.Series(classes, dtype=pl.String),
            }
        )  # fmt: skip
        joined = text.to_frame("text").join(table, on="text", how="left", maintain_order="left")
        value = joined["value"]
        if default is not None:
            value = joined.select(pl.when(pl.col("text").is_null()).then(pl.lit(default, dtype)).otherwise("value"))[
                "literal"
            ]
        self._note_sentinels(name, spec, text, sentinel)
        return Cells(value.alias(name), joined["error"], joined["class"])

    def _note_sentinels(self, name: str, spec: FieldSpec, text: pl.Series, sentinel: Sequence[str]) -> None:
        """Count the cells that were taken for missing, by the word that says so."""
        words = (*spec.missing, *self.mapping.file.missing)
        for cell, rows in text.filter(text.is_in(sentinel)).value_counts(sort=True).iter_rows() if sentinel else ():
            shown = trimmed(cell, spec.trim)
            word = next((w for w in words if (one := pattern((w,))) is not None and one.fullmatch(shown)), shown)
            label = f"{name}: {word}"
            self.notes.sentinels[label] = self.notes.sentinels.get(label, 0) + rows

    def _text(self, name: str, spec: FieldSpec) -> pl.Series | None:
        """Give a field's raw text, or None where it has no column here."""
        if spec.columns:
            found = [find_column(column, self.frame.columns) for column in spec.columns]
            if None in found:
                raise self._absent(name, spec)
            parts = [pl.col(column).str.strip_chars() for column in found if column is not None]
            return self.frame.select(pl.concat_str(parts, separator=spec.separator).alias(name))[name]
        wanted = columns_of(spec)
        if not wanted:
            return None
        present = [column for name in wanted if (column := find_column(name, self.frame.columns)) is not None]
        if present:
            return self.frame[present[0]]
        needed = any(
            STATEMENTS[states].fields[name].required
            for states in {self.mapping.states, *(rule.states for rule in self.mapping.rules if rule.states)}
            if name in STATEMENTS[states].fields
        )
        if needed and spec.default is None:
            raise self._absent(name, spec)
        self.notes.warnings.append(f"{name} is missing everywhere: the file has no column {' or '.join(wanted)}")
        return None

    def _absent(self, name: str, spec: FieldSpec) -> ConfigError:
        return ConfigError(
            f"{self.mapping.place}: fields.{name}: the file has no column {' or '.join(columns_of(spec))!r}; "
            f"it has {', '.join(self.frame.columns)}"
        )

    def _cleaner(self, spec: FieldSpec) -> Callable[[str], str | None]:
        """Make the function that trims a cell, takes out sentinels and translates; None is missing."""
        nothing = pattern((*spec.missing, *self.mapping.file.missing))
        values = {trimmed(cell): value for cell, value in spec.values.items()}

        def clean(raw: str) -> str | None:
            cell = trimmed(raw, spec.trim)
            if not cell or (nothing is not None and nothing.fullmatch(cell)):
                return None
            if spec.pseudonym:
                return cell  # hashed already
            cell = values.get(cell, cell)
            return (cell.upper() if spec.upper else cell.lower() if spec.lower else cell) or None

        return clean

    def _parsed(self, name: str, spec: FieldSpec, text: str | None) -> object:
        """Read a constant or a case's value as the field's own kind."""
        text = spec.default if text is None else text
        if text is None:
            return None
        try:
            return self._parser(kind_of(name, self.mapping), spec, spec.formats)(text)
        except CellError as error:
            raise ConfigError(f"{self.mapping.place}: fields.{name}: {error}") from error

    def _parser(self, kind: Kind, spec: FieldSpec, formats: tuple[str, ...]) -> Callable[[str], object]:
        decimal = spec.decimal or self.mapping.file.decimal
        zone, first = spec.time_zone or _zone(self.mapping.file), spec.ambiguous == "first"

        def signed(number: Decimal) -> Decimal:
            return {"negate": -number, "absolute": abs(number)}.get(spec.sign, number)

        def instant(text: str) -> int:
            at = read_time(text, formats, first=first)
            if at.tzinfo is None and zone is None:
                where = f"{self.mapping.place}: column {'/'.join(columns_of(spec))!r}"
                raise ConfigError(f"{where} has times without an offset, such as {text!r}; declare time_zone in [file]")
            return to_micros(in_zone(at, zone, text))

        parsers: dict[Kind, Callable[[str], object]] = {
            Kind.text: lambda text: read_code(text, whole=True) if spec.whole else text,
            Kind.code: lambda text: read_code(text, whole=spec.whole),
            Kind.integer: lambda text: int(signed(Decimal(read_whole(text, decimal)))),
            Kind.decimal: lambda text: written(signed(read_number(text, decimal))),
            Kind.money: lambda text: written(signed(read_number(text, decimal))),
            Kind.instant: instant,
            Kind.day: lambda text: read_day(text, formats, first=first).isoformat(),
            Kind.boolean: read_flag,
        }
        return parsers[kind]


def written(number: Decimal) -> str:
    """Write a number in the one way that equal numbers share: 2.50 and 2.5 are both 2.5."""
    number = number.normalize()
    return "0" if not number else format(number, "f")


def _zone(spec: FileSpec) -> str | None:
    return spec.time_zone


def _constant(value: str | float | bool) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _whole(value: object, height: int, kind: Kind) -> Cells:
    nothing = pl.Series([None] * height, dtype=pl.String)
    return Cells(pl.Series([value] * height, dtype=DTYPES[kind]), nothing, nothing)


def _taken(cells: Cells, rows: pl.Series) -> Cells:
    return Cells(cells.values.gather(rows), cells.error.gather(rows), cells.error_class.gather(rows))


def _replaced(cells: Cells, mask: pl.Series, value: Any) -> Cells:  # noqa: ANN401 -- of the field's own kind
    """Give the rows of a mask one value; what could not be read there no longer matters."""
    frame = pl.DataFrame({"v": cells.values, "e": cells.error, "c": cells.error_class, "m": mask})
    done = frame.select(
        pl.when("m").then(pl.lit(value, cells.values.dtype)).otherwise("v").alias("v"),
        pl.when(~pl.col("m")).then("e").alias("e"),
        pl.when(~pl.col("m")).then("c").alias("c"),
    )
    return Cells(done["v"], done["e"], done["c"])


def _scaled(cells: Cells, fields: dict[str, Cells], spec: FieldSpec) -> Cells:
    """Multiply and divide by other fields, exactly to nine places."""
    frame = pl.DataFrame({"v": cells.values})
    others = {"times": spec.times, "per": spec.per}
    names = ["v"]
    for role, other in others.items():
        if other is not None:
            frame = frame.with_columns(fields[other].values.cast(pl.String).alias(role))
            names.append(role)
    unique = frame.unique()
    results = [_product(row) for row in unique.iter_rows(named=True)]
    table = unique.with_columns(result=pl.Series(results, dtype=pl.String))
    joined = frame.join(table, on=names, how="left", maintain_order="left", nulls_equal=True)
    return Cells(joined["result"], cells.error, cells.error_class)


def _product(row: dict[str, str | None]) -> str | None:
    if any(cell is None for cell in row.values()):
        return None
    number = Decimal(row["v"] or "0") * Decimal(row.get("times") or "1")
    divisor = Decimal(row.get("per") or "1")
    return written(round(number / divisor, 9)) if divisor else None


def _group(rule: str, states: str | None, because: str | None, fields: dict[str, Cells], rows: pl.Series) -> Converted:
    """Put the fields of a statement together and name the first thing that is wrong with each row."""
    if states is None:
        nothing = pl.Series([None] * len(rows), dtype=pl.String)
        return Converted(rule, None, because, pl.DataFrame({ROW: rows, ERROR: nothing, CLASS: nothing}))
    statement = STATEMENTS[states]
    columns = [rows.alias(ROW)]
    errors: list[pl.Expr] = []
    classes: list[pl.Expr] = []
    for name, field_ in statement.fields.items():
        cells = _filled(fields.get(name), field_, len(rows))
        columns.append(cells.values.alias(name))
        if cells.error.null_count() < len(rows):
            columns += [cells.error.alias(f"*e {name}"), cells.error_class.alias(f"*c {name}")]
            errors.append(pl.col(f"*e {name}"))
            classes.append(pl.col(f"*c {name}"))
        for test, error_class, text in _tests(name, field_):
            errors.append(pl.when(test).then(pl.lit(text)))
            classes.append(pl.when(test).then(pl.lit(error_class)))
    done = pl.DataFrame(columns).with_columns(pl.coalesce(errors).alias(ERROR), pl.coalesce(classes).alias(CLASS))
    return Converted(rule, states, because, done.select(ROW, *statement.fields, ERROR, CLASS))


def _filled(cells: Cells | None, field_: Field, height: int) -> Cells:
    """Give a field that the mapping does not name, or a cell that is missing, the statement's own default."""
    default = _default(field_.default, field_.kind)
    if cells is None:
        return _whole(default, height, field_.kind)
    if default is None or not cells.values.null_count():
        return cells
    return _replaced(cells, cells.values.is_null() & cells.error.is_null(), default)


def _tests(name: str, field_: Field) -> list[tuple[pl.Expr, str, str]]:
    """Say what would be wrong with a field's value: the test, the class, the sentence."""
    tests: list[tuple[pl.Expr, str, str]] = []
    if field_.required:
        tests.append((pl.col(name).is_null(), "missing", f"{name} is missing"))
    if field_.least is not None:
        said = f"{name} is below {field_.least}; a rule under [[rows]] can say what such rows are"
        tests.append((pl.col(name).cast(pl.Float64) < field_.least, "sign", said))
    return tests


def _default(text: str | None, kind: Kind) -> object:
    if text is None:
        return None
    match kind:
        case Kind.integer:
            return int(text)
        case Kind.boolean:
            return read_flag(text)
        case _:
            return text
