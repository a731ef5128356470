"""One round of detection: findings become cases when they are seen twice, and cases close when nothing is found.

Parents first: a late feed is one case, and what depends on it is neither opened nor closed but counted under it,
because since the last message the state is unknown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from actions import tables as t
from actions.cases import LIVE, REGRESSION, exposures, move, tell, write_exposures
from actions.desk import Desk, as_json, keep_schedules
from actions.findings import Detector
from actions.registry import action_types, detectors
from actions.view import WORDS, View, lateness
from actions.watching import FIRST_WEEK, enabled
from data.clock import to_micros

DETECTOR = "detector"  #: who acts when the program opens and closes a case
DAY = timedelta(days=1)
#: How long a verified fix may take to show before the case is open again.
SETTLE = timedelta(minutes=15)

Stream = tuple[str, str]  #: (connection, stream)


@dataclass(kw_only=True)
class DetectReport:
    """What one round did."""

    opened: int = 0
    regressed: int = 0
    reopened: int = 0
    updated: int = 0
    resolved: int = 0
    unconfirmed: int = 0  #: seen, but not often or long enough yet
    suppressed: int = 0  #: counted under a late feed
    below_line: int = 0  #: opened beyond the daily budget
    quiet: int = 0  #: dismissed as no problem
    shadow: list[str] = field(default_factory=list)  #: detectors in their first week
    not_armed: dict[str, list[str]] = field(default_factory=dict)  #: detector -> what it needs


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How findings become cases."""

    confirmations: int
    shadow: timedelta | None
    budget: int | None


def detect(
    desk: Desk,
    view: View,
    *,
    confirmations: int = 2,
    shadow: timedelta | None = FIRST_WEEK,
    budget: int | None = 25,
    chosen: Sequence[Detector[Any]] | None = None,
) -> DetectReport:
    """Run every detector over one view. A finding counts as seen again only in a view of a later moment.

    `shadow`: how long a new detector's cases stay out of the queue, unless somebody enabled it; `budget`: cases a
    detector opens a day above the line; None turns either off.
    """
    rules = Rules(confirmations=confirmations, shadow=shadow, budget=budget)
    report = DetectReport()
    late = set(lateness(view))
    armed: list[tuple[Detector[Any], list[dict[str, Any]]]] = []
    for detector in chosen if chosen is not None else detectors().values():
        missing = detector.missing(view)
        if missing:
            report.not_armed[detector.id] = [WORDS.get(need, need) for need in missing]
            continue
        armed.append((detector, detector.findings(view).to_dicts()))
    with desk.write() as conn:
        keep_schedules(conn, view.schedules)
        _note_unarmed(conn, report, to_micros(view.now))
        speaking = enabled(conn)
        children: list[tuple[set[Stream], list[dict[str, Any]]]] = []
        for detector, findings in armed:
            since = _note_run(conn, detector.id, to_micros(view.now), len(findings))
            behind = {(connection, stream) for connection, stream in late if stream in detector.streams}
            if behind:
                _suppress(conn, detector, findings, behind, report)
                children.append((behind, [f for f in findings if f["opens"]]))
                continue
            is_new = rules.shadow is not None and to_micros(view.now) - since < to_micros_span(rules.shadow)
            in_shadow = is_new and detector.id not in speaking
            if in_shadow:
                report.shadow.append(detector.id)
            _Round(conn, view, detector, rules, in_shadow, report).run(findings)
        _count_children(conn, children)
        for detector, findings in armed:
            if not any(stream in detector.streams for _, stream in late):
                _put_under_causes(conn, detector, findings)
    return report


class _Round:
    """One detector's findings against its cases, in one transaction."""

    def __init__(
        self,
        conn: sa.Connection,
        view: View,
        detector: Detector[Any],
        rules: Rules,
        in_shadow: bool,
        report: DetectReport,
    ) -> None:
        self.conn, self.view, self.detector, self.rules = conn, view, detector, rules
        self.in_shadow, self.report = in_shadow, report
        self.now = to_micros(view.now)

    def run(self, findings: list[dict[str, Any]]) -> None:
        """Confirm, open, refresh and close."""
        cases = self._newest_cases()
        found = {f["subject"]: f for f in findings}
        confirmed = self._sight(found, cases)
        fresh: list[dict[str, Any]] = []
        for subject, finding in found.items():
            case = cases.get(subject)
            if case is not None and case["status"] in LIVE:
                self._refresh(case, finding, confirmed=subject in confirmed)
            elif subject in confirmed and not self._silenced(case):
                fresh.append(finding)
        self._open(fresh, cases)
        self._close(found, cases)

    def _newest_cases(self) -> dict[str, dict[str, Any]]:
        c = t.case.c
        query = sa.select(t.case).where(c.detector == self.detector.id).order_by(c.generation)
        return {row["subject"]: dict(row) for row in self.conn.execute(query).mappings()}

    def _sight(self, found: dict[str, dict[str, Any]], cases: dict[str, dict[str, Any]]) -> set[str]:
        """Count sightings and tell what has been seen often and long enough; what is gone starts anew."""
        s = t.sighting.c
        mine = s.detector == self.detector.id
        before = {row.subject: row for row in self.conn.execute(sa.select(t.sighting).where(mine))}
        new, confirmed = [], set()
        for subject, finding in found.items():
            if not finding["opens"] and subject not in cases:
                continue
            seen = before.get(subject)
            if seen is None:
                new.append({"subject": subject, "first_at": self.now, "last_at": self.now, "times": 1})
                times, first = 1, self.now
            else:
                later = self.now > seen.last_at
                times, first = seen.times + later, seen.first_at
                if later:
                    self.conn.execute(
                        sa.update(t.sighting).where(mine, s.subject == subject).values(last_at=self.now, times=times)
                    )
            lasted = self.now - first >= finding["hold_seconds"] * 1_000_000
            if times >= self.rules.confirmations and lasted and finding["opens"]:
                confirmed.add(subject)
            elif finding["opens"]:
                self.report.unconfirmed += 1
        if new:
            self.conn.execute(sa.insert(t.sighting).values(detector=self.detector.id), new)
        for subject in before.keys() - found.keys():
            self.conn.execute(sa.delete(t.sighting).where(mine, s.subject == subject))
        return confirmed

    def _silenced(self, case: dict[str, Any] | None) -> bool:
        """Tell whether a person said that it is not a problem; the quiet lasts while it is still found."""
        if case is None or case["status"] != "dismissed":
            return False
        if self.now - case["seen_at"] > to_micros_span(REGRESSION):
            return False
        self.conn.execute(sa.update(t.case).where(t.case.c.id == case["id"]).values(seen_at=self.now))
        self.report.quiet += 1
        return True

    def _refresh(self, case: dict[str, Any], finding: dict[str, Any], *, confirmed: bool) -> None:
        values = _content(finding)
        if not json.loads(finding["causes"]):
            values["parent"] = None
        if any(case[name] != value for name, value in values.items()):
            self.report.updated += 1
            write_exposures(self.conn, case["id"], exposures(finding["lines"]))
        self.conn.execute(
            sa.update(t.case)
            .where(t.case.c.id == case["id"])
            .values(
                **values,
                seen_at=self.now,
                publication=self.view.facts.id,
                shadow=case["shadow"] and self.in_shadow,  # what was noted in the first week is shown after it
            )
        )
        if case["status"] == "snoozed" and (case["snoozed_until"] or 0) <= self.now:
            self._move(case, "open", "woken", {})
        elif case["status"] == "verifying" and confirmed and self.now - case["status_at"] > self._patience(case):
            why = {"why": "the fix was verified, but the problem remains"}
            self.report.reopened += self._move(case, "open", "still_there", why)

    def _patience(self, case: dict[str, Any]) -> int:
        """Tell how long the last verified fix may take until the problem is gone."""
        a = t.action.c
        newest = sa.select(a.type).where(a.case_id == case["id"], a.status == "verified").order_by(a.id.desc()).limit(1)
        kind = self.conn.execute(newest).scalar()
        return to_micros_span(SETTLE if kind is None else action_types()[kind].shows_after)

    def _open(self, fresh: list[dict[str, Any]], cases: dict[str, dict[str, Any]]) -> None:
        left = self._budget_left()
        for finding in sorted(fresh, key=lambda f: (-f["expected_loss_minor"], f["subject"])):
            below = left is not None and left <= 0
            left = None if left is None else left - 1
            before = cases.get(finding["subject"])
            if before is not None and self._is_recent(before):
                self._regress(before, finding)
            else:
                self._insert(finding, 1 if before is None else before["generation"] + 1, below=below)
                self.report.opened += 1
                self.report.below_line += below

    def _is_recent(self, case: dict[str, Any]) -> bool:
        since: int = self.now - case["status_at"]
        return case["status"] == "resolved" and since <= to_micros_span(REGRESSION)

    def _regress(self, case: dict[str, Any], finding: dict[str, Any]) -> None:
        values = {**_content(finding), "seen_at": self.now, "publication": self.view.facts.id, "assignee": None}
        if self._move(case, "regressed", "regressed", {"was_resolved": case["status_at"]}, **values, parent=None):
            write_exposures(self.conn, case["id"], exposures(finding["lines"]))
            self.report.regressed += 1

    def _insert(self, finding: dict[str, Any], generation: int, *, below: bool) -> None:
        made = self.conn.execute(
            sa.insert(t.case).values(
                **_content(finding), detector=self.detector.id, subject=finding["subject"], generation=generation,
                status="open", owner=self.detector.owner, suppressed=0, shadow=self.in_shadow, below_line=below,
                publication=self.view.facts.id, opened_at=self.now, seen_at=self.now, status_at=self.now,
            )
        )  # fmt: skip
        case_id = int(made.inserted_primary_key[0])  # type: ignore[index]
        write_exposures(self.conn, case_id, exposures(finding["lines"]))
        detail = {"publication": self.view.facts.id, "detector_version": self.detector.version}
        tell(self.conn, case_id, at=self.now, by=DETECTOR, what="opened", detail=detail)

    def _close(self, found: dict[str, dict[str, Any]], cases: dict[str, dict[str, Any]]) -> None:
        """Close what is found no more; what a grouped case now stands for goes under it instead."""
        groups = {
            member: subject for subject, f in found.items() for member in json.loads(f["members"]) if member != subject
        }
        numbers = {c["subject"]: c["id"] for c in self._newest_cases().values() if c["status"] in LIVE}
        for subject, case in cases.items():
            if case["status"] not in LIVE or subject in found:
                continue
            if subject in groups:
                parent = numbers.get(groups[subject])
                self.conn.execute(sa.update(t.case).where(t.case.c.id == case["id"]).values(parent=parent))
            elif case["status"] != "executing":
                self._resolve(case)

    def _resolve(self, case: dict[str, Any]) -> None:
        a = t.action.c
        fixed_by = self.conn.execute(
            sa.select(sa.func.max(a.id)).where(a.case_id == case["id"], a.status == "verified")
        ).scalar()
        proof = {
            "why": "the condition is no longer true",
            "publication": self.view.facts.id,
            "position": self.view.facts.position,
            "at": self.view.now,
            "action": fixed_by,
        }
        if self._move(case, "resolved", "resolved", proof, proof=as_json(proof), parent=None):
            self.report.resolved += 1

    def _budget_left(self) -> int | None:
        if self.rules.budget is None:
            return None
        c = t.case.c
        today = self.conn.execute(
            sa.select(sa.func.count()).where(
                c.detector == self.detector.id,
                c.opened_at > self.now - to_micros_span(DAY),
                c.below_line.is_(False),
            )
        ).scalar_one()
        return self.rules.budget - int(today)

    def _move(self, case: dict[str, Any], to: str, what: str, detail: Mapping[str, object], **values: object) -> bool:
        return move(
            self.conn, case["id"], to=to, when=t.case.c.version == case["version"], at=self.now, by=DETECTOR,
            what=what, detail=detail, **values,
        )  # fmt: skip


def to_micros_span(length: timedelta) -> int:
    """Give a length of time in microseconds."""
    return length // timedelta(microseconds=1)


def _content(finding: dict[str, Any]) -> dict[str, Any]:
    """Give the columns of a case that its finding states."""
    copied = (
        "title", "kind", "object_id", "channel", "location", "sku", "order_id", "ours", "remote", "evidence", "members",
        "exposed_minor", "expected_loss_minor", "currency", "probability", "cost_of_delay_minor", "suggested",
    )  # fmt: skip
    deadline = finding["deadline"]
    return {
        **{name: finding[name] for name in copied},
        "deadline": None if deadline is None else to_micros(deadline),
    }


def _suppress(
    conn: sa.Connection,
    detector: Detector[Any],
    findings: list[dict[str, Any]],
    behind: set[Stream],
    report: DetectReport,
) -> None:
    """Put the detector's cases under the late feed; since its last message their state is unknown."""
    report.suppressed += sum(f["opens"] for f in findings)
    parent = _feed_case(conn, behind)
    c = t.case.c
    conn.execute(sa.update(t.case).where(c.detector == detector.id, c.status.in_(LIVE)).values(parent=parent))


def _put_under_causes(conn: sa.Connection, detector: Detector[Any], findings: list[dict[str, Any]]) -> None:
    """Put a case under the live case of what causes it, and let it stand by itself where that is gone."""
    c = t.case.c
    for finding in findings:
        causes: list[str] = json.loads(finding["causes"])
        if not causes:
            continue
        named = [sa.and_(c.detector == d, c.subject == s) for d, _, s in (cause.partition("/") for cause in causes)]
        parent = conn.execute(sa.select(sa.func.min(c.id)).where(c.status.in_(LIVE), sa.or_(*named))).scalar()
        mine = (c.detector == detector.id, c.subject == finding["subject"], c.status.in_(LIVE))
        conn.execute(sa.update(t.case).where(*mine).values(parent=parent))


def _feed_case(conn: sa.Connection, behind: set[Stream]) -> int | None:
    c = t.case.c
    subjects = {name for connection, stream in behind for name in (connection, f"{connection}/{stream}")}
    return conn.execute(
        sa.select(sa.func.min(c.id)).where(c.detector == "X46", c.status.in_(LIVE), c.subject.in_(sorted(subjects)))
    ).scalar()


def _count_children(conn: sa.Connection, children: list[tuple[set[Stream], list[dict[str, Any]]]]) -> None:
    """Give each late feed what it causes: how many findings, and their money line by line.

    A case has one currency: the money is of the findings in the one that most of them have.
    """
    under: dict[int, list[dict[str, Any]]] = {}
    for behind, findings in children:
        parent = _feed_case(conn, behind)
        if parent is not None:
            under.setdefault(parent, []).extend(findings)
    for parent, findings in under.items():
        currency = _commonest(finding["currency"] for finding in findings)
        of_it = [finding for finding in findings if finding["currency"] == currency]
        money: dict[str, tuple[int, int]] = {}
        for finding in of_it:
            for key, exposed, loss in exposures(finding["lines"]):
                money[key] = max(money.get(key, (0, 0)), (exposed, loss))
        write_exposures(conn, parent, [(key, *amounts) for key, amounts in money.items()])
        conn.execute(
            sa.update(t.case)
            .where(t.case.c.id == parent)
            .values(
                suppressed=len(findings),
                exposed_minor=sum(exposed for exposed, _ in money.values()),
                expected_loss_minor=sum(loss for _, loss in money.values()),
                cost_of_delay_minor=sum(f["cost_of_delay_minor"] for f in of_it),
                currency=currency,
            )
        )


def _commonest(currencies: Iterable[str]) -> str:
    """Name the currency that most findings have; none where none has any."""
    return next((currency for currency, _ in Counter(filter(None, currencies)).most_common()), "")


def _note_run(conn: sa.Connection, name: str, at: int, findings: int) -> int:
    """Note that a detector ran and tell since when it has been running."""
    d = t.detector.c
    since = conn.execute(sa.select(d.since).where(d.id == name, d.armed.is_(True))).scalar()
    values = {"ran_at": at, "armed": True, "missing": "[]", "findings": findings}
    if since is None:
        conn.execute(sa.delete(t.detector).where(d.id == name))
        conn.execute(sa.insert(t.detector).values(id=name, since=at, **values))
        return at
    conn.execute(sa.update(t.detector).where(d.id == name).values(**values))
    return int(since)


def _note_unarmed(conn: sa.Connection, report: DetectReport, at: int) -> None:
    for name, missing in report.not_armed.items():
        conn.execute(sa.delete(t.detector).where(t.detector.c.id == name))
        conn.execute(
            sa.insert(t.detector).values(
                id=name, since=at, ran_at=at, armed=False, missing=as_json(missing), findings=0
            )
        )
