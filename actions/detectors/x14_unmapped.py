"""X14 Unmapped: a connection uses a code of an item or a place that the catalogue's owner does not know.

Which of the known ones is meant is suggested by the same barcode, a like code and a like name, the best first with its
reason; a person says which it is. At stake is what is sold under the code and cannot be shipped until then.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from rapidfuzz import fuzz, process, utils

from actions.findings import Detector, Finding, Money, at_stake, frame
from actions.view import Account, View


@dataclass(frozen=True)
class Parameters:
    """What is suggested, and what is assumed about money."""

    suggestions: int = 5
    like_code: float = 75.0  #: 0 to 100; less alike is no suggestion
    like_name: float = 60.0
    lost_share: float = 0.5  #: of orders under a code that nobody can ship; assumed


@dataclass(frozen=True, order=True)
class Likeness:
    """One of our codes that may be meant."""

    score: float
    code: str
    why: str
    name: str = ""


@dataclass(frozen=True)
class Candidate:
    """A code that is known, with what it may be recognised by."""

    code: str
    name: str
    gtin: str | None = None


def find(view: View, p: Parameters) -> pl.DataFrame:
    """Look for unknown codes in every connection whose items, or whose stock, are another's."""
    found: list[Finding] = []
    for name, account in sorted(view.accounts.items()):
        if account.items_from != name:
            found.extend(_items(view, account, p))
        if account.stock_from != name:
            found.extend(_places(view, account, p))
    return frame(found)


def suggest(wanted: Candidate, known: Sequence[Candidate], p: Parameters) -> list[Likeness]:
    """Rank known codes by the same barcode, else by likeness of code and name; the best first, each with its reason."""
    best: dict[str, Likeness] = {}
    for hit in (*_by_gtin(wanted, known), *_by_code(wanted, known, p), *_by_name(wanted, known, p)):
        before = best.get(hit.code)
        if before is None:
            best[hit.code] = hit
        else:
            why = f"{before.why}, {hit.why}"
            best[hit.code] = Likeness(min(max(before.score, hit.score) + 5.0, 100.0), hit.code, why, hit.name)
    return sorted(best.values(), key=lambda x: (-x.score, x.code))[: p.suggestions]


def _by_gtin(wanted: Candidate, known: Sequence[Candidate]) -> Iterator[Likeness]:
    for c in known if wanted.gtin else ():
        if c.gtin == wanted.gtin:
            yield Likeness(100.0, c.code, f"same barcode {c.gtin}", c.name)


def _by_code(wanted: Candidate, known: Sequence[Candidate], p: Parameters) -> Iterator[Likeness]:
    codes = [c.code for c in known]
    hits = process.extract(
        wanted.code, codes, scorer=fuzz.ratio, processor=_bare, score_cutoff=p.like_code, limit=p.suggestions
    )
    for code, score, at in hits:
        yield Likeness(round(score, 1), code, f"code {score:.0f}% alike", known[at].name)


def _by_name(wanted: Candidate, known: Sequence[Candidate], p: Parameters) -> Iterator[Likeness]:
    if not wanted.name:
        return
    hits = process.extract(
        wanted.name, [c.name for c in known], scorer=fuzz.token_sort_ratio, processor=utils.default_process,
        score_cutoff=p.like_name, limit=p.suggestions,
    )  # fmt: skip
    for name, score, at in hits:
        yield Likeness(round(0.9 * score, 1), known[at].code, f"name {score:.0f}% alike", name)


def _bare(code: str) -> str:
    """Leave of a code only its letters and digits: SKU-001/S and sku 001 s are one."""
    return "".join(sign for sign in code.casefold() if sign.isalnum())


def _items(view: View, account: Account, p: Parameters) -> Iterator[Finding]:
    codes = view.facts.frame("item_code")
    known = _candidates(codes.filter(pl.col("connection") == account.items_from))
    if not known:
        return  # the catalogue was not read yet: nobody can say what it lacks
    names = {c.code for c in known}
    theirs = {c.code: c for c in _candidates(codes.filter(pl.col("connection") == account.connection))}
    lines = view.facts.frame("order_line").filter(
        (pl.col("connection") == account.connection) & (pl.col("kind") == "product")
    )
    used = {sku: title or "" for sku, title in lines.select("sku", "title").unique("sku").iter_rows()}
    for table in ("listing", "level"):
        mine = view.facts.frame(table).filter(pl.col("connection") == account.connection)
        used |= {sku: "" for sku in mine["sku"].unique() if sku not in used}
    for code in sorted((used.keys() | theirs.keys()) - names):
        wanted = theirs.get(code) or Candidate(code, used[code])
        open_lines = lines.filter((pl.col("sku") == code) & (pl.col("open_units") > 0)).sort("entity", "line_id")
        yield _finding("sku", wanted, suggest(wanted, known, p), open_lines.to_dicts(), account, account.items_from, p)


def _candidates(codes: pl.DataFrame) -> list[Candidate]:
    rows = codes.sort("entity").select("entity", "name", "gtin").iter_rows()
    return [Candidate(code, name or "", gtin) for code, name, gtin in rows]


def _places(view: View, account: Account, p: Parameters) -> Iterator[Finding]:
    """Find places that feed a channel and that the owner of the stock does not have."""
    called = dict(view.facts.frame("location").select("entity", "name").iter_rows())
    owned = view.facts.frame("stock_position").filter(pl.col("connection") == account.stock_from)
    known = [Candidate(code, called.get(code) or "") for code in owned["location"].unique().sort()]
    if not known:
        return
    levels = view.facts.frame("level").filter(pl.col("connection") == account.connection)
    feeding = view.facts.frame("channel").filter(pl.col("connection") == account.connection)
    used = {*levels["location"], *(place for places in feeding["locations"] for place in places.split(",") if place)}
    for code in sorted(used - {c.code for c in known}):
        wanted = Candidate(code, called.get(code) or "")
        skus = levels.filter(pl.col("location") == code)["sku"].unique()
        lines = view.facts.frame("order_line").filter(
            (pl.col("connection") == account.connection)
            & (pl.col("open_units") > 0)
            & pl.col("location").is_null()
            & pl.col("sku").is_in(skus.to_list())
        )
        likely = suggest(wanted, known, p)
        left = [Likeness(0.0, c.code, "a place of the owner", c.name) for c in known]
        likely += [x for x in left if x.code not in {y.code for y in likely}][: p.suggestions - len(likely)]
        rows = lines.sort("entity", "line_id").to_dicts()
        yield _finding("location", wanted, likely, rows, account, account.stock_from, p)


def _finding(
    kind: str,
    wanted: Candidate,
    likely: Sequence[Likeness],
    lines: Sequence[Mapping[str, Any]],
    account: Account,
    owner: str,
    p: Parameters,
) -> Finding:
    money: list[Money] = at_stake(lines, p.lost_share)
    what, named = ("an item", wanted.code) if kind == "sku" else ("a place", wanted.name or wanted.code)
    guess = f"; {likely[0].code}?" if likely and likely[0].score else ""
    loss = sum(m.expected_loss_minor for m in money)
    return Finding(
        subject=f"{account.connection}/{kind}/{wanted.code}",
        title=f"{account.connection} calls {what} {named}, {owner} knows none of that name{guess}",
        kind="mapping",
        object_id=f"{account.connection}/{kind}/{wanted.code}",
        sku=wanted.code if kind == "sku" else None,
        location=wanted.code if kind == "location" else None,
        ours={"known_to": owner},
        remote={
            name: said
            for name, said in (("code", wanted.code), ("name", wanted.name), ("barcode", wanted.gtin))
            if said
        },
        evidence={
            "connection": account.connection,
            "what": kind,
            "code": wanted.code,
            "owner": owner,
            "open_lines": len(lines),
            "suggestions": [{"code": x.code, "name": x.name, "score": x.score, "why": x.why} for x in likely],
        },
        money=money,
        currency=lines[0]["currency"] if lines else "",
        probability=p.lost_share,
        cost_of_delay_minor=round(loss / 24),
        suggested="map_code",
    )


def suggestions_of(evidence: str) -> list[dict[str, Any]]:
    """Give what a case suggests, the best first."""
    found: list[dict[str, Any]] = json.loads(evidence).get("suggestions", [])
    return found


DETECTOR = Detector(
    id="X14",
    title="Unmapped code",
    owner="integrations",
    needs=("catalogue", "item_code"),
    streams=("items",),
    version=1,
    parameters=Parameters(),
    find=find,
)
