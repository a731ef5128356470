"""X50 Write-back failed: the remote said yes and did not do it. The case closes when a later write is verified."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from actions import cases
from actions import tables as t
from actions.desk import as_json, moment
from actions.plans import Verdict

WRITE_BACK = "X50"


def open_case(conn: sa.Connection, row: Mapping[str, Any], verdict: Verdict, now: int) -> None:
    """Open a case about the remote's word, or add to the one that is open."""
    c = t.case.c
    subject = f"{row['system']}/{row['target']}"
    live = conn.execute(
        sa.select(c.id).where(c.detector == WRITE_BACK, c.subject == subject, c.status.in_(cases.LIVE))
    ).scalar()
    about = conn.execute(sa.select(t.case).where(c.id == row["case_id"])).mappings().one()
    evidence = as_json({"action": row["id"], "case": row["case_id"], "read_back": verdict.words, "seen": verdict.seen})
    if live is not None:
        conn.execute(sa.update(t.case).where(c.id == live).values(evidence=evidence, seen_at=now))
        cases.tell(conn, live, at=now, by="outbox", what="again", detail={"action": row["id"]})
        return
    newest = sa.select(sa.func.coalesce(sa.func.max(c.generation), 0)).where(
        c.detector == WRITE_BACK, c.subject == subject
    )
    copied = ("channel", "location", "sku", "order_id", "currency", "probability", "cost_of_delay_minor")
    made = conn.execute(
        sa.insert(t.case).values(
            **{name: about[name] for name in copied}, detector=WRITE_BACK, subject=subject, status="open",
            generation=int(conn.execute(newest).scalar_one()) + 1, owner="integrations",
            title=f"{row['system']} said yes and did not do it: {verdict.words}", kind=about["kind"],
            object_id=about["object_id"], ours=row["command"], remote=as_json(verdict.seen), evidence=evidence,
            members="[]",
            exposed_minor=about["exposed_minor"], expected_loss_minor=about["expected_loss_minor"], suppressed=0,
            below_line=False, shadow=False, publication=about["publication"], opened_at=now, seen_at=now, status_at=now,
        )
    )  # fmt: skip
    number = int(made.inserted_primary_key[0])  # type: ignore[index]
    x = t.exposure.c
    lines = conn.execute(sa.select(x.line, x.exposed_minor, x.expected_loss_minor).where(x.case_id == row["case_id"]))
    cases.write_exposures(conn, number, [(line, exposed, loss) for line, exposed, loss in lines])
    cases.tell(conn, number, at=now, by="outbox", what="opened", detail={"action": row["id"]})


def close_case(conn: sa.Connection, row: Mapping[str, Any], now: int) -> None:
    """A later write to the same thing that was verified proves that the remote does what it says again."""
    c = t.case.c
    subject = f"{row['system']}/{row['target']}"
    live = sa.select(c.id).where(c.detector == WRITE_BACK, c.subject == subject, c.status.in_(cases.LIVE))
    for number in conn.execute(live).scalars().all():
        proof = {"why": "a later write was verified", "action": row["id"], "at": moment(now)}
        cases.move(
            conn, number, to="resolved", when=c.status.in_(cases.LIVE), at=now, by="outbox", what="resolved",
            detail=proof, proof=as_json(proof),
        )  # fmt: skip
