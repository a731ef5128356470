"""`python -m tests.counterparts`: install both systems, seed them, and serve fresh copies until interrupted."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.counterparts import serving
from tests.counterparts.install import Installed, install
from tests.counterparts.places import missing
from tests.counterparts.postgres import cluster
from tests.counterparts.processes import is_free
from tests.counterparts.seed import ERP, SHOP, Merchant, seeded
from tests.counterparts.serving import PASSWORD

USAGE = "say install, serve FILE (addresses and keys as JSON) or practice FOLDER (addresses.sh and two key files)"
#: Where a practice pair is served if nobody else is there: what was connected once can be found again.
SHOP_PORT, ERP_PORT = 9100, 8100
PRACTICE = {SHOP: "shop", ERP: "erp"}  #: the names of its databases
SHOWN_FOR_OWNER_ONLY = 0o600
AN_HOUR = 3_600  #: what is made ready must not grow old before it is used: CI comes to it after its other tests


def main() -> None:
    """Do as the command line says."""
    for ended_by in (signal.SIGINT, signal.SIGTERM):  # a shell starts what runs behind it deaf to the first
        signal.signal(ended_by, lambda number, _frame: sys.exit(128 + number))
    word, where = (*sys.argv[1:3], "", "")[:2]
    if word not in ("install", "serve", "practice") or (word == "install") == bool(where):
        sys.exit(USAGE)
    if lacks := missing():
        sys.exit(lacks)
    installed = install(_say)
    data, merchant = seeded(installed, _say, fresh_for=AN_HOUR)
    if word == "serve":
        _serve(installed, data, merchant, Path(where))
    elif word == "practice":
        _practise(installed, data, merchant, Path(where))


def _serve(installed: Installed, data: Path, merchant: Merchant, file: Path) -> None:
    """Serve both for a program that reads where they are."""
    with (
        cluster(data) as db,
        serving.medusa(installed.medusa, db, SHOP) as shop,
        serving.tryton(installed.tryton, db, ERP) as erp,
    ):
        where = {
            "medusa": {"url": shop, "key": merchant.shop.key},
            "tryton": {"url": f"{erp}/{ERP}", "user": "admin", "password": PASSWORD, "key": merchant.erp.key},
        }  # fmt: skip
        file.write_bytes(msgspec.json.format(msgspec.json.encode(where)))
        _say(f"Medusa serves at {shop}, Tryton at {erp}; their keys are in {file}; Ctrl-C ends both")
        _until_interrupted()


def _practise(installed: Installed, data: Path, merchant: Merchant, folder: Path) -> None:
    """Serve both for a person who practises, always as they were seeded."""
    _say("starting both, half a minute")
    with cluster(data) as db:
        for template, name in PRACTICE.items():
            db.copy(template, name)
        ports = [port if is_free(port) else 0 for port in (SHOP_PORT, ERP_PORT)]
        with (
            serving.medusa(installed.medusa, db, PRACTICE[SHOP], port=ports[0]) as shop,
            serving.tryton(installed.tryton, db, PRACTICE[ERP], port=ports[1]) as erp_server,
        ):
            erp = f"{erp_server}/{PRACTICE[ERP]}"
            keys = {"medusa.key": merchant.shop.key, "tryton.pass": PASSWORD}
            with _told(folder, keys, {"SHOP": shop, "ERP": erp}):
                _say(f"the shop   Medusa  {shop}  secret key in {folder}/medusa.key")
                _say(f"the ERP    Tryton  {erp}  user admin, password in {folder}/tryton.pass")
                _say(f"go on in another terminal with `. {folder}/addresses.sh`; Ctrl-C ends both")
                _until_interrupted()


@contextmanager
def _told(folder: Path, keys: Mapping[str, str], addresses: Mapping[str, str]) -> Iterator[None]:
    """Write keys that only this user can read, then the addresses; who finds these finds both systems serving."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, key in keys.items():
        (folder / name).unlink(missing_ok=True)
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SHOWN_FOR_OWNER_ONLY), "w") as out:
            out.write(f"{key}\n")
    file = folder / "addresses.sh"
    begun = file.with_suffix(".begun")
    begun.write_text("".join(f"{name}={url}\n" for name, url in addresses.items()))
    begun.replace(file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def _until_interrupted() -> None:
    while True:
        signal.pause()


def _say(text: str) -> None:
    sys.stderr.write(f"counterparts: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
