"""A button does once what was asked for once: the second hit of a double click is no other press."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Presses:
    """How many presses of some buttons were heard; each button is drawn for the press that comes next."""

    heard: int = 0

    def key(self, button: str) -> str:
        """Name a button for the press that comes next: what hits it later finds it gone."""
        return f"{button}-{self.heard}"

    def hear(self, press: int) -> bool:
        """Tell whether a press is the one that its button was drawn for; it is heard by that."""
        first = press == self.heard
        self.heard += first
        return first
