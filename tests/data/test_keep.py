"""Old publications go by a rule; what is kept can be opened for good."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from data.errors import FillwellError
from data.keep import keep_house, to_keep
from data.log import tables as t
from data.publish import Publication, compact, facts_as_of, facts_hash, facts_of, open_facts, publication_of, publish
from data.store import Store
from tests.data.conftest import MakeStore
from tests.data.factories import ingest
from tests.factories import DAY, NOON, a_line, an_order, received


def at(number: int, published: datetime) -> Publication:
    return Publication(number, number, {}, 2, published)


def test_the_last_of_each_day_for_35_days_then_the_last_of_each_month() -> None:
    start = datetime(2026, 1, 1, 9, tzinfo=NOON.tzinfo)
    published = [at(n, start + n * timedelta(hours=6)) for n in range(4 * 100)]  # a hundred days, four a day
    now = published[-1].published_at
    kept = [p for p in published if p.id in to_keep(published, now, newest=3)]
    recent = [p for p in kept if p.published_at >= now - 35 * DAY]
    assert len({p.published_at.date() for p in recent}) in (35, 36)
    months = [p.published_at.date().isoformat() for p in kept if p.published_at < now - 35 * DAY]
    assert months == ["2026-01-31", "2026-02-28"]
    assert [p.id for p in kept][-3:] == [397, 398, 399]


def publications(store: Store) -> list[Publication]:
    with store.log.read() as conn:
        return [publication_of(row) for row in conn.execute(sa.select(t.publication).order_by(t.publication.c.id))]


def test_what_is_kept_opens_and_looks_the_same_and_the_rest_frees_its_space(embedded: MakeStore) -> None:
    store = embedded()
    hashes = {}
    for day in range(0, 50, 5):
        for hour in (0, 6):
            moment = NOON + day * DAY + hour * timedelta(hours=1)
            order = an_order("o", a_line(units=1 + day * 2 + (hour > 0)))
            ingest(store, [received(order, version=day * 10 + hour + 1, at=moment)], at=moment)
            publication = publish(store, now=moment)
            assert publication is not None
            hashes[publication.id] = facts_hash(open_facts(store))
        if day % 15 == 0:
            compact(store, now=NOON + day * DAY, force=True)
    now = NOON + 50 * DAY
    looked_back = facts_hash(facts_as_of(store, NOON + 20 * DAY))
    done = keep_house(store, now=now, newest=2, young_seconds=0)
    assert done.files > 0
    kept = publications(store)
    assert done.publications == len(kept) < 20
    for publication in kept:
        if publication.id in hashes:
            assert facts_hash(facts_of(store, publication)) == hashes[publication.id]
    assert facts_hash(facts_as_of(store, NOON + 20 * DAY)) == looked_back
    again = keep_house(store, now=now, newest=2, young_seconds=0)
    assert (again.deleted, again.files) == (0, 0)
    ingest(store, [received(an_order("p"))], at=now)
    assert publish(store, now=now) is not None
    assert sorted(open_facts(store).frame("order_line")["entity"].to_list()) == ["o", "p"]


def test_an_empty_store_needs_no_housekeeping(embedded: MakeStore) -> None:
    store = embedded()
    assert keep_house(store, now=NOON).publications == 0
    with pytest.raises(FillwellError):
        open_facts(store)
