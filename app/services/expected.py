"""Why a record could not be understood, as a sentence that says what was expected, and where."""

from __future__ import annotations

import re

_KINDS = {
    "int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false", "array": "a list",
    "object": "an object", "null": "nothing", "datetime": "a time such as 2026-05-03T10:00:00Z",
    "date": "a day such as 2026-05-03", "decimal": "a decimal number",
}  # fmt: skip
_GOT = re.compile(r"Expected `(?P<kinds>[^`]+)`(?P<more>[^,]*?), got `(?P<got>[^`]+)`(?: - at `(?P<at>[^`]+)`)?$")
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]+)`(?: - at `(?P<at>[^`]+)`)?$")
_BOUND = re.compile(r"Expected `(?P<kinds>[^`]+)`(?P<more>[^,]*?)(?: - at `(?P<at>[^`]+)`)?$")
_INVALID = re.compile(r"Invalid (?P<what>.+?)(?: - at `(?P<at>[^`]+)`)?$")
_MORE = (
    (re.compile(r" with a timezone component"), " and its offset"),
    (re.compile(r" matching regex '\^\[A-Z\]\{3\}\$'"), " of three capital letters (such as EUR)"),
    (re.compile(r" matching regex '(.+)'"), r" like \1"),
    (re.compile(r" of length >= (\d+)"), r" of \1 characters or more"),
    (re.compile(r" of length <= (\d+)"), r" of \1 characters or fewer"),
    (re.compile(r" >= (\S+)"), r" of \1 or more"),
    (re.compile(r" <= (\S+)"), r" of \1 or less"),
    (re.compile(r" > (\S+)"), r" above \1"),
    (re.compile(r" < (\S+)"), r" below \1"),
)
_JSON = "The text is no whole JSON: one object in braces was expected, with each name and text in double quotes"


def expected(error_class: str | None, error: str | None) -> str:
    """Say what was expected where; what our own readers said is a sentence already."""
    text = (error or "").strip()
    if error_class == "json" and not text.startswith("the row"):
        return f"{_JSON} ({text.rstrip('.')})."
    if error_class == "deep":
        return "It is nested deeper than any record is: a flat object was expected."
    for pattern, say in ((_GOT, _other_kind), (_MISSING, _missing), (_BOUND, _out_of_bounds), (_INVALID, _unreadable)):
        if found := pattern.search(text):
            return f"{_where(found['at'])}{say(found)}."
    return f"{text[:1].upper()}{text[1:].rstrip('.')}." if text else "It could not be understood; nothing says why."


def _other_kind(found: re.Match[str]) -> str:
    return f"{_kinds(found['kinds'])}{_more(found['more'])} was expected, not {_kind(found['got'])}"


def _missing(found: re.Match[str]) -> str:
    return f"the field {found['field']} is missing; it must be there"


def _out_of_bounds(found: re.Match[str]) -> str:
    return f"{_kinds(found['kinds'])}{_more(found['more'])} was expected"


def _unreadable(found: re.Match[str]) -> str:
    kind = next((name for key, name in _KINDS.items() if key in found["what"]), "another form")
    return f"{kind} was expected; what is there cannot be read as one"


def _where(path: str | None) -> str:
    place = (path or "$").removeprefix("$").removeprefix(".").replace("[...]", "")
    return f"In {place}, " if place else "In the record, "


def _kinds(kinds: str) -> str:
    return " or ".join(_kind(kind.strip()) for kind in kinds.split("|"))


def _kind(kind: str) -> str:
    return _KINDS.get(kind, kind)


def _more(text: str) -> str:
    for pattern, words in _MORE:
        text = pattern.sub(words, text)
    return text.rstrip()
