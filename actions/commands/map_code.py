"""Say which of our codes another system's code means: what waited for it is read again; taking it back unmaps it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from actions.detectors.x14_unmapped import suggestions_of
from actions.plans import ActionType, Ask, Change, Draft, Intent, Look, Meanwhile, Verdict
from actions.targets import OWN
from actions.view import View
from data.errors import RequestError
from data.events import Event
from data.lake import Facts
from ingest.identity import MapCode, map_request

#: Where a code of each kind shows in the facts, by connection.
SHOWS = {
    "sku": (("order_line", "sku"), ("listing", "sku"), ("level", "sku"), ("item_code", "entity")),
    "location": (("level", "location"),),
}


def look(case: Mapping[str, Any], _view: View) -> Look:
    """Look into our own books: nothing is asked of a remote."""
    if case["kind"] != "mapping" or case["detector"] != "X14":
        raise RequestError(f"case {case['id']} is about a {case['kind']}; only an unknown code can be mapped")
    return Look(connection=OWN, stream="identity", key=None)


def plan(ask: Ask) -> Draft:
    """Map to the code that a person chose, else to the best suggestion."""
    connection, kind, external = _subject(ask.case)
    suggested = suggestions_of(ask.case["evidence"])
    chosen = str(ask.choice.get("ours", "")) or next((s["code"] for s in suggested if s["score"] > 0), "")
    if not chosen:
        raise RequestError(f"nothing is like {external}; give our code with --set ours=CODE")
    why = next((s["why"] for s in suggested if s["code"] == chosen), "typed by a person")
    wanted = MapCode(connection=connection, kind=kind, external=external, ours=chosen, by=ask.reference)
    count = _rows(ask.view.facts, connection, kind, external)
    return Draft(
        target=f"identity/{connection}/{kind}/{external}",
        words=f"{connection}: {external} is our {chosen}",
        direction="protective",
        request=map_request(wanted),
        changes=(Change(system=OWN, thing=f"{connection} {kind}", field=external, before=None, after=chosen),),
        why=(why, f"{count} rows of {connection} bear the code now"),
        side_effects=("what was brought in under the code is read again; no other system is written to",),
        reversible="at any time, by taking the mapping back",
        repeat="a code means one of ours: the same mapping again changes nothing",
        expected={"connection": connection, "kind": kind, "external": external, "ours": chosen, "rows": count},
        value_minor=ask.case["exposed_minor"],
        currency=ask.case["currency"],
        blocked=_unknown(ask.view.facts, kind, chosen),
    )


def verify(intent: Intent, _event: Event | None, meanwhile: Meanwhile) -> Verdict:
    """The facts say it: no row bears the old code any more, and those that did bear ours; the other way for an undo."""
    wanted, facts = intent.expected, meanwhile.facts
    if facts is None:
        return Verdict(state="absent", words="nothing was published yet")
    connection, kind = wanted["connection"], wanted["kind"]
    theirs = _rows(facts, connection, kind, wanted["external"])
    ours = _rows(facts, connection, kind, wanted["ours"]) if wanted["ours"] else 0
    seen = {"under_their_code": theirs, "under_ours": ours}
    if wanted["ours"] is None:
        back = theirs >= wanted["rows"]
        return Verdict(
            state="verified" if back else "absent", words=f"{theirs} rows bear {wanted['external']}", seen=seen
        )
    if theirs == 0 and ours >= wanted["rows"]:
        words = f"{wanted['rows']} rows that bore {wanted['external']} bear {wanted['ours']} now"
        return Verdict(state="verified", words=words, seen=seen)
    return Verdict(state="absent", words=f"{theirs} rows still bear {wanted['external']}", seen=seen)


def undo(intent: Intent, _event: Event | None, reference: str) -> Draft:
    """Take the mapping back; what it concerned is read again."""
    wanted = intent.expected
    connection, kind, external = wanted["connection"], wanted["kind"], wanted["external"]
    back = MapCode(connection=connection, kind=kind, external=external, ours=None, by=reference)
    return Draft(
        target=f"identity/{connection}/{kind}/{external}",
        words=f"{connection}: {external} is mapped to nothing again",
        direction="protective",
        request=map_request(back),
        changes=(Change(system=OWN, thing=f"{connection} {kind}", field=external, before=wanted["ours"], after=None),),
        why=("takes back an earlier action",),
        reversible="by mapping it again",
        repeat="a code that means nothing is left as it is",
        expected={**wanted, "ours": None},
    )


def _subject(case: Mapping[str, Any]) -> tuple[str, str, str]:
    connection, kind, external = str(case["object_id"]).split("/", 2)
    return connection, kind, external


def _rows(facts: Facts, connection: str, kind: str, code: str) -> int:
    """Count a connection's rows that bear a code."""
    return sum(
        facts.frame(table).filter((pl.col("connection") == connection) & (pl.col(column) == code)).height
        for table, column in SHOWS[kind]
    )


def _unknown(facts: Facts, kind: str, code: str) -> str | None:
    known = facts.frame("item_code")["entity"] if kind == "sku" else facts.frame("stock_position")["location"]
    return None if code in set(known) else f"there is no {kind} {code!r} here; check its spelling"


ACTION: ActionType[None] = ActionType(
    id="map_code",
    title="Map code",
    inputs=(),
    choices={"ours": str},
    look=look,
    plan=plan,
    verify=verify,
    undo=undo,
    internal=True,
    shows_after=timedelta(minutes=15),
)
