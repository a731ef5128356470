"""Tables of the desk: cases, actions, the audit log, who may do what. Times are microseconds since 1970."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")

#: A case of one fingerprint (detector and subject); a later return after the regression window is a new generation.
case = sa.Table(
    "case_",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("detector", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False, server_default="1"),
    sa.Column("status", sa.Text, nullable=False),  # see actions.cases.LIVE
    sa.Column("owner", sa.Text, nullable=False),  # the team that the detector names
    sa.Column("assignee", sa.Text),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("object_id", sa.Text, nullable=False),
    sa.Column("channel", sa.Text),
    sa.Column("location", sa.Text),
    sa.Column("sku", sa.Text),
    sa.Column("order_id", sa.Text),
    sa.Column("ours", sa.Text, nullable=False),  # JSON: what should be
    sa.Column("remote", sa.Text, nullable=False),  # JSON: what the other system says
    sa.Column("evidence", sa.Text, nullable=False),  # JSON: the rows and the arithmetic
    sa.Column("members", sa.Text, nullable=False),  # JSON: subjects that a grouped case stands for
    sa.Column("exposed_minor", Big, nullable=False),
    sa.Column("expected_loss_minor", Big, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("probability", sa.Float),
    sa.Column("cost_of_delay_minor", Big, nullable=False),  # per hour
    sa.Column("deadline", Big),
    sa.Column("suggested", sa.Text),  # action type
    sa.Column("parent", sa.Integer),  # the case that causes this one
    sa.Column("suppressed", sa.Integer, nullable=False, server_default="0"),  # findings counted under this one
    sa.Column("shadow", sa.Boolean, nullable=False),
    sa.Column("below_line", sa.Boolean, nullable=False),
    sa.Column("publication", sa.Integer, nullable=False),
    sa.Column("opened_at", Big, nullable=False),
    sa.Column("seen_at", Big, nullable=False),
    sa.Column("status_at", Big, nullable=False),
    sa.Column("snoozed_until", Big),
    sa.Column("reason", sa.Text),
    sa.Column("proof", sa.Text),  # JSON: why it is resolved
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),  # rises with every change of status
    sa.UniqueConstraint("detector", "subject", "generation"),
    sa.Index("case_status", "status"),
)

case_event = sa.Table(
    "case_event",
    metadata,
    sa.Column("id", Big, primary_key=True),
    sa.Column("case_id", sa.Integer, nullable=False),
    sa.Column("at", Big, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),  # JSON
    sa.Index("case_event_case", "case_id"),
)

#: What a case puts at risk, by order line (or by the future demand of an item): headlines count each key once.
exposure = sa.Table(
    "exposure",
    metadata,
    sa.Column("case_id", sa.Integer, primary_key=True),
    sa.Column("line", sa.Text, primary_key=True),
    sa.Column("exposed_minor", Big, nullable=False),
    sa.Column("expected_loss_minor", Big, nullable=False),
)

#: How often a finding was seen in a row; it becomes a case when it was confirmed.
sighting = sa.Table(
    "sighting",
    metadata,
    sa.Column("detector", sa.Text, primary_key=True),
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("first_at", Big, nullable=False),
    sa.Column("last_at", Big, nullable=False),
    sa.Column("times", sa.Integer, nullable=False),
)

#: How a detector is doing: when it first ran (shadow counts from there) and what it lacks.
detector = sa.Table(
    "detector",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("since", Big, nullable=False),
    sa.Column("ran_at", Big, nullable=False),
    sa.Column("armed", sa.Boolean, nullable=False),
    sa.Column("missing", sa.Text, nullable=False),  # JSON
    sa.Column("findings", sa.Integer, nullable=False),
)

IN_FLIGHT = ("claimed", "sent", "unknown", "confirmed")

action = sa.Table(
    "action",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),  # idempotency key of the intent
    sa.Column("case_id", sa.Integer, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("system", sa.Text, nullable=False),
    sa.Column("target", sa.Text, nullable=False),  # the remote entity that it changes
    sa.Column("command", sa.Text, nullable=False),  # JSON: the typed command, exactly as it is sent
    sa.Column("remote_id", sa.Text),  # what the remote called the thing that was made
    sa.Column("plan", sa.Text, nullable=False),  # JSON: the card that was shown
    sa.Column("status", sa.Text, nullable=False),  # see actions.outbox
    sa.Column("direction", sa.Text, nullable=False),  # protective | expansive
    sa.Column("value_minor", Big, nullable=False),
    sa.Column("undoes", sa.Integer),  # the action that this one takes back
    sa.Column("needs_second", sa.Boolean, nullable=False),
    sa.Column("planned_at", Big, nullable=False),
    sa.Column("planned_by", sa.Text, nullable=False),
    sa.Column("approved_at", Big),
    sa.Column("claimed_by", sa.Text),
    sa.Column("lease_until", Big),  # transport time: real, whatever the business clock says
    sa.Column("not_before", Big),  # transport time
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("sent_at", Big),  # business time of the first call
    sa.Column("verified_at", Big),
    sa.Column("recheck_at", Big),  # business time of the second read-back
    sa.Column("outcome", sa.Text),  # what the remote answered, in words
    sa.Column("read_back", sa.Text),  # JSON: what was read and what was made of it
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Index(
        "action_one_in_flight",
        "system",
        "target",
        unique=True,
        sqlite_where=sa.text("status IN ('claimed', 'sent', 'unknown', 'confirmed')"),
        postgresql_where=sa.text("status IN ('claimed', 'sent', 'unknown', 'confirmed')"),
    ),
    sa.Index("action_status", "status"),
    sa.Index("action_case", "case_id"),
)

approval = sa.Table(
    "approval",
    metadata,
    sa.Column("action_id", sa.Integer, primary_key=True),
    sa.Column("by", sa.Text, primary_key=True),
    sa.Column("at", Big, nullable=False),
)

#: Many actions that were approved together: one is sent and read back, then ten, then the rest.
bulk_run = sa.Table(
    "bulk_run",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("entry", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),  # running | stopped | done
    sa.Column("wave", sa.Integer, nullable=False),  # the wave that is open; 0 before the first
    sa.Column("words", sa.Text),  # why it stopped
    sa.Column("started_at", Big, nullable=False),
    sa.Column("ended_at", Big),
    sa.Index("bulk_run_status", "status"),
)

bulk_item = sa.Table(
    "bulk_item",
    metadata,
    sa.Column("run_id", sa.Integer, primary_key=True),
    sa.Column("action_id", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("wave", sa.Integer, nullable=False),
    sa.Index("bulk_item_action", "action_id"),
)

#: What each type of action may do by itself, and how it has fared.
policy = sa.Table(
    "policy",
    metadata,
    sa.Column("type", sa.Text, primary_key=True),
    sa.Column("ladder", sa.Text, nullable=False),  # off | shadow | draft | approve | auto
    sa.Column("most_minor", Big),  # value of one action; above it the action is refused
    sa.Column("most_a_day", sa.Integer),
    sa.Column("second_above_minor", Big),  # above it a second person must approve
    sa.Column("verified", sa.Integer, nullable=False, server_default="0"),  # since the last step
    sa.Column("wrong", sa.Integer, nullable=False, server_default="0"),
)

#: How a remote system is answering: it is left alone for a while after repeated failures.
breaker = sa.Table(
    "breaker",
    metadata,
    sa.Column("system", sa.Text, primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("closed_until", Big, nullable=False),  # transport time
)

setting = sa.Table(
    "setting",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),  # JSON
)

person = sa.Table(
    "desk_user",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
)

#: Who did what, when and from where. Rows are only ever added; the database refuses anything else.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", Big, primary_key=True),
    sa.Column("at", Big, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("entry", sa.Text, nullable=False),  # cli | desk | engine
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),  # JSON, without secrets
)

#: The chain over the audit log, made by one sealer in log order.
seal = sa.Table(
    "seal",
    metadata,
    sa.Column("audit_id", Big, primary_key=True),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
)
