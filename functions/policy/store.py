"""The policies of one folder, by name, each made into what its check needs.

    folder ──▶ every *.yaml ──make──▶ in force     one bad file: nothing changes, the error is told
                                        └──choose──▶ the one for a call

Swapped whole: a call sees the old policies or the new ones, never some of each. A policy that still
says the same is not made again.
"""

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Generic, TypeVar

from functions.policy.documents import PolicyError
from functions.policy.load import PolicySource, load
from functions.policy.model import PolicyFile
from functions.policy.select import Call, kinds, selects
from functions.verdict import Callout

Compiled = TypeVar("Compiled")

_REVISION_DIGITS: Final = 12
_LOOK_SECONDS: Final = 1.0
"""How often a folder is looked at for changes: often enough for who edits and watches."""


def revision_of(policy: PolicyFile, engine: str) -> str:
    """12 hex digits over everything that a policy says, and the engine that reads it.

    Comments, order of keys and defaults written out change nothing.
    """
    content = policy.model_dump(mode="json", by_alias=True)
    text = json.dumps([engine, content], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_REVISION_DIGITS]


@dataclass(frozen=True, slots=True)
class _InForce(Generic[Compiled]):
    source: PolicySource
    revision: str
    compiled: Compiled

    @property
    def rank(self) -> tuple[int, int]:
        """The more specific of two that fit a call has the higher one."""
        select = self.source.policy.select
        return len(self.source.ancestry), kinds(select) if select else 0


class Policies(Generic[Compiled]):
    """All policies of `folder`, made by `make(source, revision)` for `engine`.

    Nothing is in force before the first `reload`.
    """

    def __init__(
        self, folder: Path, make: Callable[[PolicySource, str], Compiled], engine: str
    ) -> None:
        self._folder = folder
        self._make = make
        self._engine = engine
        self._in_force: dict[str, _InForce[Compiled]] = {}
        self._seen: list[tuple[str, int, int]] = []

    def reload(self) -> None:
        """Read all policies anew. On `PolicyError` those in force stay."""
        self._seen = self._look()
        fresh: dict[str, _InForce[Compiled]] = {}
        for path in self._paths():
            source = load(path)
            name, revision = source.policy.policy, revision_of(source.policy, self._engine)
            old = self._in_force.get(name)
            same = old is not None and old.revision == revision
            compiled = old.compiled if old and same else self._make(source, revision)
            fresh[name] = _InForce(source, revision, compiled)
        if not fresh:
            raise PolicyError(f"{self._folder}: holds no policy (*.yaml)")
        self._in_force = fresh

    def refresh(self) -> bool:
        """Read all policies anew if a file has changed since the last time; say whether.

        Raises `PolicyError` like `reload`, once for each change.
        """
        if self._look() == self._seen:
            return False
        self.reload()
        return True

    def get(self, name: str) -> Compiled | None:
        """The policy of that name, if there is one."""
        found = self._in_force.get(name)
        return found.compiled if found else None

    def choose(self, callout: Callout, model: Callable[[], str]) -> Compiled | None:
        """The policy for a call: the one that the callout names, or one that extends it.

        None where there is none, or where the named one has selectors of its own that do not fit.
        `model` is asked for the message's model only if some selector is about models.
        """
        name = callout.policy
        call = Call(callout.authority, callout.path, callout.workload)
        in_force = self._in_force
        named = in_force.get(name)
        if named is None:
            return None
        family = [named, *(each for each in in_force.values() if name in each.source.ancestry)]
        selecting = [(each, each.source.policy.select) for each in family]
        if any(select and select.models for _, select in selecting):
            call = replace(call, model=model())
        fitting = [each for each, select in selecting if select and selects(select, call)]
        if fitting:
            return max(fitting, key=lambda each: each.rank).compiled
        return named.compiled if named.source.policy.select is None else None

    def names(self) -> list[str]:
        """The names of the policies in force."""
        return sorted(self._in_force)

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("*.yaml"))

    def _look(self) -> list[tuple[str, int, int]]:
        try:
            packs = sorted((self._folder / "packs").glob("*.yaml"))
            stats = [(str(path), path.stat()) for path in (*self._paths(), *packs)]
        except OSError as error:
            raise PolicyError(f"{self._folder}: cannot be read: {error.strerror}") from None
        return [(name, stat.st_mtime_ns, stat.st_size) for name, stat in stats]


def watch(policies: Policies[Compiled], tell: Callable[[PolicyError | None], None]) -> None:
    """Refresh `policies` for as long as the process lives, and tell of each change.

    `tell` gets None where new policies are in force, and the error where the old ones stay. It is
    called in a thread of its own, since compiling takes seconds in which calls must go on.
    """
    never = threading.Event()

    def look() -> None:
        while not never.wait(_LOOK_SECONDS):
            try:
                changed = policies.refresh()
            except PolicyError as error:
                tell(error)
            else:
                if changed:
                    tell(None)

    threading.Thread(target=look, name="policy-watch", daemon=True).start()
