"""`python -m tests.counterparts`: install both systems, seed them, and serve fresh copies until interrupted."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import msgspec

from tests.counterparts import serving
from tests.counterparts.install import install
from tests.counterparts.places import missing
from tests.counterparts.postgres import cluster
from tests.counterparts.seed import ERP, SHOP, seeded
from tests.counterparts.serving import PASSWORD


def main() -> None:
    """Do as the command line says: `install`, or `serve FILE`, which writes where both are and their keys to FILE."""
    for ended_by in (signal.SIGINT, signal.SIGTERM):  # a shell starts what runs behind it deaf to the first
        signal.signal(ended_by, lambda number, _frame: sys.exit(128 + number))
    if lacks := missing():
        sys.exit(lacks)
    installed = install(_say)
    data, merchant = seeded(installed, _say)
    if sys.argv[1:2] != ["serve"]:
        return
    with (
        cluster(data) as db,
        serving.medusa(installed.medusa, db, SHOP) as shop,
        serving.tryton(installed.tryton, db, ERP) as erp,
    ):
        where = {
            "medusa": {"url": shop, "key": merchant.shop.key},
            "tryton": {"url": f"{erp}/{ERP}", "user": "admin", "password": PASSWORD, "key": merchant.erp.key},
        }  # fmt: skip
        Path(sys.argv[2]).write_bytes(msgspec.json.format(msgspec.json.encode(where)))
        _say(f"Medusa serves at {shop}, Tryton at {erp}; their keys are in {sys.argv[2]}; Ctrl-C ends both")
        while True:
            signal.pause()


def _say(text: str) -> None:
    sys.stderr.write(f"counterparts: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
