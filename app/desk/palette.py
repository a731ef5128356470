"""The one place where colours are named; every chart and style takes them from here, in both themes.

Series are Okabe and Ito's eight, told apart by people with any colour vision; text shades keep a contrast of 4.5.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True)
class Palette:
    """The colours of one theme."""

    ground: str  #: behind everything
    card: str  #: behind what belongs together
    sunk: str  #: behind what lies lower than a card: table heads, tracks
    ink: str
    muted: str
    line: str
    accent: str
    accent_soft: str
    good: str
    good_soft: str
    warn: str
    warn_soft: str
    bad: str
    bad_soft: str
    blue: str
    orange: str
    green: str
    pink: str
    sky: str
    vermillion: str
    grey: str

    @property
    def series(self) -> tuple[str, ...]:
        """Give the colours of several series, in the order in which they are used."""
        return (self.blue, self.orange, self.green, self.pink, self.sky, self.vermillion)


LIGHT = Palette(
    ground="#F3F5F7",
    card="#FFFFFF",
    sunk="#F7F9FA",
    ink="#13202B",
    muted="#566573",
    line="#DDE3E8",
    accent="#0B5F96",
    accent_soft="#E3EFF7",
    good="#00684C",
    good_soft="#DFF3EC",
    warn="#7A4F00",
    warn_soft="#FCF0D6",
    bad="#A23B00",
    bad_soft="#FCE7DC",
    blue="#0072B2",
    orange="#E69F00",
    green="#009E73",
    pink="#CC79A7",
    sky="#56B4E9",
    vermillion="#D55E00",
    grey="#A9B4BE",
)

DARK = Palette(
    ground="#0E1318",
    card="#161D24",
    sunk="#1B232B",
    ink="#E8EDF2",
    muted="#9BA9B6",
    line="#2A343E",
    accent="#6CBEEC",
    accent_soft="#15303F",
    good="#5AD1A7",
    good_soft="#12322A",
    warn="#F0BE54",
    warn_soft="#392C10",
    bad="#FF9C6B",
    bad_soft="#3E2114",
    blue="#56B4E9",
    orange="#E69F00",
    green="#2FC79B",
    pink="#D994BC",
    sky="#9AD2F2",
    vermillion="#F07F3C",
    grey="#61707E",
)


def of(theme: str | None) -> Palette:
    """Give the palette of a theme as the browser names it; light where it names none."""
    return DARK if theme == "dark" else LIGHT


def variables() -> str:
    """Write both palettes as CSS variables that follow the browser's colour scheme by themselves."""
    pairs = ((f.name, getattr(LIGHT, f.name), getattr(DARK, f.name)) for f in fields(Palette))
    return "".join(f"--fw-{name.replace('_', '-')}:light-dark({light},{dark});" for name, light, dark in pairs)
