"""The desk as first shipped."""

from __future__ import annotations

from alembic import op

from actions.tables import metadata

revision = "desk_0001"
down_revision = None

_ONLY_ADDED = "rows of the audit log are only ever added"


def upgrade() -> None:
    """Create every table of the desk, and let the database itself guard the audit log."""
    metadata.create_all(op.get_bind(), checkfirst=False)
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_ONLY_ADDED}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_guard BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()"
        )
        return
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER audit_guard_{verb.lower()} BEFORE {verb} ON audit "
            f"BEGIN SELECT RAISE(ABORT, '{_ONLY_ADDED}'); END"
        )
