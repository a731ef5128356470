"""What the queue asks for: the cases that wait, in the order in which money is lost, and one case with its proof."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions import cases
from actions.cases import Filters, Headline
from actions.registry import detectors
from actions.view import WORDS, View
from app.services import words
from app.services.acting import desk_of
from app.services.stock import steps_in_words
from data.store import Store

_ISO = re.compile(r"20\d\d-\d\d-\d\d([T ]\d\d:\d\d.*)?$")
SHOWN = 3  #: members of a longer list that are written out


@dataclass(frozen=True, kw_only=True)
class Row:
    """One case in the queue."""

    id: int
    version: int
    detector: str
    kind: str  #: the detector's title
    title: str
    where: str
    status: str
    assignee: str
    lost_by_shift_end_minor: int
    expected_loss_minor: int
    exposed_minor: int
    currency: str
    opened_at: datetime
    ended_at: datetime | None  #: None while it lives
    deadline: datetime | None
    suggested: str
    explains: int  #: cases or subjects that this one explains

    @property
    def seen(self) -> tuple[int, int]:
        """Name the case as it was seen."""
        return (self.id, self.version)


@dataclass(frozen=True, kw_only=True)
class Board:
    """The queue at one moment."""

    rows: Sequence[Row]
    counts: Mapping[str, int]  #: detector -> cases
    headline: Sequence[Headline]


def title_of(detector: str) -> str:
    """Name a detector for people."""
    known = detectors().get(detector)
    return known.title if known else {"X50": "Write-back failed"}.get(detector, detector)


def board(store: Store, detector: str | None = None) -> Board:
    """Read the queue; the counts are of all kinds, whatever is chosen."""
    desk = desk_of(store)
    found = [_row(case) for case in cases.queue(desk, Filters())]
    counts: dict[str, int] = {}
    for row in found:
        counts[row.detector] = counts.get(row.detector, 0) + 1
    return Board(
        rows=[row for row in found if detector in (None, row.detector)],
        counts=dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))),
        headline=cases.headline(desk),
    )


@dataclass(frozen=True, kw_only=True)
class Watch:
    """A detector and what keeps it from looking."""

    title: str
    missing: Sequence[str]


def watches(view: View) -> list[Watch]:
    """Tell of every detector whether it is armed, and what it needs where it is not."""
    return [
        Watch(title=detector.title, missing=[WORDS.get(need, need) for need in detector.missing(view)])
        for detector in detectors().values()
    ]


def waiting(store: Store, detector: str | None = None) -> set[tuple[int, int]]:
    """Name the cases that wait now, with their versions: what a frozen list is compared with."""
    return {row.seen for row in board(store, detector).rows}


def _row(case: Mapping[str, Any]) -> Row:
    place = [str(case[name]) for name in ("channel", "location") if case[name]]
    return Row(
        id=case["id"], version=case["version"], detector=case["detector"], kind=title_of(case["detector"]),
        title=case["title"], where=" · ".join(place), status=case["status"], assignee=case["assignee"] or "",
        lost_by_shift_end_minor=case["lost_by_shift_end_minor"], expected_loss_minor=case["expected_loss_minor"],
        exposed_minor=case["exposed_minor"], currency=case["currency"], opened_at=case["opened_at"],
        ended_at=case["status_at"] if case["status"] in cases.ENDED else None,
        deadline=case["deadline"], suggested=case["suggested"] or "",
        explains=case["suppressed"] + max(len(case["members"] or ()) - 1, 0),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Detail:
    """One case with everything that a decision needs."""

    row: Row
    order: str
    sku: str
    facing: Sequence[tuple[str, str, str]]  #: (field, what should be, what the remote says)
    evidence: Sequence[tuple[str, str]]
    history: Sequence[tuple[datetime, str, str, str]]  #: (when, who, what, detail)
    lines: Sequence[tuple[str, int, int]]  #: (line, exposed, expected loss)
    members: Sequence[str]
    probability: float | None
    is_projected: bool  #: the probability is the projection's, no assumption
    similar: int  #: other open cases of this kind
    suggestions: Sequence[Suggestion] = ()  #: which of our codes may be meant, the best first


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """One of our codes that may be meant, and why."""

    code: str
    name: str
    why: str


def detail(store: Store, case_id: int, listed: Row | None = None) -> Detail:
    """Read one case; `listed` is its row in the queue, which knows what it costs until the shift ends.

    Raises:
        RequestError: there is no such case.
    """
    desk = desk_of(store)
    case = cases.show(desk, case_id)
    case.setdefault("lost_by_shift_end_minor", listed.lost_by_shift_end_minor if listed else 0)
    ours, remote = in_words(case["ours"], case["currency"]), in_words(case["remote"], case["currency"])
    known = detectors().get(case["detector"])
    fields = list(dict.fromkeys([*ours, *remote]))
    others = cases.queue(desk, Filters(detector=case["detector"]))
    return Detail(
        row=_row(case),
        order=case["order_id"] or "",
        sku=case["sku"] or "",
        facing=[(field, ours.get(field, words.NOTHING), remote.get(field, words.NOTHING)) for field in fields],
        evidence=_evidence(case["evidence"] or {}, case["currency"]),
        history=[(e["at"], e["by"], e["what"].replace("_", " "), _brief(e["detail"])) for e in case["history"]],
        lines=[(x["line"], x["exposed_minor"], x["expected_loss_minor"]) for x in case["lines"]],
        members=list(case["members"] or ()),
        probability=case["probability"],
        is_projected=known is not None and "projection" in known.needs,
        similar=sum(other["id"] != case_id for other in others),
        suggestions=[
            Suggestion(code=s["code"], name=s["name"], why=s["why"])
            for s in (case["evidence"] or {}).get("suggestions") or ()
        ],
    )


#: Evidence that is drawn by itself.
_APART = ("arithmetic", "suggestions")


def _evidence(evidence: Mapping[str, Any], currency: str) -> list[tuple[str, str]]:
    """Write the proof line by line; arithmetic that came as steps stands at the end, as a sum does."""
    plain = {name: value for name, value in evidence.items() if name not in _APART}
    return [*in_words(plain, currency).items(), *steps_in_words(evidence.get("arithmetic"), currency)]


def in_words(document: Mapping[str, Any] | None, currency: str) -> dict[str, str]:
    """Write what a case stores by name; an amount is in the document's own currency where that says one."""
    stated = document or {}
    own = str(stated.get("currency") or currency)
    return {
        words.field(name): words.money(value, own)
        if name.endswith("_minor") and isinstance(value, int)
        else said(value)
        for name, value in stated.items()
    }


def said(value: object) -> str:
    """Write a stored value for people; what is not known is a dash."""
    match value:
        case None:
            text = ""
        case bool():
            text = "yes" if value else "no"
        case float():
            text = f"{value:,.2f}".rstrip("0").rstrip(".")
        case int():
            text = f"{value:,}"
        case Mapping():
            text = ", ".join(f"{key} {said(inner)}" for key, inner in value.items())
        case list() | tuple():
            text = _listed(value)
        case _:
            text = _time(str(value))
    return text or words.NOTHING


def _listed(values: Sequence[object]) -> str:
    """Write a list; the parts of each member stand together, and a longer list begins with how many there are."""
    shown = [" ".join(map(said, v)) if isinstance(v, list | tuple) else said(v) for v in values[:SHOWN]]
    return f"{len(values)}: {', '.join(shown)} …" if len(values) > SHOWN else ", ".join(shown)


def _time(text: str) -> str:
    """Write an ISO instant or day as people write it; any other text stands as it is."""
    written = _ISO.match(text)
    if not written:
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{words.instant(at)} UTC" if written[1] else words.day(at)


def _brief(detail: object) -> str:
    return ", ".join(f"{k} {said(v)}" for k, v in detail.items()) if isinstance(detail, Mapping) else json.dumps(detail)
