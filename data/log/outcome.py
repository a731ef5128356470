"""What becomes of a record: a pure decision over what the log already has under its key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Outcome = Literal["accepted", "duplicate", "conflict", "dead_letter"]


class Known(NamedTuple):
    """A statement under a key: its stamp (version, observed_at) orders it, its digest tells its content."""

    version: int
    observed_at: int
    digest: bytes
    record: int | None  #: None: a person or a closing stated it

    @property
    def stamp(self) -> tuple[int, int]:
        """Order it among statements of its key."""
        return (self.version, self.observed_at)


class Decision(NamedTuple):
    """An outcome, the record that it repeats, and what else follows."""

    outcome: Outcome
    same: Known | None = None
    confirms: bool = False  #: the repeated statement takes over this later stamp
    restated: bool = False  #: the same source version with other content


_ACCEPTED = Decision("accepted")


def decide(stated: Known, before: Sequence[Known], *, movement: bool) -> Decision:
    """Decide what becomes of a statement that came after those `before`.

    It is a duplicate where it adds nothing: the same content is known under a stamp at least as late, or it is the
    newest already (which then takes over the later stamp, so that one arriving late in between cannot win), or it
    is the original of a version that was overtaken since. Facts never depend on these outcomes, only counts do.
    """
    if not before:
        return _ACCEPTED
    if movement:
        return _decide_movement(stated, before)
    newest = max(before)
    same = [k for k in before if k.digest == stated.digest and k.record is not None]
    for k in same:
        if k.stamp >= stated.stamp:
            return Decision("duplicate", k)
    if newest.digest == stated.digest and newest.record is not None:
        return Decision("duplicate", newest, confirms=True)
    if stated.version and stated.stamp < newest.stamp:
        for k in same:
            if k.version == stated.version:
                return Decision("duplicate", k)
    restated = bool(stated.version) and any(k.version == stated.version and k.record is not None for k in before)
    return Decision("accepted", restated=restated)


def _decide_movement(stated: Known, before: Sequence[Known]) -> Decision:
    recorded = [k for k in before if k.record is not None]
    same = next((k for k in recorded if k.digest == stated.digest), None)
    if same is not None:
        return Decision("duplicate", same)
    return Decision("conflict") if recorded else _ACCEPTED
