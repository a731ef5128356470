"""Bytes to text: byte order marks, UTF-16 without one, UTF-8, and what is left to a guess that is told."""

from __future__ import annotations

import codecs
import gzip

from data.errors import ConfigError

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: What business files are written in, where they are not UTF-8.
_LIKELY = [
    "cp1252", "iso8859_15", "cp1250", "cp1251", "cp1253", "cp1254", "cp932", "gb18030", "big5", "euc_kr", "mac_roman",
    "cp850",
]  # fmt: skip

_SAMPLE = 65_536


def unpacked(content: bytes, place: str) -> bytes:
    """Undo gzip.

    Raises:
        ConfigError: it is an Excel workbook or damaged.
    """
    if content[:4] == b"PK\x03\x04":
        raise ConfigError(f"{place} is a workbook or an archive, not text; save the sheet as CSV and give that")
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise ConfigError(f"{place} is damaged: it begins as gzip and cannot be unpacked; fetch it again") from error


def sniff_encoding(content: bytes) -> str:
    """Find out how text is encoded: by its mark, as UTF-16 by its zeros, as UTF-8 by its rules, else by likeness."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    head = content[:4096]
    if len(head) >= 4 and head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) > head[0::2].count(0) else "utf-16-be"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if _mostly_utf8(content, error.start):
            return "utf-8"
        return _guess(content)
    return "utf-8"


def decode(content: bytes, encoding: str, place: str) -> str:
    """Decode text; bytes that do not fit stay visible as lone surrogates, so that their rows can be set aside.

    Raises:
        ConfigError: there is no such encoding, or not even the lines can be told apart in it.
    """
    try:
        return content.decode(encoding, errors="surrogateescape")
    except LookupError as error:
        raise ConfigError(f"{place}: there is no encoding {encoding!r}; give one such as utf-8 or cp1252") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{place} is not {encoding}: {error.reason} at byte {error.start:,}") from error


def is_undecodable(text: str) -> bool:
    """Tell whether text holds bytes that did not fit its encoding."""
    return any("\udc80" <= char <= "\udcff" for char in text)


def _mostly_utf8(content: bytes, first_bad: int) -> bool:
    """A few bad bytes in a text full of good multi-byte characters: a damaged UTF-8 file, not another encoding."""
    text = content.decode("utf-8", errors="surrogateescape")
    good = sum(char > "\x7f" and not is_undecodable(char) for char in text[: 4 * _SAMPLE])
    bad = sum(is_undecodable(char) for char in text[: max(first_bad + 1, 4 * _SAMPLE)])
    return good > 10 * bad


def _guess(content: bytes) -> str:
    from charset_normalizer import from_bytes

    sample = b"\n".join(line for line in content.splitlines()[:200_000] if not line.isascii())[:_SAMPLE]
    matches = from_bytes(sample, cp_isolation=_LIKELY)
    best = min(matches, key=lambda match: (match.chaos, -match.coherence, match.encoding != "cp1252"), default=None)
    return "cp1252" if best is None else best.encoding
