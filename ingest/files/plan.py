"""What an import would do: every row of a file with its outcome before anything is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatch
from hashlib import blake2b
from pathlib import Path

import msgspec
import polars as pl

from data.clock import from_micros, to_micros
from data.errors import ConfigError, RecordInvalid
from data.events import Entity
from data.log.append import Received
from ingest.files.convert import CLASS, ERROR, ROW, Converted, Notes, convert, find_column
from ingest.files.events import build
from ingest.files.identify import KEY, identify, in_file_order
from ingest.files.join import UNMATCHED, join
from ingest.files.link import link
from ingest.files.mapping import Mapping
from ingest.files.personal import without_persons
from ingest.files.read import BadRow, FileTable, read_content
from ingest.files.statements import STATEMENTS, Kind

#: Times that lie ahead of the export by their nature.
AHEAD = ("ship_by", "promised_at")
#: A parcel that leaves so long after its order is worth a look.
LONG_AFTER = timedelta(days=366)

_encoder = msgspec.json.Encoder()


@dataclass(frozen=True)
class Inputs:
    """One main file and the files joined to it."""

    main: Path
    joined: dict[str, Path]


@dataclass(frozen=True)
class Plan:
    """Everything that one file states, row by row, and what a person should know about it."""

    mapping: Mapping
    name: str
    digest: str  #: of the file and the mapping: the same import again has the same
    table: FileTable
    clean: pl.DataFrame  #: the cells without what is personal
    groups: tuple[Converted, ...]  #: identified and linked
    bad: tuple[BadRow, ...]  #: rows that could not even be read
    instant: datetime
    notes: Notes
    rules: dict[str, int]  #: rows by rule
    about: dict[str, str]
    linked: int = 0
    unlinked: int = 0

    @property
    def rows(self) -> int:
        """Count the rows of the file: each becomes one record."""
        return self.table.rows

    def dead_letters(self, limit: int | None = None) -> list[BadRow]:
        """Give the first rows that cannot be taken, by line."""
        found = list(self.bad)
        for group in self.groups:
            wrong = group.frame.filter(pl.col(ERROR).is_not_null()).select(ROW, CLASS, ERROR)
            for row, error_class, error in wrong.iter_rows():
                line = self.table.lines[row]
                found.append(BadRow(line, error_class, f"line {line}: {error}", self.clean.row(row, named=True)))
        return sorted(found, key=lambda bad: bad.line)[:limit]

    def count_dead_letters(self) -> int:
        """Count the rows that cannot be taken."""
        return len(self.bad) + sum(group.frame[ERROR].count() for group in self.groups)

    def covered(self) -> set[Entity]:
        """Name the entities that the file states in whole: none of their rows is a dead letter."""
        whole: set[Entity] = set()
        doubtful: set[Entity] = set()
        for group in self.groups:
            if group.states is None or (document := STATEMENTS[group.states].document) is None:
                continue
            name = pl.coalesce("tracking", "parcel") if document == "parcel" else pl.col(document)
            names = group.frame.select(name.alias("name"), pl.col(ERROR).is_null().alias("good")).unique()
            for text, good in names.filter(pl.col("name").is_not_null()).iter_rows():
                entity = f"{self.mapping.authority}/{text}" if document == "order" else text
                (whole if good else doubtful).add((document, entity))
        return whole - doubtful

    def received(self, start: int, stop: int, *, observed_at: int) -> list[Received]:
        """Make the records of some rows: first the readable ones in their order, then the others."""
        height = self.table.frame.height
        found = self._readable(start, min(stop, height), observed_at) if start < height else []
        rest = self.bad[max(start - height, 0) : max(stop - height, 0)]
        return [*found, *(self._unreadable(bad, observed_at) for bad in rest)]

    def _readable(self, start: int, stop: int, observed_at: int) -> list[Received]:
        version = to_micros(self.instant)
        raw = self.clean.slice(start, stop - start).select(pl.struct(pl.all()).struct.json_encode().alias("raw"))["raw"]
        bodies = [text.encode() for text in raw]
        found: list[Received | None] = [None] * (stop - start)
        for group in self.groups:
            part = group.frame.filter((pl.col(ROW) >= start) & (pl.col(ROW) < stop))
            names = part.columns
            for cells in zip(*(part[name].to_list() for name in names), strict=True):
                row = dict(zip(names, cells, strict=True))
                number = row[ROW]
                found[number - start] = _received(
                    self, group, row, bodies[number - start], version=version, observed_at=observed_at
                )
        return [item for item in found if item is not None]

    def _unreadable(self, bad: BadRow, observed_at: int) -> Received:
        return Received(
            key=f"{self.name}:{bad.line}", raw=_encoder.encode(bad.cells), version=to_micros(self.instant),
            observed_at=observed_at, error=RecordInvalid(bad.message, error_class=bad.error_class),
            place=f"{self.name}:{bad.line}",
        )  # fmt: skip


def _received(
    plan: Plan, group: Converted, row: dict[str, object], raw: bytes, *, version: int, observed_at: int
) -> Received:
    number = row[ROW]
    assert isinstance(number, int)  # noqa: S101 -- the column is one of numbers
    place = f"{plan.name}:{plan.table.lines[number]}"
    if (error := row[ERROR]) is not None:
        line = plan.table.lines[number]
        invalid = RecordInvalid(f"line {line}: {error}", error_class=str(row[CLASS]))
        return Received(key=place, raw=raw, version=version, observed_at=observed_at, error=invalid, place=place)
    if group.states is None:
        return Received(key=f"ignored:{row[KEY]}", raw=raw, version=version, observed_at=observed_at, place=place)
    event = build(group.states, row, plan.mapping.authority, plan.instant)
    changed = row.get("shipped_at") or row.get("placed_at") or row.get("requested_at") or version
    return Received(
        key=str(row[KEY]), raw=raw, version=version, observed_at=observed_at, events=(event,), place=place,
        changed_at=changed if isinstance(changed, int) else version,
    )  # fmt: skip


def choose_inputs(paths: Sequence[Path], mapping: Mapping) -> list[Inputs]:
    """Tell the main files from the joined ones; folders stand for the files in them.

    Raises:
        ConfigError: a file cannot be read, one that the mapping joins is not there, or nothing else is.
    """
    files: list[Path] = []
    for path in paths:
        with _reading(path):
            files.extend(sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path])
    for file in files:
        with _reading(file):
            file.open("rb").close()
    joined = {file for file in files for spec in mapping.joins.values() if fnmatch(file.name, spec.file)}
    mains = [file for file in files if file not in joined]
    if not mains:
        raise ConfigError(
            f"{mapping.place}: no file with rows was given, only files to join; give the main file as well"
        )
    return [
        Inputs(main, {n: _partner(main, files, s.file, mapping, n) for n, s in mapping.joins.items()}) for main in mains
    ]


def _partner(main: Path, files: Sequence[Path], wanted: str, mapping: Mapping, name: str) -> Path:
    near = sorted(main.parent.glob(wanted))
    found = [file for file in files if fnmatch(file.name, wanted)] or [file for file in near if file != main]
    if len(found) != 1:
        said = f"{len(found)} files fit" if found else "no file fits"
        raise ConfigError(f"{mapping.place}: join.{name}: {said} {wanted!r}; give exactly one beside {main.name}")
    return found[0]


def plan_import(
    inputs: Inputs, mapping: Mapping, *, key: bytes, now: datetime, instant: datetime | None = None
) -> Plan:
    """Read a file and work out what each of its rows states; nothing is stored.

    Raises:
        ConfigError: the file cannot be read by this mapping at all.
    """
    content = _content(inputs.main)
    digest = blake2b(content, digest_size=16)
    digest.update(mapping.text.encode())
    own = [c for c in mapping.columns if c.partition(".")[0] not in mapping.joins]
    table = read_content(content, inputs.main.name, mapping.file, own)
    notes, frame, about = Notes(), table.frame, dict(table.about)
    for name, spec in mapping.joins.items():
        partner = _content(inputs.joined[name])
        digest.update(partner)
        other = read_content(partner, inputs.joined[name].name, spec.read, list(spec.on.values()))
        if other.bad:
            raise ConfigError(f"{other.name}: {other.bad[0].message}; a joined file must be readable in whole")
        joined = join(frame, other, name, spec, mapping.place)
        frame = joined.frame
        about[f"join {name}"] = f"{other.rows:,} rows of {other.name}; {joined.unused:,} unused"
        if joined.unmatched:
            notes.warnings.append(f"{joined.unmatched:,} rows have no partner in {other.name}")
    clean, dropped = without_persons(frame, mapping, key)
    if dropped:
        notes.warnings.append(f"dropped as personal: {', '.join(dropped)}")
    return _planned(mapping, table, clean, notes, about, instant, now, digest.hexdigest())


def plan_again(
    mapping: Mapping,
    table: FileTable,
    *,
    key: bytes,
    instant: datetime,
    formats: dict[str, str],
    nth: int = 1,
) -> Plan:
    """Work out what stored rows state, by the same way as those of a file: a corrected one, or all of an import.

    `formats` are those that were found out when the file was read; `nth` is the occurrence of the first among equals.
    """
    clean, _ = without_persons(table.frame, mapping, key)
    return _planned(mapping, table, clean, Notes(formats=dict(formats)), {}, instant, instant, "", nth)


def _content(path: Path) -> bytes:
    with _reading(path):
        return path.read_bytes()


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error


def _planned(
    mapping: Mapping,
    table: FileTable,
    clean: pl.DataFrame,
    notes: Notes,
    about: dict[str, str],
    instant: datetime | None,
    now: datetime,
    digest: str,
    first: int = 1,
) -> Plan:
    unused = [c for c in clean.columns if c != UNMATCHED and c.partition(".")[0] not in mapping.joins]
    read = {find_column(name, clean.columns) for name in mapping.columns}
    unused = [column for column in unused if column not in read]
    if unused and digest:
        notes.warnings.append(f"not used: {', '.join(unused)}")
    groups = convert(clean, mapping, notes)
    if UNMATCHED in clean.columns:
        groups = [_unmatched(group, clean[UNMATCHED]) for group in groups]
        clean = clean.drop(UNMATCHED)
    groups = [_identified(group, clean, mapping, first) for group in groups]
    groups, linked, unlinked = _linked(groups, mapping)
    _warn_late(groups, notes, table)
    return Plan(
        mapping=mapping, name=table.name, digest=digest, table=table, clean=clean, groups=tuple(groups),
        bad=tuple(table.bad), instant=instant or mapping.instant or _latest(groups, table, now), notes=notes,
        rules={group.rule: group.frame.height for group in groups}, about=about, linked=linked, unlinked=unlinked,
    )  # fmt: skip


def _unmatched(group: Converted, unmatched: pl.Series) -> Converted:
    lacking = unmatched.gather(group.frame[ROW])
    frame = group.frame.with_columns(lacking.alias(UNMATCHED)).with_columns(
        pl.coalesce(UNMATCHED, ERROR).alias(ERROR),
        pl.when(pl.col(UNMATCHED).is_not_null()).then(pl.lit("unmatched")).otherwise(pl.col(CLASS)).alias(CLASS),
    )
    return Converted(group.rule, group.states, group.because, frame.drop(UNMATCHED))


def _identified(group: Converted, clean: pl.DataFrame, mapping: Mapping, first: int) -> Converted:
    if group.states is None:
        frame = _ignored(group.frame, clean)
    else:
        identity = mapping.identity[group.states]
        frame = identify(group.frame, STATEMENTS[group.states], identity, mapping.repeats, first=first)
    return Converted(group.rule, group.states, group.because, in_file_order(frame))


def _ignored(frame: pl.DataFrame, clean: pl.DataFrame) -> pl.DataFrame:
    """Give an ignored row a key made of its content, and of how often that came before."""
    rows = clean[frame[ROW]].select(pl.struct(pl.all()).struct.json_encode().alias("text"))["text"]
    hashes = [blake2b((text or "").encode(), digest_size=12).hexdigest() for text in rows]
    keyed = frame.with_columns(pl.Series("*hash", hashes, dtype=pl.String))
    nth = pl.int_range(1, pl.len() + 1).over("*hash").cast(pl.String)
    return keyed.with_columns(pl.concat_str("*hash", nth, separator="|").alias(KEY)).drop("*hash")


def _linked(groups: list[Converted], mapping: Mapping) -> tuple[list[Converted], int, int]:
    if mapping.link is None:
        return groups, 0, 0
    lines = pl.concat([g.frame for g in groups if g.states == "order_line"], how="vertical")
    asked = [(n, g) for n, g in enumerate(groups) if g.states == "return"]
    together = pl.concat([g.frame.with_columns(pl.lit(n).alias("*group")) for n, g in asked], how="vertical")
    done = link(together.drop("*group"), lines, mapping.link)
    marked = done.frame.with_columns(together["*group"])
    result = list(groups)
    for n, group in asked:
        mine = marked.filter(pl.col("*group") == n).drop("*group")
        result[n] = Converted(group.rule, group.states, group.because, mine)
    return result, done.linked, done.unlinked


def _latest(groups: Sequence[Converted], table: FileTable, now: datetime) -> datetime:
    """Take the latest time inside as the instant of the export."""
    if not table.rows:
        return now
    latest = _newest(groups, readable_only=True) or _newest(groups, readable_only=False)
    if latest is None:
        raise ConfigError(
            f"{table.name} has no time inside that tells when it was exported; say it, such as "
            "--as-of-instant 2026-11-19T18:00:00Z"
        )
    instant = from_micros(latest)
    if instant > now + timedelta(days=1):
        raise ConfigError(
            f"the latest time in {table.name} is {instant.isoformat()}, which is still to come; correct it, or say "
            "when the file was exported: --as-of-instant"
        )
    return instant


def _newest(groups: Sequence[Converted], *, readable_only: bool) -> int | None:
    newest: list[int] = []
    for group in groups:
        if group.states is None:
            continue
        frame = group.frame.filter(pl.col(ERROR).is_null()) if readable_only else group.frame
        fields = STATEMENTS[group.states].fields
        times = [frame[n].max() for n, f in fields.items() if f.kind == Kind.instant and n not in AHEAD]
        newest += [at for at in times if isinstance(at, int)]
    return max(newest, default=None)


def _warn_late(groups: Sequence[Converted], notes: Notes, table: FileTable) -> None:
    for group in groups:
        if group.states != "order_line":
            continue
        gap = pl.col("shipped_at") - pl.col("placed_at")
        odd = group.frame.filter((gap < 0) | (gap > LONG_AFTER // timedelta(microseconds=1)))[ROW].to_list()
        if odd:
            lines = ", ".join(str(table.lines[row]) for row in odd[:3])
            notes.warnings.append(
                f"{len(odd):,} rows were shipped before they were ordered or more than a year after: line {lines} …"
            )
