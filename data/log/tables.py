"""Tables of the log. Times are microseconds since 1970, exact in every database."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")

#: A stream of one connection; its tally equals a count over `record`, kept in the same transaction.
source = sa.Table(
    "source",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("accepted", Big, nullable=False, server_default="0"),
    sa.Column("duplicates", Big, nullable=False, server_default="0"),
    sa.Column("conflicts", Big, nullable=False, server_default="0"),
    sa.Column("dead_letters", Big, nullable=False, server_default="0"),
    sa.Column("restated", Big, nullable=False, server_default="0"),
    sa.Column("last_event_at", Big),  # business time of the newest version stored
    sa.UniqueConstraint("connection", "stream"),
)

#: Each thing received, with exactly one outcome: accepted | duplicate | conflict | dead_letter.
record = sa.Table(
    "record",
    metadata,
    sa.Column("id", Big, primary_key=True),
    sa.Column("source", sa.Integer, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("version", Big, nullable=False),
    sa.Column("observed_at", Big, nullable=False),
    sa.Column("received_at", Big, nullable=False),
    sa.Column("hash", sa.LargeBinary(16), nullable=False),  # of the bytes as received
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("batch", sa.Integer),
    sa.Column("place", sa.Text),  # where it stood: file row, page item, webhook id
    sa.Column("body", sa.LargeBinary),  # None where it repeats the record in same_as byte for byte
    sa.Column("same_as", Big),
    sa.Column("error_class", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("edited", sa.LargeBinary),  # what a person made of a dead letter; the body stays as evidence
    sa.Column("dismissed", sa.Text),  # who set a dead letter aside, and why
    sa.Index("record_key", "source", "key"),
    sa.Index("record_batch", "batch"),
    *(
        sa.Index(name, "source", "key", sqlite_where=sa.text(only), postgresql_where=sa.text(only))
        for name, only in (("record_dead", "outcome = 'dead_letter'"), ("record_conflict", "outcome = 'conflict'"))
    ),
)

#: The conditions as the partial indexes know them: with the word itself, not a parameter.
is_dead = record.c.outcome == sa.literal_column("'dead_letter'")
is_conflict = record.c.outcome == sa.literal_column("'conflict'")

#: What the accepted and conflicting records say; `id` is the log position.
event = sa.Table(
    "event",
    metadata,
    sa.Column("id", Big, primary_key=True),
    sa.Column("record", Big),
    sa.Column("source", sa.Integer, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("version", Big, nullable=False),
    sa.Column("observed_at", Big, nullable=False),
    sa.Column("received_at", Big, nullable=False),
    sa.Column("digest", sa.LargeBinary(16), nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("parser", sa.Integer, nullable=False),
    sa.Column("batch", sa.Integer),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("event_key", "source", "key"),
    sa.Index("event_received", "received_at"),
)

event_entity = sa.Table(
    "event_entity",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("event", Big, primary_key=True),
    sa.Index("event_entity_event", "event"),
    sqlite_with_rowid=False,
)

#: Where a reader stands; moved in the transaction that stores what it passed.
cursor = sa.Table(
    "cursor",
    metadata,
    sa.Column("source", sa.Integer, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("moved_at", Big, nullable=False),
)

#: How a stream is doing, as its reader last saw it.
health = sa.Table(
    "health",
    metadata,
    sa.Column("source", sa.Integer, primary_key=True),
    sa.Column("as_of", Big),  # the remote's own word for how fresh its data is
    sa.Column("succeeded_at", Big),
    sa.Column("failed_at", Big),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),  # since the last success
    sa.Column("error_class", sa.Text),
    sa.Column("error", sa.Text),
    sa.Column("refused", Big, nullable=False, server_default="0"),  # turned away at the door: bad signature, too large
)

batch = sa.Table(
    "batch",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("instant", Big, nullable=False),  # the export instant: the version of every row
    sa.Column("received_at", Big, nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # open | closed | withdrawn
    sa.Column("rows", Big, nullable=False, server_default="0"),
)

#: What a closed batch covers of a stream: an aspect of these that it lacks is gone.
batch_scope = sa.Table(
    "batch_scope",
    metadata,
    sa.Column("source", sa.Integer, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("entity", sa.Text, primary_key=True),
    sa.Column("batch", sa.Integer, primary_key=True),
    sa.Index("batch_scope_batch", "batch"),
    sqlite_with_rowid=False,
)

#: What a connection calls an item or a place, and what we call it.
identity = sa.Table(
    "identity",
    metadata,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("external", sa.Text, primary_key=True),
    sa.Column("ours", sa.Text, nullable=False),
    sa.Column("pack", sa.Integer, nullable=False, server_default="1"),
    sa.Column("set_by", sa.Text, nullable=False, server_default=""),
    sa.Column("set_at", Big, nullable=False, server_default="0"),
)

#: Every change of a mapping; None is unmapped. Readers that run follow it.
identity_change = sa.Table(
    "identity_change",
    metadata,
    sa.Column("id", Big, primary_key=True),
    sa.Column("connection", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("external", sa.Text, nullable=False),
    sa.Column("before", sa.Text),
    sa.Column("after", sa.Text),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Big, nullable=False),
)

#: Personal data, apart: erasure deletes one row and every hash still holds.
person = sa.Table(
    "person",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fields", sa.LargeBinary, nullable=False),
    sa.Column("stored_at", Big, nullable=False),
)

#: Keys of erased persons: what arrives again under them is not stored.
erased = sa.Table(
    "erased",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("erased_at", Big, nullable=False),
)

#: What readers open: versions of the fact tables that belong together.
publication = sa.Table(
    "publication",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("position", Big, nullable=False),
    sa.Column("tables", sa.Text, nullable=False),  # JSON: {table: {"base": version, "tail": version}}
    sa.Column("fold", sa.Integer, nullable=False),  # version of the fold that made it
    sa.Column("published_at", Big, nullable=False),
    sa.Column("received_upto", Big, nullable=False),  # newest receipt that it holds
    sa.Column("files", sa.LargeBinary),  # kept for good: the files of every table, compressed JSON
)
