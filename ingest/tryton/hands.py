"""The hands of a procedure: they look, they press buttons once, and they know whether anything was changed yet."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ingest.adapter import WriteRequest, WriteResult
from ingest.http import CutOff, Rejected, Unavailable
from ingest.tryton.rpc import Fault, Rpc

Raw = dict[str, Any]
_OF_A_RECORD = re.compile(r"_\d+$")
Names = Callable[[str, str], str]  #: (kind, our name) -> Tryton's code


class StoppedError(Exception):
    """A procedure found that it cannot go on; `outcome` says in which way."""

    def __init__(self, outcome: Literal["stale", "rejected"], words: str) -> None:
        super().__init__(words)
        self.outcome: Literal["stale", "rejected"] = outcome


def refused(words: str) -> StoppedError:
    """Say that what is wanted cannot be."""
    return StoppedError("rejected", words)


def overtaken(words: str) -> StoppedError:
    """Say that what was expected is no longer so."""
    return StoppedError("stale", words)


@dataclass
class Hands:
    """One verb under way."""

    rpc: Rpc
    request: WriteRequest
    key: str
    names: Names
    accepted: tuple[str, ...] = ()
    changed: bool = False  #: a write was confirmed
    made: str | None = None  #: the id of what was made or found

    # -- looking ------------------------------------------------------------------------------------------------

    def rows(self, model: str, domain: Sequence[object], *fields: str, **context: object) -> list[Raw]:
        """Give the records that fit, oldest first."""
        found: list[Raw] = self.rpc.read(
            model, "search_read", list(domain), 0, None, [["id", "ASC"]], list(fields), **context
        )
        return found

    def one(self, model: str, key: str, *fields: str) -> Raw:
        """Give one record by its id.

        Raises:
            StoppedError: there is none.
        """
        number = key.partition("-")[0]
        found = self.rows(model, [("id", "=", int(number))], *fields) if number.isdecimal() else []
        if not found:
            raise refused(f"Tryton has no {model.rpartition('.')[2]} {key}")
        self.made = key
        return found[0]

    def state(self, model: str, key: int) -> str:
        """Read where a document stands now."""
        return str(self.rows(model, [("id", "=", key)], "state")[0]["state"])

    def products(self, skus: Sequence[str]) -> dict[str, Raw]:
        """Give the product of each item.

        Raises:
            StoppedError: one is missing, or a code is two products'.
        """
        codes = {self.names("sku", sku): sku for sku in skus}
        fields = ("code", "default_uom", "lot_required", "account_category.customer_taxes_used")
        found: dict[str, Raw] = {}
        for row in self.rows("product.product", [("code", "in", sorted(codes))], *fields):
            if codes[row["code"]] in found:
                raise refused(f"two products of Tryton have the code {row['code']}; give each its own")
            found[codes[row["code"]]] = row
        if missing := sorted(set(skus) - found.keys()):
            raise refused(f"Tryton has no product with the code {', '.join(missing)}; map it or make it there first")
        return found

    def warehouse(self, location: str) -> Raw:
        """Give a warehouse with its zones by our name of it.

        Raises:
            StoppedError: there is none.
        """
        fields = ("code", "name", "storage_location", "input_location", "lost_found_location", "waste_locations")
        code = self.names("location", location)
        found = self.rows("stock.location", [("type", "=", "warehouse")], *fields)
        for row in found:
            if code in (row["code"], row["name"], f"location-{row['id']}"):
                return row
        raise refused(f"Tryton has no warehouse {code}; it has {', '.join(str(row['code']) for row in found)}")

    def quantity(self, product: int, location: int, **context: object) -> float:
        """Give what lies of a product at a location and, with `with_childs`, below it."""
        told = self.rpc.read("product.product", "read", [product], ["quantity"], locations=[location], **context)
        return float(told[0]["quantity"])

    # -- doing --------------------------------------------------------------------------------------------------

    def create(self, model: str, values: Mapping[str, object]) -> int:
        """Make one record and give its id."""
        made = self.rpc.do(model, "create", [dict(values)])
        self.changed = True
        return int(made[0])

    def write(self, model: str, key: int, values: Mapping[str, object]) -> None:
        """Change one record against what was seen of it last."""
        self.rpc.do(model, "write", [key], dict(values), _timestamp=self._seen(model, key))
        self.changed = True

    def press(self, model: str, button: str, key: int, *, seen: str | None = None) -> None:
        """Press a button against what was seen of the document; a warning is accepted only if it was named.

        Raises:
            Fault: Tryton refuses, warns, or somebody was faster.
        """
        stamps = self._seen(model, key) if seen is None else {f"{model},{key}": seen}
        for _ in range(len(self.accepted) + 1):
            try:
                self.rpc.do(model, button, [key], _timestamp=stamps)
            except Fault as fault:
                if fault.warning is None or not self._accepts(fault.warning):
                    raise
                wanted = {"name": fault.warning, "user": self.rpc.user_id, "always": False}
                self.rpc.do("res.user.warning", "create", [wanted])
            else:
                self.changed = True
                return
        raise refused(f"{model}.{button} warns again and again, though each warning was accepted")

    def _accepts(self, warning: str) -> bool:
        return any(name in (warning, kind_of(warning)) for name in self.accepted)

    def _seen(self, model: str, key: int) -> dict[str, str]:
        [found] = self.rpc.read(model, "read", [key], ["_timestamp"])
        return {f"{model},{key}": found["_timestamp"]}

    # -- ending -------------------------------------------------------------------------------------------------

    def applied(self, words: str) -> WriteResult:
        """Say that Tryton shows it."""
        return self._result("applied", words)

    def ended_by(self, error: Fault | StoppedError | Unavailable | Rejected) -> WriteResult:
        """Judge what stopped the verb: a refused call did nothing, whatever stands of earlier ones is said."""
        if isinstance(error, CutOff):
            return self._result("unknown", str(error))
        if isinstance(error, Unavailable):
            if self.changed:
                return self._result("unknown", f"stopped on the way: {error}")
            return WriteResult(
                outcome="rejected", request=self.request, response=f"not sent: {error}",
                retry_after=error.retry_after_seconds or 1.0,
            )  # fmt: skip
        return self._result(_outcome(error), self._words(error))

    def _words(self, error: Fault | StoppedError | Rejected) -> str:
        words = str(error)
        if isinstance(error, Fault) and error.warning is not None:
            words = f"Tryton warns ({error.warning}): {error.message}"
        return f"{words}; what stands is {self.made}" if self.changed and self.made else words

    def _result(self, outcome: Literal["applied", "stale", "rejected", "unknown"], words: str) -> WriteResult:
        return WriteResult(
            outcome=outcome, request=self.request, status=200, response=words,
            remote_id=self.made if outcome in ("applied", "rejected") else None,
        )  # fmt: skip


def kind_of(warning: str) -> str:
    """Name the kind of a warning: Tryton's own names also say which documents they are about.

    >>> kind_of("673ec9878b953de6bec4cafc9f024b88.no_carrier"), kind_of("stock_quantity_warning_8")
    ('no_carrier', 'stock_quantity_warning')
    """
    return _OF_A_RECORD.sub("", warning.rpartition(".")[2])


def _outcome(error: Fault | StoppedError | Rejected) -> Literal["stale", "rejected"]:
    if isinstance(error, StoppedError):
        return error.outcome
    return "stale" if isinstance(error, Fault) and error.stale else "rejected"
