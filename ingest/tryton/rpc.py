"""Calls to one Tryton database: a session, its context, and faults by what the caller must do.

Business faults arrive as HTTP 200 with an `error`: a UserError, a UserWarning that a person may accept, or a
ConcurrencyException where somebody was faster. A session that has ended answers 401 and is begun anew, once.
"""

from __future__ import annotations

import base64
import re
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import msgspec

from data.errors import ConfigError, SourceUnavailable
from ingest.http import CutOff, Http, NotSent, Rejected, Unavailable, excerpt
from ingest.tryton.typed import decode, encode

#: The oldest series that has what is read here (`last_modified_at`, typed spans); 8.2 is what it was proven on.
OLDEST, PROVEN = (8, 0), "8.2"
#: A refused login is not tried again for so long: Tryton locks out who tries too often.
REFUSED_FOR_SECONDS = 60.0

_SERIES = re.compile(r"^(\d+)\.(\d+)")
#: How Python shows a name that it does not know; Tryton passes it on as it is.
_UNKNOWN_NAME = re.compile(r"""^(?:'[^']*'|"[^"]*")$""")


class _Answer(msgspec.Struct):
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Any = None


_answer = msgspec.json.Decoder(_Answer)


class Fault(Exception):  # noqa: N818 -- what Tryton said, not what went wrong here
    """Tryton understood the call and refused it: nothing of it was done."""

    def __init__(self, name: str, message: str, *, warning: str | None = None) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name  #: UserError | UserWarning | ConcurrencyException | what Python calls it
        self.message = message
        self.warning = warning  #: the name under which a person accepts a UserWarning

    @property
    def stale(self) -> bool:
        """Tell whether somebody else wrote the record first."""
        return self.name == "ConcurrencyException"


class Rpc:
    """One user's calls to one database."""

    def __init__(self, http: Http, user: str) -> None:
        self._http = http
        self.user, self._password = _login_of(http, user)
        self.user_id: int | None = None
        self.context: dict[str, Any] = {}
        self._root = _root(http)
        self._lock = Lock()
        self.series = ""
        self._refused: tuple[float, Rejected] | None = None
        http.authorization = None

    @property
    def name(self) -> str:
        """Name the connection."""
        return self._http.name

    @property
    def company(self) -> int:
        """Give the id of the user's company."""
        if not isinstance(company := self.context.get("company"), int):
            raise Rejected(
                f"{self.name}: user {self.user} belongs to no company; give it one in Tryton",
                error_class="auth", status=200,
            )  # fmt: skip
        return company

    def ask(self, method: str, *params: object, **context: object) -> msgspec.Raw:
        """Call a method that changes nothing, trying again while Tryton is unavailable.

        Raises:
            Unavailable, Rejected: it could not be read.
        """
        self.enter()
        try:
            return self._asked(method, params, context)
        except Rejected as error:
            if error.status != 401:
                raise self._told(error, method) from error
        self.enter(anew=True)
        return self._asked(method, params, context)

    def read(self, model: str, method: str, *params: object, **context: object) -> Any:  # noqa: ANN401 -- any JSON
        """Call a reading method of a model and give what it says, with types."""
        return decode(bytes(self.ask(f"model.{model}.{method}", *params, **context)))

    def do(self, model: str, method: str, *params: object, **context: object) -> Any:  # noqa: ANN401 -- any JSON
        """Call a method that writes, once.

        Raises:
            Fault: Tryton refused; nothing of it was done.
            NotSent: nothing reached it.
            CutOff: it may or may not have happened.
            Rejected: the user may not.
        """
        return self.tell(f"model.{model}.{method}", *params, **context)

    def tell(self, method: str, *params: object, **context: object) -> Any:  # noqa: ANN401 -- any JSON
        """Call any method that writes, once; raises as `do` does."""
        try:
            self.enter()
        except Unavailable as error:
            raise NotSent(str(error), error_class=error.error_class, retry_after_seconds=1.0) from error
        for anew in (False, True):
            answer = self._http.once("POST", "/rpc/", content=self._body(method, params, context))
            if answer.status != 401 or anew:
                break
            self.enter(anew=True)
        if answer.status == 429:
            raise NotSent(
                f"{self.name}: too many requests",
                error_class="rate_limit",
                retry_after_seconds=answer.retry_after or 1.0,
            )
        if answer.status >= 500:
            raise CutOff(f"{self.name} {method}: HTTP {answer.status}", error_class="server")
        if answer.status != 200:
            kind = "auth" if answer.status in (401, 403) else "request"
            words = f"{self.name} {method}: HTTP {answer.status}: {excerpt(answer.body)[:200]}"
            raise self._told(Rejected(words, error_class=kind, status=answer.status), method)
        try:
            found = _answer.decode(answer.body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise CutOff(f"{self.name} {method}: the answer is not whole JSON", error_class="body") from error
        if found.error is not None:
            raise _fault(found.error)
        return decode(bytes(found.result))

    def enter(self, *, anew: bool = False) -> None:
        """Log in where there is no session yet, or none any more.

        Raises:
            Rejected: Tryton refuses the user, or is of a series that cannot be read.
            Unavailable: it does not answer.
        """
        with self._lock:
            if self.user_id is not None and not anew:
                return
            if self._refused is not None and self._http.monotonic() < self._refused[0]:
                raise self._refused[1]
            self.user_id, self._http.authorization, self._refused = None, None, None
            try:
                self._enter()
            except Rejected as error:
                self._refused = (self._http.monotonic() + REFUSED_FOR_SECONDS, error)
                raise

    def _enter(self) -> None:
        self._check_series()
        try:
            told = self._asked("common.db.login", (self.user, {"password": self._password}), None)
        except SourceUnavailable as error:
            if isinstance(error, Unavailable) and error.error_class == "timeout":
                raise Unavailable(
                    f"{error}; Tryton waits for a database that it does not know: is the address's last part right?",
                    error_class="timeout",
                ) from error
            raise
        uid, token = decode(bytes(told))[:2]
        named = base64.b64encode(f"{self.user}:{uid}:{token}".encode()).decode()
        self._http.authorization = f"Session {named}"
        self.context = decode(bytes(self._asked("model.res.user.get_preferences", (True,), {})))
        self.user_id = uid

    def _check_series(self) -> None:
        told = decode(bytes(self._asked("common.server.version", (), None, at=self._root)))
        found = _SERIES.match(str(told))
        if found is None or (int(found[1]), int(found[2])) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise Rejected(
                f"{self.name}: the server is Tryton {told}; {oldest} or later is needed, {PROVEN} is what was proven",
                error_class="request", status=200,
            )  # fmt: skip
        self.series = str(told)

    def _asked(
        self, method: str, params: tuple[object, ...], context: dict[str, object] | None, *, at: str = "/rpc/"
    ) -> msgspec.Raw:
        body = self._http.ask(at, self._body(method, params, context))
        if body is None:
            raise Rejected(
                f"{self.name}: {method}: HTTP 404; there is no such database or method here",
                error_class="request", status=404,
            )  # fmt: skip
        try:
            found = _answer.decode(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Unavailable(f"{self.name}: {method}: the answer is none: {error}", error_class="schema") from error
        if found.error is not None:
            raise self._unread(method, _fault(found.error))
        return found.result

    def _unread(self, method: str, fault: Fault) -> Rejected | Unavailable:
        """Say what a fault means to who only wanted to read: no right, a name that is unknown here, or bad luck."""
        told = f"{self.name}: {method}: {fault.message}"
        if fault.name in ("UserError", "LoginException"):
            return Rejected(f"{told} (user {self.user})", error_class="auth", status=200)
        if _UNKNOWN_NAME.match(fault.message):
            why = f"Tryton {self.series or '?'} does not know {fault.message}"
            return Rejected(
                f"{self.name}: {method}: {why}; a module is missing, or the series is not {PROVEN}",
                error_class="request", status=200,
            )  # fmt: skip
        return Unavailable(told, error_class="server")

    def _told(self, error: Rejected, method: str) -> Rejected:
        if error.status != 403:
            return error
        return Rejected(
            f"{self.name}: HTTP 403: user {self.user} may not call {method}; give it the rights in Tryton",
            error_class="auth", status=403,
        )  # fmt: skip

    def _body(self, method: str, params: tuple[object, ...], context: dict[str, object] | None) -> bytes:
        last = () if context is None else ({**self.context, **context},)
        return encode({"id": 1, "method": method, "params": [*params, *last]})


def _fault(error: object) -> Fault:
    """Read a fault: its name first, then what it says, which for a warning begins with the warning's own name."""
    parts = error if isinstance(error, list) and error else [error]
    name, words = str(parts[0]), parts[1] if len(parts) > 1 else ""
    if name == "UserWarning" and isinstance(words, list) and len(words) > 1:
        return Fault(name, _sentence(words[1:]), warning=str(words[0]))
    if name in ("UserError", "ConcurrencyException", "LoginException"):
        return Fault(name, _sentence(words if isinstance(words, list) else [words]))
    return Fault("error", name)


def _sentence(words: list[object]) -> str:
    return " - ".join(str(word) for word in words[:2] if word)


def _login_of(http: Http, user: str) -> tuple[str, str]:
    if user or not http.token:
        return user, http.token
    name, colon, password = http.token.partition(":")
    if not colon or not name or not password:
        raise ConfigError(
            f'connection {http.name}: Tryton needs a user: write user = "..." beside the token, '
            "or make the secret user:password"
        )
    return name, password


def _root(http: Http) -> str:
    parts = urlsplit(http.base_url)
    path = parts.path.strip("/")
    if not path:
        raise ConfigError(
            f"connection {http.name}: the address of a Tryton database ends with its name: https://erp.example/company"
        )
    above = path.rpartition("/")[0]
    return f"{parts.scheme}://{parts.netloc}/{above + '/' if above else ''}rpc/"
