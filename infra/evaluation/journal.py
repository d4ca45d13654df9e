"""What was judged already, so that a run that was cut off goes on where it was.

    journal   one line that says of what it is · one line for each sample that has an outcome

It holds lines' numbers, decisions and figures, and no piece of a text. A file that was cut in the
middle of a line is read up to there.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from functions.verdict import Decision, Verdict
from infra.evaluation.counts import Outcome
from infra.evaluation.samples import DataError, Sample

_READ_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Cost:
    """What judging has cost: tokens, and money in the currency of the prices that are set."""

    tokens_in: int = 0
    tokens_out: int = 0
    money: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        """Both together."""
        return Cost(
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.money + other.money,
        )

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """The cost that llm-guard's process tells."""
        return cls(fields["tokens_in"], fields["tokens_out"], fields["cost"])

    def __sub__(self, other: "Cost") -> "Cost":
        """What is more than `other`."""
        return self + Cost(-other.tokens_in, -other.tokens_out, -other.money)


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of the sample in a line, and what all judging cost from the entry before."""

    line: int
    decision: Decision
    reason: str
    rules: tuple[str, ...]
    categories: tuple[str, ...]
    microseconds: float
    cost: Cost

    @classmethod
    def of(cls, line: int, verdict: Verdict, microseconds: float, cost: Cost) -> Self:
        """The entry that a verdict on the line's sample is."""
        rules = tuple(sorted({each.rule for each in verdict.findings}))
        categories = tuple(sorted({each.category for each in verdict.findings}))
        reason = str(verdict.reason)
        return cls(line, verdict.decision, reason, rules, categories, microseconds, cost)

    def outcome(self, sample: Sample) -> Outcome:
        """The same as an outcome of that line's sample."""
        rules, categories = frozenset(self.rules), frozenset(self.categories)
        return Outcome(sample, self.decision, self.reason, rules, categories, self.microseconds)

    @classmethod
    def read(cls, fields: Mapping[str, Any]) -> Self:
        """The entry that `asdict` made these fields of."""
        changed = {
            "decision": Decision(fields["decision"]),
            "rules": tuple(fields["rules"]),
            "categories": tuple(fields["categories"]),
            "cost": Cost(**fields["cost"]),
        }
        return cls(**{**fields, **changed})


class Journal:
    """The entries of one run over `data`; `made_of` says by what they were judged."""

    def __init__(self, folder: Path, data: Path, made_of: Mapping[str, Any]) -> None:
        head = {"data": _digest(data), **made_of}
        name = hashlib.sha256(json.dumps(head, sort_keys=True).encode()).hexdigest()[:16]
        self.path = folder / f"{data.stem}-{name}.jsonl"
        self.entries: dict[int, Entry] = {}
        folder.mkdir(parents=True, exist_ok=True)
        size = self._read() if self.path.exists() else 0
        self._file = self.path.open("r+b" if size else "wb")
        self._file.truncate(size)
        self._file.seek(size)
        if not size:
            self._write(head)

    @property
    def cost(self) -> Cost:
        """What all entries have cost."""
        return sum((each.cost for each in self.entries.values()), Cost())

    def add(self, entry: Entry) -> None:
        """Keep one more, at once."""
        self.entries[entry.line] = entry
        self._write(asdict(entry))

    def close(self, *, complete: bool) -> None:
        """Be done with it; nothing is left of a run that is complete."""
        self._file.close()
        if complete:
            self.path.unlink()

    def _write(self, document: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(document).encode() + b"\n")
        self._file.flush()

    def _read(self) -> int:
        """Take up the entries; the size of what is whole."""
        size = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n"):
                    break
                if number:  # The first one is for people: the file's name says the same.
                    entry = Entry.read(json.loads(line))
                    self.entries[entry.line] = entry
                size += len(line)
        return size


def _digest(data: Path) -> str:
    digest = hashlib.sha256()
    try:
        with data.open("rb") as file:
            while part := file.read(_READ_BYTES):
                digest.update(part)
    except OSError as error:
        raise DataError(f"{data}: cannot be read: {error.strerror}") from None
    return digest.hexdigest()
