"""The statements of a mapping as the reference shows them; run as a module, it writes them into the page."""

from __future__ import annotations

from pathlib import Path

from ingest.files.statements import STATEMENTS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "mapping.md"
MARK = "<!-- statements: made by `python -m tests.ingest.files.reference` -->\n"


def statements_table() -> str:
    """Write a table of all statements, their fields and what identifies them."""
    rows = ["| statement | says | fields | identity |", "|---|---|---|---|"]
    for name, statement in STATEMENTS.items():
        fields = ", ".join(
            f"**{field}**" if known.required and known.default is None else field
            for field, known in statement.fields.items()
        )
        rows.append(f"| `{name}` | {statement.says} | {fields} | {', '.join(statement.identity)} |")
    return "\n" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(text[: text.index(MARK) + len(MARK)] + statements_table(), encoding="utf-8")
