"""A store that cannot be used says so in one sentence."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from data.errors import ConfigError, FillwellError, RequestError, StoreError
from data.log.append import source_id
from data.log.status import note_failure, statuses
from data.log.tables import metadata
from data.publish import open_facts, publish
from data.settings import read_settings
from data.store import Store, open_store
from tests.data.factories import counted, ingest, rows
from tests.factories import NOON, all_received, an_order, received


def opened(home: Path, workspace: str = "mine", *, create: bool = True, **env: str) -> Store:
    settings = read_settings({"FILLWELL_HOME": str(home), "FILLWELL_BUSY_TIMEOUT_SECONDS": "0.2", **env})
    return open_store(settings, workspace, create=create)


def log_of(home: Path, workspace: str = "mine") -> Path:
    return home / "workspaces" / workspace / "log.db"


def sentence(error: pytest.ExceptionInfo[FillwellError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("url", ["mysql://eve:secret@db/shop", "shop", "postgresql://eve:secret@db:port/shop"])
def test_an_address_that_is_no_postgresql_is_refused_without_telling_its_password(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_settings({"FILLWELL_DATABASE_URL": url})
    assert "FILLWELL_DATABASE_URL is no address like postgresql://" in sentence(error)
    assert "secret" not in sentence(error)


def test_a_missing_workspace_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        opened(tmp_path, create=False)
    assert "no workspace 'mine'" in sentence(error)


def test_a_workspace_needs_a_plain_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="beginning with a letter"):
        opened(tmp_path, "../mine")


def test_nothing_published_yet_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="nothing was brought in"):
        open_facts(opened(tmp_path))


def test_a_damaged_file_is_called_damaged(tmp_path: Path) -> None:
    log_of(tmp_path).parent.mkdir(parents=True)
    log_of(tmp_path).write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError) as error:
        opened(tmp_path)
    assert "damaged" in sentence(error)


def test_a_file_damaged_in_the_middle_is_called_damaged(tmp_path: Path) -> None:
    store = opened(tmp_path)
    ingest(store, all_received(an_order(f"o{n}") for n in range(500)))
    store.close()
    size = log_of(tmp_path).stat().st_size
    with log_of(tmp_path).open("r+b") as file:
        for place in range(4096, size, 4096):
            file.seek(place)
            file.write(b"\xff" * 2048)
    with pytest.raises(StoreError) as error:
        counted(opened(tmp_path))
    assert "damaged" in sentence(error)


def test_a_store_of_a_newer_program_is_not_touched(tmp_path: Path) -> None:
    opened(tmp_path).close()
    with sqlite3.connect(log_of(tmp_path)) as conn:
        conn.execute("UPDATE alembic_version SET version_num = 'log_9999'")
    with pytest.raises(StoreError) as error:
        opened(tmp_path)
    assert "newer version of Fillwell (schema log_9999)" in sentence(error)


def test_a_locked_store_says_who_to_stop(tmp_path: Path) -> None:
    store = opened(tmp_path)
    other = sqlite3.connect(log_of(tmp_path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError) as error:
        ingest(store, [received(an_order())])
    assert "another program is writing" in sentence(error)
    other.execute("ROLLBACK")
    assert ingest(store, [received(an_order())]).accepted == 1
    other.close()


def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    store = opened(tmp_path)
    ingest(store, [received(an_order("first"))])
    with store.log.writer.connect() as conn:  # the pool hands the same connection out again
        conn.exec_driver_sql("PRAGMA max_page_count = 40")
    with pytest.raises(StoreError) as error:
        ingest(store, all_received(an_order(f"o{n}") for n in range(5_000)))
    assert "free some space" in sentence(error)
    assert rows(opened(tmp_path), "order_line", "entity")[:1] == [("first",)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte, where this user may make one."""
    folder = tmp_path / "small"
    folder.mkdir()
    made = os.geteuid() == 0 and shutil.which("mount") is not None
    mounted = made and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False, capture_output=True
    ).returncode == 0  # fmt: skip
    if not mounted:
        pytest.skip("only root may make a small disk: run as root, in a container that may mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_under_the_facts_leaves_the_last_publication_standing(tmp_path: Path, small_disk: Path) -> None:
    store = opened(tmp_path)
    facts = tmp_path / "workspaces" / "mine" / "facts"
    facts.rmdir()
    facts.symlink_to(small_disk)
    ingest(store, [received(an_order("first"))])
    publish(store, now=NOON)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"), filler.open("wb") as file:  # noqa: PT012 -- fills until it is full
        while True:
            file.write(b"x" * 4096)
            file.flush()
    ingest(store, [received(an_order("second"))])
    with pytest.raises(StoreError) as error:
        publish(store, now=NOON)
    assert "the disk is full" in sentence(error)
    assert open_facts(store).frame("order_line")["entity"].to_list() == ["first"]
    filler.unlink()
    assert rows(store, "order_line", "entity") == [("first",), ("second",)]


def test_a_read_only_store_says_what_to_make_writable(small_disk: Path) -> None:
    opened(small_disk).close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StoreError) as error:
        ingest(opened(small_disk), [received(an_order())])
    assert "writable" in sentence(error)
    with pytest.raises(StoreError) as error:
        opened(small_disk, "another")
    assert "FILLWELL_HOME" in sentence(error)


def test_a_second_publisher_waits_and_then_says_so(tmp_path: Path) -> None:
    from data.lake import Lake

    store = opened(tmp_path)
    with Lake(store.facts).writing(), pytest.raises(StoreError) as error:  # noqa: SIM117 -- the inner one is the test
        with Lake(store.facts).writing(wait_seconds=0.1):
            pass
    assert "another program is publishing" in sentence(error)


def test_the_migrations_make_the_tables_that_the_program_means(store: Store) -> None:
    with store.log.read() as conn:
        found = compare_metadata(MigrationContext.configure(conn), metadata)
    assert [difference for difference in found if difference[0] != "remove_table"] == []


@pytest.mark.postgres
@pytest.mark.parametrize("place", ["nobody@127.0.0.1:1/nothing", "nobody@nowhere.invalid/nothing"])
def test_a_server_that_is_not_there_is_named(tmp_path: Path, place: str) -> None:
    with pytest.raises(StoreError) as error:
        opened(tmp_path, FILLWELL_DATABASE_URL=f"postgresql://{place}")
    assert "FILLWELL_DATABASE_URL" in sentence(error)


def test_readers_see_one_state_while_a_writer_goes_on(store: Store) -> None:
    ingest(store, [received(an_order("a"))])
    query = sa.text("SELECT count(*) FROM record")
    with store.log.read() as conn:
        before = conn.execute(query).scalar()
        ingest(store, [received(an_order("b"))])
        assert conn.execute(query).scalar() == before == 1


def test_who_writes_among_many_gets_a_turn(tmp_path: Path) -> None:
    store = opened(tmp_path, FILLWELL_BUSY_TIMEOUT_SECONDS="30")
    done, others = threading.Event(), list[int]()

    def write_on() -> None:
        while not done.is_set():
            with store.log.write():
                time.sleep(0.002)
            others.append(1)

    threads = [threading.Thread(target=write_on) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(10):
        with store.log.write():
            pass
    done.set()
    for thread in threads:
        thread.join()
    assert len(others) < 10 * 6 * 20
    store.close()


def test_a_sign_that_postgresql_cannot_keep_is_kept_legibly_and_stops_nothing(store: Store) -> None:
    with store.log.write() as conn:
        source = source_id(conn, "shop", "orders")
        note_failure(conn, source, at=1, error_class="http", error="HTTP 400: bad\0request")
    with store.log.read() as conn:
        [found] = statuses(conn)
    assert found.error in {"HTTP 400: bad\0request", "HTTP 400: bad\N{SYMBOL FOR NULL}request"}
