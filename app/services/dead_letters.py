"""Dead letters, for the desk and the command line alike: seen, corrected, replayed, set aside."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
import structlog

from actions.people import Person
from app.services import people, words
from app.services.clock import business_now
from app.services.expected import expected
from app.services.masking import Masked, masked
from app.services.readers import Readers
from app.services.workspace import look_again
from data.clock import to_micros
from data.errors import RequestError, StoreError
from data.log import dead_letters as log
from data.log.dead_letters import Class, Wanted
from data.log.records import Parse, Stored, one_stored, some_stored
from data.publish import publish
from data.store import Store
from ingest.files.convert import find_column
from ingest.files.kept import is_kept, kept
from ingest.files.mapping import Mapping

#: The writer is held no longer than this at a time, so that nobody waits long.
HELD_SECONDS = 0.08
#: Rows that are read together before their turn comes.
AHEAD = 500
#: Most characters of a record that are shown to be edited.
LONGEST = 200_000

Progress = Callable[[str, int, int], None]

_diary = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One dead letter as a person sees it."""

    stored: Stored
    sentence: str  #: what was expected
    text: Masked  #: its bytes, without what is about a person


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of one."""

    record: int
    place: str | None
    outcome: str  #: accepted | duplicate | conflict | dead_letter | refused
    error: str | None
    moved: bool  #: false where it was no dead letter


@dataclass(frozen=True, kw_only=True)
class Report:
    """What became of many."""

    results: Sequence[Result]

    @property
    def good(self) -> bool:
        """Tell whether every one is understood now."""
        return all(r.outcome not in ("dead_letter", "refused") for r in self.results)

    @property
    def words(self) -> str:
        """Say it in one sentence, such as *3 replayed: 2 accepted, 1 still bad: why*."""
        done = [r for r in self.results if r.moved and r.outcome != "refused"]
        before = [r for r in self.results if not r.moved]
        refused = [r for r in self.results if r.outcome == "refused"]
        said = []
        if done or not (before or refused):
            outcomes = Counter(r.outcome for r in done)
            parts = [f"{outcomes[o]:,} {name}" for o, name in _OUTCOMES if outcomes[o]]
            bad = [r.error or "" for r in done if r.outcome == "dead_letter"]
            said.append(f"{len(done):,} replayed" + (f": {', '.join(parts)}" if parts else "") + _reasons(bad))
        if before:
            what = words.listed(sorted({_BECAME[r.outcome] for r in before}))
            said.append(f"{len(before):,} needed no replay ({what})")
        if refused:
            said.append(f"{len(refused):,} left alone" + _reasons([r.error or "" for r in refused]))
        return "; ".join(said)


_OUTCOMES = (
    ("accepted", "accepted"), ("duplicate", "known already"), ("conflict", "in conflict with what is known"),
    ("dead_letter", "still bad"),
)  # fmt: skip
_BECAME = {"accepted": "accepted", "duplicate": "known already", "conflict": "in conflict"}


def _reasons(errors: Sequence[str]) -> str:
    if not errors:
        return ""
    ((most, _), *others) = Counter(errors).most_common()
    more = f" (and {words.plural(len(others), 'other reason')})" if others else ""
    return f": {most}{more}"


def classes(store: Store) -> list[Class]:
    """Group the dead letters that wait by source and error class."""
    with store.log.read() as conn:
        return log.classes(conn)


def letters(store: Store, wanted: Wanted, *, limit: int = 200) -> Sequence[Stored]:
    """List dead letters in the order of their arrival."""
    with store.log.read() as conn:
        return log.list_dead_letters(conn, wanted, limit=limit)


def letter(store: Store, record: int) -> Letter:
    """Open one.

    Raises:
        RequestError: there is no such record.
    """
    with store.log.read() as conn:
        stored = one_stored(conn, record)
    body = stored.body[:LONGEST].decode("utf-8", "backslashreplace")
    dead = stored.outcome == "dead_letter"
    sentence = expected(stored.error_class, stored.error) if dead else "It is understood."
    return Letter(stored=stored, sentence=sentence, text=masked(body))


def to_correct(store: Store, record: int) -> Stored:
    """Give one with its bytes as they are, for whoever corrects them.

    Raises:
        RequestError: there is no such record, or it is no dead letter.
    """
    with store.log.read() as conn:
        stored = one_stored(conn, record)
    if stored.outcome != "dead_letter":
        raise RequestError(f"record {record} is no dead letter but {stored.outcome}; there is nothing to correct")
    return stored


def columns(store: Store, stored: Stored, cells: Iterable[str]) -> list[str] | None:
    """Name the columns that a row of a file may have: its own and those that are read; None where it is no such row."""
    if not is_kept(store, stored.connection, stored.stream):
        return None
    read = kept(store, stored.connection, stored.stream).mapping("the kept mapping").columns
    own = list(cells)
    return [*own, *(name for name in read if find_column(name, own) is None)]


def replay(
    store: Store,
    records: Sequence[int],
    *,
    by: Person,
    edited: bytes | None = None,
    mapping: Mapping | None = None,
    progress: Progress | None = None,
) -> Report:
    """Read dead letters again, one of them as a person corrected it, and publish what they say.

    Each is replayed once, whoever asks how often. The log's writer is let go between a few of them.

    Raises:
        RequestError: the person may not.
    """
    if edited is not None and len(records) != 1:
        raise RequestError("a correction is one record's; name exactly one")
    people.allowed(store, by, "work", _subject(records))
    readers, results = Readers(store, mapping), list[Result]()
    at = to_micros(business_now(store))
    while len(results) < len(records):
        if len(results) % AHEAD == 0 and edited is None:
            with store.log.read() as conn:
                readers.look_ahead(list(some_stored(conn, records[len(results) : len(results) + AHEAD])))
        began = time.monotonic()
        with store.log.write() as conn:
            parse = readers.parse(conn)
            for record in records[len(results) :]:
                results.append(_replay(conn, record, readers, parse, at=at, edited=edited))
                if time.monotonic() - began > HELD_SECONDS or len(results) % AHEAD == 0:
                    break
        if progress:
            progress("replayed", len(results), len(records))
    report = Report(results=results)
    if any(r.moved for r in results):
        detail: dict[str, object] = {"said": report.words, "corrected": edited is not None}
        people.write_down(store, by, "dead_letters_replayed", _subject(records), detail)
    if any(r.moved and r.outcome in ("accepted", "conflict") for r in results):
        _publish(store, progress)
    return report


def _replay(
    conn: sa.Connection, record: int, readers: Readers, parse: Parse, *, at: int, edited: bytes | None
) -> Result:
    """Replay one; what cannot be replayed at all is left alone and says why."""
    place = None
    try:
        before = one_stored(conn, record)
        place, version = before.place, readers.parser(before.connection, before.stream)
        done = log.replay(conn, record, parse, at=at, parser=version, edited=edited)
    except RequestError as refusal:
        return Result(record=record, place=place, outcome="refused", error=str(refusal), moved=True)
    return Result(record=record, place=place, outcome=done.outcome, error=done.error, moved=done.moved)


def replay_all(
    store: Store, wanted: Wanted, *, by: Person, mapping: Mapping | None = None, progress: Progress | None = None
) -> Report:
    """Read again all that wait of a source, a class or an import."""
    with store.log.read() as conn:
        records = log.dead_letter_ids(conn, wanted)
    return replay(store, records, by=by, mapping=mapping, progress=progress)


def set_aside(store: Store, record: int, why: str, *, by: Person) -> None:
    """Let nobody be asked about a dead letter again; it still counts as received.

    Raises:
        RequestError: no reason, it is no dead letter, or the person may not.
    """
    if not why.strip():
        raise RequestError("to set a record aside, say why: the next person reads it")
    people.allowed(store, by, "work", _subject([record]))
    with store.log.write() as conn:
        log.dismiss(conn, record, by=by.name, why=why.strip())
    people.write_down(store, by, "dead_letter_set_aside", _subject([record]), {"why": why.strip()})


def _publish(store: Store, progress: Progress | None) -> None:
    """Let the figures follow; where another program is publishing, they follow with its next publication."""
    try:
        publish(store, now=business_now(store), progress=progress)
    except StoreError as error:
        _diary.warning("the figures follow later", error=str(error))
    look_again(store)


def _subject(records: Sequence[int]) -> str:
    if len(records) == 1:
        return f"record/{records[0]}"
    return f"records/{records[0]}..{records[-1]}" if records else "records/none"
