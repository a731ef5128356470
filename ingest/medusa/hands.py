"""The hands of a procedure: they read, they post once, and they know whether anything was changed yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from ingest.adapter import WriteRequest, WriteResult
from ingest.http import CutOff, Http, NotSent, Rejected, Unavailable, excerpt

_OK = range(200, 300)
_document = msgspec.json.Decoder(dict[str, msgspec.Raw])


class RefusedError(Exception):
    """The shop answered 4xx; what it says may or may not be the whole truth."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class _Told(msgspec.Struct):
    message: str = ""


@dataclass
class Hands:
    """One verb under way."""

    http: Http
    request: WriteRequest
    key: str
    left: bool = False  #: a write left; whatever fails from here on may have had an effect
    changed: bool = False  #: a write was confirmed

    def post(self, path: str, body: dict[str, object], *, method: str = "POST") -> dict[str, msgspec.Raw]:
        """Post once and give the answer.

        Raises:
            NotSent, CutOff: nothing reached the shop; or nobody knows.
            RefusedError: it answered 4xx.
        """
        answer = self.http.once(method, path, json=body)
        self.left = True
        if answer.status == 429:
            raise NotSent("too many requests", error_class="rate_limit", retry_after_seconds=answer.retry_after or 1.0)
        if 400 <= answer.status < 500:
            raise RefusedError(answer.status, _words(answer.body))
        try:
            document = _document.decode(answer.body)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise CutOff(f"HTTP {answer.status}, but no whole answer", error_class="body") from error
        if answer.status not in _OK:
            raise CutOff(f"HTTP {answer.status}: {excerpt(answer.body)}", error_class="server")
        self.changed = True
        return document

    def applied(self, words: str, remote_id: str | None = None) -> WriteResult:
        """Say that the shop shows it."""
        return self._result("applied", words, remote_id=remote_id)

    def stale(self, words: str) -> WriteResult:
        """Say that what was expected is no longer so; nothing was done."""
        return self._result("stale", words)

    def rejected(self, words: str, status: int | None = None) -> WriteResult:
        """Say that nothing was done and nothing will be."""
        return self._result("rejected", words, status=status)

    def unknown(self, words: str, status: int | None = None) -> WriteResult:
        """Say that only a read-back can tell."""
        return self._result("unknown", words, status=status)

    def ended_by(self, error: RefusedError | Unavailable | Rejected) -> WriteResult:
        """Judge what stopped the verb: as long as nothing left, nothing was done."""
        if isinstance(error, RefusedError):
            return (self.unknown if self.changed else self.rejected)(str(error), error.status)
        if isinstance(error, CutOff):
            return self.unknown(str(error))
        if self.changed or (self.left and not isinstance(error, NotSent)):
            return self.unknown(f"stopped on the way: {error}")
        if isinstance(error, Rejected):
            return self.rejected(str(error), error.status)
        return WriteResult(
            outcome="rejected", request=self.request, response=f"not sent: {error}",
            retry_after=error.retry_after_seconds or 1.0,
        )  # fmt: skip

    def _result(
        self,
        outcome: Literal["applied", "stale", "rejected", "unknown"],
        words: str,
        *,
        status: int | None = None,
        remote_id: str | None = None,
    ) -> WriteResult:
        return WriteResult(outcome=outcome, request=self.request, status=status, response=words, remote_id=remote_id)


def _words(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Told).message or excerpt(body)
    except (msgspec.MsgspecError, UnicodeError):
        return excerpt(body)
