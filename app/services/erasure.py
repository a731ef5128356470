"""A person asks to be forgotten: what is stored about them is found, and erased for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from actions.people import Person
from app.services import people, words
from app.services.clock import business_now
from data.clock import to_micros
from data.errors import RequestError
from data.log.persons import blot_out, erase_person, erasing, find_in_clear, find_persons, store_secret, values
from data.log.status import statuses
from data.store import Store

Progress = Callable[[str, int, int], None]

#: A text of fewer characters, or of letters only, is in too many records to tell a person by it.
SHORTEST = 6


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What a connection stored about a person."""

    connection: str
    persons: Mapping[str, Mapping[str, Any]]  #: key -> fields
    records: Sequence[int]  #: in which something of them stands in the clear
    texts: Sequence[str]  #: what is blotted out in these records

    @property
    def words(self) -> str:
        """Say how much there is, and nothing of what it is."""
        fields = sorted({name for held in self.persons.values() for name in held})
        kinds = f" ({', '.join(fields)})" if fields else ""
        entries = words.plural(len(self.persons), "entry", "entries")
        return f"{entries} of personal data{kinds} and {words.plural(len(self.records), 'record')} in clear text"


def trace(store: Store, connection: str, said: Sequence[str], progress: Progress | None = None) -> Trace:
    """Find what a connection stored about a person, by mail addresses, names, phone numbers or keys.

    Raises:
        RequestError: there is no such connection, or nothing is stored under any of these.
    """
    secret = store_secret(store.facts.parent)
    with store.log.read() as conn:
        known = {s.connection for s in statuses(conn)}
        if connection not in known:
            raise RequestError(
                f"there is no connection {connection!r}; there are: {', '.join(sorted(known)) or 'none'}"
            )
        persons: dict[str, dict[str, Any]] = {}
        for text in said:
            persons.update(find_persons(conn, text, connection=connection, secret=secret))
        stored = [text for fields in persons.values() for text in values(fields)]
        texts = [text for text in dict.fromkeys([*said, *stored]) if text not in persons and text.strip()]
        everywhere = [text for text in texts if "@" in text]
        in_letters = [text for text in texts if text not in everywhere and _telling(text)]
        records = find_in_clear(conn, connection, everywhere, dead_only=in_letters, progress=progress)
    if not persons and not records:
        raise RequestError(
            f"nothing is stored under that in {connection}: give a mail address, a name or a phone number in full, or "
            "a key as a record shows it"
        )
    return Trace(connection=connection, persons=persons, records=records, texts=texts)


def erase(store: Store, found: Trace, *, by: Person) -> str:
    """Erase what was found, for good, and tell what was done. Figures, counts and hashes stay as they are.

    Raises:
        RequestError: the person may not.
    """
    subject = f"person/{min(found.persons, default='in clear text')}"
    people.allowed(store, by, "administer", subject)
    detail: dict[str, object] = {
        "connection": found.connection, "keys": sorted(found.persons), "records": list(found.records[:1_000]),
    }  # fmt: skip
    people.write_down(store, by, "erasure_asked", subject, detail)
    at = to_micros(business_now(store))
    with erasing(store.log) as conn:
        gone = sum(erase_person(conn, key, at=at) for key in found.persons)
        blotted = blot_out(conn, found.records, found.texts)
    people.write_down(store, by, "erased", subject, {"entries": gone, "records": blotted})
    return (
        f"erased: {words.plural(gone, 'entry', 'entries')} of personal data, and what stood in clear text in "
        f"{words.plural(blotted, 'record')}; what arrives again under the same fields is not stored"
    )


def _telling(text: str) -> bool:
    return len(text) >= SHORTEST and not text.isalpha()
