"""Makes both systems' databases with one merchant in them, once; what was made is kept as a stopped cluster.

A test run copies the folder of that cluster, starts it, and copies databases from the two templates: seconds, where
making them takes minutes. A change of a file that makes them makes them anew, and so does time: the newest orders were
placed when they were made, and an order that is old enough is late.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from tests.counterparts import serving, tables
from tests.counterparts.history import Sold
from tests.counterparts.install import MEDUSA, TRYTON, Installed, Say, locked
from tests.counterparts.places import HERE, cache, digest
from tests.counterparts.postgres import Cluster, cluster, server_version
from tests.counterparts.seed_medusa import ShopIds, seed_shop
from tests.counterparts.seed_tryton import ErpIds, seed_erp

SHOP, ERP = "medusa_template", "tryton_template"
BARE = [MEDUSA / "package.json", TRYTON / "requirements.txt", HERE / "tables.py"]
SEEDS = [
    *BARE, *(HERE / f"{name}.py" for name in ("merchant", "history", "seed_medusa", "seed_tryton", "seed")),
    HERE / "clone_orders.sql",
]  # fmt: skip


#: So long its newest orders pass for new: the trials look a day ahead, and an order may stand for thirty hours.
FRESH_SECONDS = 3 * 3600


class Merchant(msgspec.Struct, frozen=True):
    """What both systems hold, by the ids that they gave."""

    shop: ShopIds
    erp: ErpIds
    sold: list[Sold]


def seeded(installed: Installed, say: Say, *, fresh_for: float = 0) -> tuple[Path, Merchant]:
    """Give the folder of the seeded, stopped cluster and what it holds; make it where none stays fresh so long."""
    folder = cache() / f"seeded-{digest(SEEDS, server_version())}"
    with locked(cache() / "seed.lock"):
        if not _is_fresh(folder / "merchant.json", fresh_for):
            _make(installed, folder, say)
    return folder / "data", msgspec.json.decode((folder / "merchant.json").read_bytes(), type=Merchant)


def bare(installed: Installed, say: Say) -> Path:
    """Give the folder of a stopped cluster that holds both systems' empty databases."""
    folder = cache() / f"bare-{digest(BARE, server_version())}"
    if not folder.exists():
        with cluster() as db:
            say("the tables of both systems: two to five minutes, once")
            for name in (SHOP, ERP):
                db.run(f"create database {name}")
            with ThreadPoolExecutor(2) as pool:
                waiting = [
                    pool.submit(_timed, say, "Medusa's tables", tables.migrate_medusa, installed.medusa, db, SHOP),
                    pool.submit(_timed, say, "Tryton's modules", tables.activate_tryton, installed.tryton, db, ERP),
                ]
                for one in waiting:
                    one.result()
            _keep(db, folder)
    return folder


def _is_fresh(file: Path, seconds: float) -> bool:
    return file.exists() and time.time() + seconds - file.stat().st_mtime < FRESH_SECONDS


def _make(installed: Installed, folder: Path, say: Say) -> None:
    with cluster(bare(installed, say) / "data") as db:
        say("one merchant in both systems: a few minutes, once")
        with serving.medusa(installed.medusa, db, SHOP) as url:
            began = time.monotonic()
            shop, sold = seed_shop(url, db.url(SHOP))
            say(f"Medusa: {len(sold)} orders in {time.monotonic() - began:.0f} s")
            with serving.tryton(installed.tryton, db, ERP) as erp_url:
                began = time.monotonic()
                erp = seed_erp(erp_url, ERP, sold)
                say(f"Tryton: their sales in {time.monotonic() - began:.0f} s")
        _keep(db, folder)
    (folder / "merchant.json").write_bytes(msgspec.json.encode(Merchant(shop, erp, sold)))


def _keep(db: Cluster, folder: Path) -> None:
    """Stop the cluster and keep its folder."""
    db.stop()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    subprocess.run(["cp", "-a", str(db.folder / "data"), str(folder / "data")], check=True)


def _timed(say: Say, what: str, make: Callable[..., None], *arguments: object) -> None:
    began = time.monotonic()
    make(*arguments)
    say(f"{what} in {time.monotonic() - began:.0f} s")
