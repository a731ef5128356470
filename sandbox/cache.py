"""The simulated history on disk: streams as encoded items, and the state to go on from."""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from sandbox.bundle import BUNDLED
from sandbox.buyers import BuyersState
from sandbox.catalog import Catalog
from sandbox.erp import ErpState
from sandbox.history import simulate
from sandbox.instants import DAY, SECOND, WEEK, day_text, text
from sandbox.law import Law
from sandbox.real import read_real
from sandbox.shapes import StockMonth
from sandbox.storefront import StorefrontState
from sandbox.stream import Base, Stream
from sandbox.warehouse_room import UNRANGED
from sandbox.warehouse_state import WarehouseState
from sandbox.world import Event, RngState, World

DATE = re.compile(rb'"(\d{4}-\d\d-\d\d)["T]')


class Saved(msgspec.Struct):
    """Everything but the items that a world needs to go on."""

    catalog: Catalog
    law: Law
    now: int
    sequence: int
    rng: RngState
    queue: list[Event]
    storefront: StorefrontState
    warehouse: WarehouseState
    erp: ErpState
    buyers: BuyersState
    orders: int
    unlinked_pct: float
    first_closing: int


class BlobBase:
    """Encoded items one after the other in one piece of memory."""

    def __init__(self, ids: list[str], stamps: list[int], offsets: list[int], blob: bytes) -> None:
        self.ids = ids
        self.stamps = stamps
        self.offsets = offsets
        self.blob = blob
        self.places: dict[str, int] = {}

    def find(self, item_id: str) -> int | None:
        """Find the place of an item."""
        if not self.places:
            self.places = {name: place for place, name in enumerate(self.ids)}
        return self.places.get(item_id)

    def payload(self, place: int) -> bytes:
        """Cut out one item."""
        return self.blob[self.offsets[place] : self.offsets[place + 1]]


class MonthsBase:
    """Closing stock by month, written only when it is read, for months depend on the shift."""

    def __init__(self, closing: npt.NDArray[np.int32], first: int, shift: int, catalog: Catalog) -> None:
        self.closing = closing
        self.first = first
        self.shift_days = shift // DAY
        self.catalog = catalog
        self.ids: list[str] = []
        self.stamps: list[int] = []
        self.found: list[tuple[int, int, int]] = []  #: place and rows from … to
        by_id = sorted(range(len(catalog.places)), key=lambda place: catalog.places[place].id)
        for month, low, high in self._months():
            ranged = closing[high - 1] != UNRANGED
            for place in by_id:
                if ranged[place]:
                    self.ids.append(f"{catalog.places[place].id}@{month}")
                    self.stamps.append((first + high) * DAY)
                    self.found.append((place, low, high))
        self.places: dict[str, int] = {}

    def _months(self) -> list[tuple[str, int, int]]:
        shown = [day_text(self.first + row + self.shift_days)[:7] for row in range(len(self.closing))]
        months = sorted(set(shown))
        return [(month, shown.index(month), shown.index(month) + shown.count(month)) for month in months]

    def find(self, item_id: str) -> int | None:
        """Find the place of an item."""
        if not self.places:
            self.places = {name: place for place, name in enumerate(self.ids)}
        return self.places.get(item_id)

    def payload(self, place: int) -> bytes:
        """Write one month of one SKU at one location."""
        number, low, high = self.found[place]
        at = self.catalog.places[number]
        begun = int(day_text(self.first + low + self.shift_days)[8:]) - 1
        days = [None if units == UNRANGED else units for units in self.closing[low:high, number].tolist()]
        month = StockMonth(
            id=self.ids[place],
            version=sum(units is not None for units in days),
            updated_at=text(self.stamps[place] + self.shift_days * DAY),
            sku=self.catalog.skus[at.sku].code,
            location=at.location,
            month=self.ids[place].rpartition("@")[2],
            days=[*[None] * begun, *days],
        )
        return msgspec.json.encode(month)


def version_key(seed: int) -> str:
    """Name a history by its seed and by the code and data that make it."""
    digest = hashlib.sha256(str(seed).encode())
    for path in [*sorted(Path(__file__).parent.glob("*.py")), BUNDLED]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:20]


def open_world(seed: int, folder: Path, now: int) -> tuple[World, Saved]:
    """Load the history, simulating it first when it is not cached, and run it on to now."""
    home = folder / f"sandbox-{seed}-{version_key(seed)}"
    if not home.exists():
        # In a process of its own, so that the memory of the simulation does not stay with the one that serves.
        child = multiprocessing.get_context("spawn").Process(target=build, args=(seed, home))
        child.start()
        child.join()
        if child.exitcode != 0:
            raise ChildProcessError(f"the history could not be simulated (exit {child.exitcode})")
        for outdated in set(folder.glob(f"sandbox-{seed}-*")) - {home}:
            shutil.rmtree(outdated, ignore_errors=True)
    return load(home, now)


def build(seed: int, home: Path) -> None:
    """Simulate the history and save it; a half-written one is never seen."""
    home.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=home.parent, prefix="unfinished-"))
    was_collecting = gc.isenabled()
    # Nothing of the history is garbage, and looking for it takes longer than the simulation.
    gc.disable()
    try:
        real = read_real()
        world = simulate(real, seed)
        closing = world.warehouse.state.closing
        np.save(unfinished / "closing.npy", np.array(closing, dtype=np.int32))
        world.warehouse.state.closing = []
        for system, streams in world.streams.items():
            for name, stream in streams.items():
                _save_stream(stream, unfinished / f"{system}.{name}")
        saved = Saved(
            catalog=world.catalog,
            law=world.law,
            now=world.now,
            sequence=world.sequence,
            rng=world.rng.getstate(),
            queue=world.queue,
            storefront=world.storefront.state,
            warehouse=world.warehouse.state,
            erp=world.erp.state,
            buyers=world.buyers.state,
            orders=len(real.orders),
            unlinked_pct=round(100 * real.unlinked / real.cancelled_lines, 2),
            first_closing=world.now // DAY - len(closing),
        )
        (unfinished / "state.msgpack").write_bytes(msgspec.msgpack.encode(saved))
        _keep(unfinished, home)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
        if was_collecting:
            gc.enable()


def _keep(unfinished: Path, home: Path) -> None:
    try:
        unfinished.rename(home)
    except OSError:
        # Another process may have been faster; its history is the same.
        if not home.exists():
            raise


def _save_stream(stream: Stream[Any], path: Path) -> None:
    keys = sorted((stamp, item_id) for item_id, stamp in stream.stamps.items())
    encode = msgspec.json.Encoder().encode
    payloads = [encode(stream.live[item_id]) for _, item_id in keys]
    blob = b"".join(payloads)
    dates = [(found.start(1), found.group(1)) for found in DATE.finditer(blob)]
    days = {written: _day(written) for written in {written for _, written in dates}}
    path.with_suffix(f"{path.suffix}.blob").write_bytes(blob)
    np.savez(
        path.with_suffix(f"{path.suffix}.npz"),
        stamps=np.array([stamp for stamp, _ in keys], dtype=np.int64),
        offsets=np.cumsum([0, *map(len, payloads)]),
        dates=np.array([start for start, _ in dates], dtype=np.int64),
        days=np.array([days[written] for _, written in dates], dtype=np.int64),
        ids=np.array([item_id.encode() for _, item_id in keys] or [b""]),
    )


def _day(written: bytes) -> int:
    return int(np.datetime64(written.decode(), "D").astype(np.int64))


class Bases:
    """The items of a saved history, written for one shift; worlds only read them, so they can share them."""

    def __init__(self, home: Path, saved: Saved, shift: int) -> None:
        self.shift = shift
        self.by_stream: dict[str, Base] = {
            path.stem: _load_stream(path.with_suffix(""), shift) for path in sorted(home.glob("*.blob"))
        }
        closing = np.load(home / "closing.npy")
        months = MonthsBase(closing, saved.first_closing, shift, saved.catalog)
        self.by_stream["warehouse.stock_history"] = months


def load(home: Path, now: int, bases: Bases | None = None) -> tuple[World, Saved]:
    """Load a saved history, shifted by whole weeks to end just before now, and run it on to now."""
    saved = msgspec.msgpack.decode((home / "state.msgpack").read_bytes(), type=Saved)
    world = World(saved.catalog, saved.law, 0, saved.now)
    world.rng.setstate(saved.rng)
    world.queue = saved.queue
    world.sequence = saved.sequence
    world.shift = (now - saved.now) // WEEK * WEEK
    if bases is None or bases.shift != world.shift:
        bases = Bases(home, saved, world.shift)
    world.storefront.state = saved.storefront
    world.warehouse.state = saved.warehouse
    world.erp.state = saved.erp
    world.buyers.state = saved.buyers
    for system, streams in world.streams.items():
        for name, stream in streams.items():
            stream.base = bases.by_stream[f"{system}.{name}"]
            stream.keeps_log = True
    world.is_live = True
    world.run_until((now - world.shift) // SECOND * SECOND)
    return world, saved


def _load_stream(path: Path, shift: int) -> BlobBase:
    blob = np.fromfile(path.with_suffix(f"{path.suffix}.blob"), dtype=np.uint8)
    with np.load(path.with_suffix(f"{path.suffix}.npz")) as parts:
        if len(parts["dates"]) and shift:
            _shift_dates(blob, parts["dates"], parts["days"], shift // DAY)
        ids = [name.decode() for name in parts["ids"].tolist() if name]
        return BlobBase(ids, parts["stamps"].tolist(), parts["offsets"].tolist(), blob.tobytes())


def _shift_dates(
    blob: npt.NDArray[np.uint8], starts: npt.NDArray[np.int64], days: npt.NDArray[np.int64], by: int
) -> None:
    distinct, which = np.unique(days, return_inverse=True)
    written = np.array([list(day_text(int(day) + by).encode()) for day in distinct], dtype=np.uint8)
    for digit in range(written.shape[1]):
        blob[starts + digit] = written[which, digit]
