"""Many fixes approved at once, in waves: what would be sent, how far a run has come, stopping it and going on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from actions import rows, waves
from actions.cases import Step
from actions.waves import Run
from app.services import acting, words
from data.store import Store


@dataclass(frozen=True, kw_only=True)
class Line:
    """One planned fix as a person decides on it."""

    action: int
    case: int
    type: str
    words: str
    status: str
    direction: str
    value_minor: int | None  #: None where nobody knows it
    currency: str
    side_effects: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Basket:
    """The fixes that wait for one decision."""

    lines: Sequence[Line]

    @property
    def ids(self) -> list[int]:
        """Name the actions, in the order in which they would be sent."""
        return [line.action for line in self.lines]

    @property
    def waves(self) -> list[int]:
        """Count the actions of each wave."""
        return [number for _, number in sorted(Counter(waves.wave_of([line.type for line in self.lines])).items())]

    @property
    def totals(self) -> list[tuple[str, int]]:
        """Sum what they move, by currency."""
        sums: Counter[str] = Counter()
        for line in self.lines:
            sums[line.currency] += line.value_minor or 0
        return sorted((currency, minor) for currency, minor in sums.items() if currency)

    @property
    def side_effects(self) -> list[tuple[str, int]]:
        """Name what happens beside the writes themselves, and how many of the fixes do it."""
        told = Counter(effect for line in self.lines for effect in line.side_effects if not effect.startswith("none"))
        return sorted(told.items())

    @property
    def kinds(self) -> list[str]:
        """Name the types of action, each once."""
        return list(dict.fromkeys(line.type for line in self.lines))


def basket(store: Store, action_ids: Sequence[int], first: int | None = None) -> Basket:
    """Lay out planned actions for one decision; `first` is the one that a person wants to be tried first."""
    desk = acting.desk_of(store)
    with desk.read() as conn:
        found = [rows.shown(rows.load(conn, action_id)) for action_id in action_ids]
    lines = [
        Line(
            action=row["id"], case=row["case_id"], type=row["type"], words=row["plan"]["words"], status=row["status"],
            direction=row["direction"], value_minor=row["value_minor"], currency=row["plan"]["currency"],
            side_effects=row["plan"]["side_effects"],
        )
        for row in found
        if row["status"] not in rows.DONE
    ]  # fmt: skip
    return Basket(lines=sorted(lines, key=lambda line: line.action != first))


def start(store: Store, action_ids: Sequence[int]) -> tuple[int | None, list[Step]]:
    """Approve what may be approved, in waves; the engine sends and reads back."""
    return waves.start(acting.desk_of(store), action_ids, by=acting.local_person(store))


def stop(store: Store, run: int) -> Step:
    """Hold back what was not sent yet."""
    return waves.stop(acting.desk_of(store), run, by=acting.local_person(store))


def go_on(store: Store, run: int) -> tuple[int | None, list[Step]]:
    """Take up what a stopped run left, one first again."""
    return waves.go_on(acting.desk_of(store), run, by=acting.local_person(store))


def show(store: Store, run: int) -> Run:
    """Give a run as it stands.

    Raises:
        RequestError: there is no such run.
    """
    return waves.show(acting.desk_of(store), run)


def running(store: Store) -> int | None:
    """Name the newest run if it is still under way, whoever began it."""
    desk = acting.desk_of(store)
    newest = waves.newest(desk)
    return newest if newest is not None and waves.show(desk, newest).status == "running" else None


def in_waves(counts: Sequence[int]) -> str:
    """Say how many go when: 1, then 10, then 3."""
    return ", then ".join(words.count(number) for number in counts)
