"""Every how-to works as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.following import ROOT, changed, copy_of_the_project, follow

PAGES = sorted((ROOT / "docs" / "how-to").glob("add-*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_how_to_is_followed_from_its_first_line_to_its_last(page: Path, tmp_path: Path) -> None:
    follow(page, copy_of_the_project(tmp_path))


def test_a_change_is_made_where_the_lines_around_it_stand() -> None:
    assert changed("a\nb\nc\n", "@@\n a\n-b\n+x\n c\n") == "a\nx\nc\n"


def test_a_change_without_its_place_is_refused() -> None:
    with pytest.raises(AssertionError, match="this place"):
        changed("a\n", "@@\n z\n+b\n")
