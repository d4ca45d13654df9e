"""Everyday texts, to count how often packs hit what they should not.

    python -m tests.bench.everyday_texts FOLDER…  → build/everyday/<language>-<half>.jsonl

Each FOLDER is a clone of one of `SOURCES`. Texts are split by their digest into two halves: rules
may be changed for what they do on `tune`; figures are told of `report`. Nothing is fetched here.
"""

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

SOURCES: Final = {
    "awesome-chatgpt-prompts-zh": "zh",
    "docs-zh-cn": "zh",
    "book": "en",
    "self-instruct": "en",
    "GPT-4-LLM": "en",
    "tldr": "many",
    "istio": "code",
    "loghub": "logs",
}
"""Folder names and languages: prompts of people, technical documentation, tasks for models; help
pages in forty languages; Go, YAML and JSON; logs of sixteen systems."""
CHARS: Final = range(6, 2001)
_TABLE_SHARE: Final = 40
"""Of 256: how many rows of the large tables of prompts are taken."""
_LOG_LINES: Final = 8
"""So many lines of a log are one text."""
_OF_CODE: Final = frozenset({".go", ".yaml", ".json"})
_OUT: Final = Path("build/everyday")


def main(folders: list[str]) -> int:
    """Write the texts of all folders; two files a language."""
    texts: dict[tuple[str, str], dict[str, str]] = {}
    for folder in map(Path, folders):
        if folder.name not in SOURCES:
            sys.stderr.write(f"{folder}: none of {', '.join(SOURCES)}\n")
            return 1
        for text in _texts(folder):
            half = "tune" if _digest(text)[0] % 2 else "report"
            texts.setdefault((SOURCES[folder.name], half), {})[text] = folder.name
    _OUT.mkdir(parents=True, exist_ok=True)
    for (language, half), found in sorted(texts.items()):
        path = _OUT / f"{language}-{half}.jsonl"
        lines = [
            json.dumps({"text": text, "expect": "allow", "source": source}, ensure_ascii=False)
            for text, source in found.items()
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        sys.stdout.write(f"{path}: {len(lines)} texts\n")
    return 0


def _texts(folder: Path) -> Iterator[str]:
    suffixes = _OF_CODE if SOURCES[folder.name] == "code" else {".md", ".jsonl", ".log"}
    for path in sorted(each for each in folder.rglob("*.*") if each.suffix in suffixes):
        content = path.read_text(encoding="utf-8", errors="replace")
        if path.suffix == ".log":
            lines = content.splitlines()
            blocks = range(0, len(lines), _LOG_LINES)
            found = ["\n".join(lines[at : at + _LOG_LINES]) for at in blocks]
        elif path.suffix == ".jsonl":
            found = list(_records(content))
        elif path.parent.name == "question":
            found = _rows(content)
        else:
            found = re.split(r"\n\s*\n", content)
        yield from (text.strip() for text in found if len(text.strip()) in CHARS)


def _rows(content: str) -> list[str]:
    """The last cell of some of a Markdown table's rows."""
    rows = [line for line in content.splitlines()[2:] if _digest(line)[0] < _TABLE_SHARE]
    return [row.strip().strip("|").rpartition("|")[2] for row in rows]


def _records(content: str) -> Iterator[str]:
    for line in content.splitlines():
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(record, dict):
            said = record.get("prompt") or record.get("instruction") or ""
            yield from re.split(r"\n\s*\n", str(said))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
