"""`fillwell doctor`: what is wrong is called wrong, before anybody starts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.__main__ import main


def examined(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Run it; give its exit code and what it says of the home."""
    monkeypatch.setenv("FILLWELL_HOME", str(home))
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--format", "json"])
    [found] = [row for row in json.loads(capsys.readouterr().out) if row["what"] == "home"]
    return int(ended.value.code or 0), found["state"], found["words"]


@pytest.mark.parametrize("below", [".", "deeper"])
def test_a_home_that_is_a_file_or_lies_in_one_is_called_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], below: str
) -> None:
    (tmp_path / "note").write_text("no folder")
    code, state, words = examined(tmp_path / "note" / below, monkeypatch, capsys)
    assert (code, state) == (1, "wrong")
    assert words.endswith("cannot be used: Not a directory; set FILLWELL_HOME to a folder you can write to")


def test_a_home_that_can_be_made_is_well_and_is_not_made_by_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "new" / "home"
    assert examined(home, monkeypatch, capsys) == (0, "well", str(home))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.postgres
def test_a_workspace_whose_server_does_not_answer_is_called_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "workspaces" / "mine").mkdir(parents=True)
    monkeypatch.setenv("FILLWELL_HOME", str(tmp_path))
    monkeypatch.setenv("FILLWELL_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--format", "json"])
    [found] = [row for row in json.loads(capsys.readouterr().out) if row["what"] == "workspace mine"]
    assert (ended.value.code, found["state"]) == (1, "wrong")
    assert "FILLWELL_DATABASE_URL" in found["words"]
