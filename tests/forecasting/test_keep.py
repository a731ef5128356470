"""The kept projection: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from forecasting import keep
from forecasting.keep import Projection
from forecasting.projection import project
from tests.forecasting.factories import A_DAY, NOW, a_shop, orders_a_day, stock


def test_what_was_kept_comes_back_with_its_publication_and_time(tmp_path: Path) -> None:
    frame = project(a_shop(order_line=orders_a_day(2), stock_position=stock(20)), now=NOW)
    keep.save_projection(tmp_path, Projection(frame, 7, NOW, NOW))
    keep.save_projection(tmp_path, Projection(frame, 8, NOW, NOW + A_DAY))
    found = keep.load_projection(tmp_path)
    assert found is not None
    assert (found.publication, found.published_at, found.at) == (8, NOW, NOW + A_DAY)
    assert found.frame.equals(frame)
    assert [file.name for file in tmp_path.iterdir()] == [keep.FILE], "nothing half written is left"


def test_there_is_none_before_the_first(tmp_path: Path) -> None:
    assert keep.load_projection(tmp_path) is None


def test_a_file_of_another_version_of_the_program_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep.save_projection(tmp_path, Projection(project(a_shop(), now=NOW), 7, NOW, NOW))
    monkeypatch.setattr(keep, "VERSION", "next")
    assert keep.load_projection(tmp_path) is None


def test_a_file_with_other_columns_or_none_at_all_is_ignored(tmp_path: Path) -> None:
    keep.save_projection(tmp_path, Projection(pl.DataFrame({"sku": ["MUG"]}), 7, NOW, NOW))
    assert keep.load_projection(tmp_path) is None
    (tmp_path / keep.FILE).write_bytes(b"PAR1 and then the disk was full")
    assert keep.load_projection(tmp_path) is None
