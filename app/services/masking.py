"""What is about a person is not shown: a mark stands in its place, and gives it back when the text is saved."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"(?<![\w.+-])\+\d(?:[ ()/-]?\d){7,14}(?![\w-])")
#: A text under a name that says that it is about a person, in JSON that may not be whole.
_NAMED = re.compile(
    r'"(?:[\w -]*(?:e-?mail|phone|telephone|mobile|street|address|first_?name|last_?name|full_?name|customer_?name|'
    r'recipient|consignee)[\w -]*)"\s*:\s*"((?:[^"\\]|\\.)+)"',
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Masked:
    """A text without what is about a person, and what stood under each mark."""

    text: str
    marks: Mapping[str, str]

    def put_back(self, edited: str) -> str:
        """Give an edited text with what stood under its marks."""
        for mark, original in self.marks.items():
            edited = edited.replace(mark, original)
        return edited


def masked(text: str, fields: tuple[str, ...] = ()) -> Masked:
    """Mask mail addresses, phone numbers and what stands under personal names; `fields` are more such names."""
    found = {m.span(): m[0] for m in (*_MAIL.finditer(text), *_PHONE.finditer(text))}
    patterns = [_NAMED]
    if fields:
        names = "|".join(re.escape(name) for name in fields)
        patterns.append(re.compile(rf'"(?:{names})"\s*:\s*"((?:[^"\\]|\\.)+)"'))
    for pattern in patterns:
        found.update({m.span(1): m[1] for m in pattern.finditer(text)})
    marks: dict[str, str] = {}
    parts, end = [], 0
    for (start, stop), original in sorted(found.items(), key=lambda item: (item[0][0], -item[0][1])):
        if start < end:
            continue
        mark = next((m for m, o in marks.items() if o == original), None) or f"[personal {len(marks) + 1}]"
        marks[mark] = original
        parts += [text[end:start], mark]
        end = stop
    return Masked("".join([*parts, text[end:]]), marks)
