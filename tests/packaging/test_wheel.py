"""The wheel holds what git holds, runs from anywhere, and cannot be mistaken for something else."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("app", "actions", "forecasting", "metrics", "ingest", "data", "sandbox")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("fillwell-*.whl"))


def test_the_wheel_holds_exactly_the_packages_that_git_holds(wheel: Path) -> None:
    shipped = {n for n in zipfile.ZipFile(wheel).namelist() if not n.split("/")[0].endswith(".dist-info")}
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, check=True, capture_output=True, text=True)
    assert shipped == set(tracked.stdout.split())


def test_every_folder_of_a_package_is_a_package_so_that_no_stranger_wins_over_it() -> None:
    folders = {file.parent for package in PACKAGES for file in (ROOT / package).rglob("*.py")}
    assert [str(f) for f in folders if not (f / "__init__.py").exists()] == []


def test_an_init_holds_one_docstring_and_no_code() -> None:
    for package in PACKAGES:
        for file in (ROOT / package).rglob("__init__.py"):
            body = ast.parse(file.read_text()).body
            assert len(body) == 1, f"{file} holds code"
            assert isinstance(body[0], ast.Expr), f"{file} has no docstring"


def test_no_module_inside_app_hides_a_package() -> None:
    inside = {path.stem for path in (ROOT / "app").iterdir()}
    assert inside.isdisjoint(PACKAGES)


def test_no_dependency_brings_a_package_of_our_names() -> None:
    owners = packages_distributions()
    assert {name: owners[name] for name in PACKAGES if set(owners.get(name, [])) - {"fillwell"}} == {}


def test_the_pinned_requirements_carry_no_address() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        text = file.read_text()
        assert "://" not in text, file
        assert "--index-url" not in text, file
        assert "--find-links" not in text, file


def _pins(file: Path) -> dict[str, str]:
    pinned = (line for line in file.read_text().splitlines() if "==" in line and line[0] not in " #")
    return {line.split("==", 1)[0]: line.split("==", 1)[1] for line in pinned}


def test_every_pin_is_the_same_wherever_it_is_pinned() -> None:
    pins = [_pins(file) for file in sorted((ROOT / "requirements").glob("*.txt"))]
    for one in pins:
        for other in pins:
            assert {n: (one[n], other[n]) for n in one.keys() & other.keys() if one[n] != other[n]} == {}


def test_git_does_not_ignore_any_part_of_a_package() -> None:
    files = [
        str(f.relative_to(ROOT)) for p in PACKAGES for f in (ROOT / p).rglob("*") if f.is_file() and f.suffix != ".pyc"
    ]
    ignored = subprocess.run(["git", "check-ignore", *files], cwd=ROOT, check=False, capture_output=True, text=True)
    assert ignored.stdout.split() == []


@pytest.mark.slow
def test_the_installed_wheel_runs_from_a_folder_full_of_strangers(wheel: Path, tmp_path: Path) -> None:
    """A fresh environment borrows the dependencies of this one and has our wheel installed for itself."""
    home = tmp_path / "venv"
    venv.create(home, with_pip=False)
    python = home / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "-q", "--python", str(python), "install", "--no-deps", str(wheel)],
        check=True,
    )
    site = next(home.glob("lib/python*/site-packages"))
    mine = next(Path(p) for p in sys.path if p.endswith("site-packages"))
    (site / "borrowed.pth").write_text(str(mine))
    strangers = tmp_path / "cwd"
    strangers.mkdir()
    for name in PACKAGES:
        (strangers / f"{name}.py").write_text("raise SystemExit('a stranger was imported')")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    program = subprocess.run(
        [home / "bin" / "fillwell", "--help"],
        cwd=strangers,
        env=env,
        check=True,
        capture_output=True,
        text=True,
    )
    assert "operations desk" in program.stdout
    where = [str(python), "-P", "-c", "import metrics, app; print(metrics.__file__, app.__file__)"]
    found = subprocess.run(where, cwd=strangers, env=env, check=True, capture_output=True, text=True).stdout.split()
    assert all(str(site) in path for path in found)


def test_the_distribution_cannot_be_published_by_accident() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "Private :: Do Not Upload" in project["classifiers"]
    assert project["name"] == "fillwell"
