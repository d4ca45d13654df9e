"""The repository itself: sizes, leaked places, promises that a script can check."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES_MAX = 300
LONG_ON_PURPOSE = frozenset({Path("mesh/shim/contract.zig")})  # generated


def tracked(*suffixes: str) -> list[Path]:
    """Files that git knows, or would take up, below the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    paths = [Path(line) for line in listed]
    return [path for path in paths if path.suffix in suffixes and (ROOT / path).is_file()]


@pytest.mark.parametrize("path", tracked(".py", ".zig"), ids=str)
def test_a_file_is_one_idea(path: Path) -> None:
    lines = len((ROOT / path).read_text().splitlines())
    assert path in LONG_ON_PURPOSE or lines <= LINES_MAX


@pytest.mark.parametrize("path", tracked(".py", ".zig", ".yaml", ".md", ".txt", ".toml"), ids=str)
def test_no_file_names_a_home_directory_or_a_package_registry(path: Path) -> None:
    # Written in pieces, so that this file does not find itself.
    places = "|".join(("/ro" + "ot/", "/ho" + "me/[a-z]", r"pypi\.o" + "rg", "file:/" + "//opt"))
    assert not re.search(places, (ROOT / path).read_text())


@pytest.mark.parametrize("path", [*tracked(".txt")], ids=str)
def test_every_pinned_dependency_has_a_hash(path: Path) -> None:
    if path.name not in ("bench.txt", "dev.txt", "peers.txt", "requirements.txt"):
        pytest.fail(f"{path}: an unexpected text file; is it a lock file under another name?")
    text = (ROOT / path).read_text()
    pins = re.findall(r"^[a-zA-Z0-9][^\n=]*==", text, re.MULTILINE)
    assert pins
    assert len(pins) == len(re.findall(r"^[a-zA-Z0-9].*\\\n    --hash=sha256:", text, re.MULTILINE))


def test_no_peer_is_needed_by_anything_but_its_bench() -> None:
    peers = r"(?m)^(?:llm-guard|bc-detect-secrets|presidio-\w+|litellm)\b"
    listed = tracked(".txt", ".in")
    having = [path for path in listed if re.search(peers, (ROOT / path).read_text())]
    assert sorted(path.name for path in having) == ["peers.in", "peers.txt"]


def test_every_decision_is_listed() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text()
    pages = sorted(page.name for page in folder.glob("0*.md"))
    assert pages
    assert [page for page in pages if f"({page})" not in listed] == []


def test_every_relative_link_in_the_documentation_leads_somewhere() -> None:
    links = [
        (path, target)
        for path in tracked(".md")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / path).read_text())
    ]
    assert links
    assert [link for link in links if not (ROOT / link[0].parent / link[1]).exists()] == []
