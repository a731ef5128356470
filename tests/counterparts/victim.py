"""A process that reads both systems, or writes to the storefront, until it is killed.

`python -m tests.counterparts.victim read HOME`: read every stream once, telling each that ended.
`… refund HOME PAYMENT FIRST LAST`: give half a euro back for each number, telling each that is known to be booked.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.connect import connect
from data.clock import system_clock
from data.settings import read_settings
from data.store import open_store
from ingest.adapter import Adapter
from ingest.medusa import write
from ingest.sync import pull_or_error
from tests.counterparts.ours import SHOP, WORKSPACE

HALF_A_EURO = 50


def main(argv: list[str]) -> None:
    """Do as told."""
    store = open_store(read_settings({"FILLWELL_HOME": str(Path(argv[1]))}), WORKSPACE)
    adapters = connect(store, os.environ).adapters
    _tell("began")
    if argv[0] == "read":
        for adapter in adapters.values():
            for stream in adapter.streams:
                ended = pull_or_error(store, adapter, stream, clock=system_clock)
                assert ended.error is None, ended.error
                _tell(f"{adapter.connection}/{stream}")
    else:
        for number in range(int(argv[3]), int(argv[4])):
            _refund(adapters[SHOP], argv[2], number)
            _tell(str(number))
    _tell("done")


def _refund(shop: Adapter, payment: str, number: int) -> None:
    wanted = write.Refund(
        payment=payment, amount_minor=HALF_A_EURO, currency="EUR", refunds_before=number, reference=f"case-{number}"
    )
    told = shop.send(write.request(wanted), key=f"key-{number}")
    assert told.outcome == "applied", told


def _tell(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
