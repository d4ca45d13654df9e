"""The policies of one folder, by name, each made into what its check needs.

    folder ──▶ every *.yaml ──make──▶ in force     one bad file: nothing changes, the error is told
                                        └──choose──▶ the one for a call

Swapped whole: a call sees the old policies or the new ones, never some of each. A policy that still
says the same is not made again. At the start, what was prepared for this very folder is taken up;
later the folder is read by whoever a `Watcher` is given, such as a child.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Generic, TypeVar

from functions.policy.documents import PolicyError
from functions.policy.load import PolicySource
from functions.policy.prepared import (
    NotPrepared,
    Prepared,
    fingerprint,
    pack_files,
    parse,
    policy_files,
)
from functions.policy.reading import NotRead, Reader, read_here
from functions.policy.select import Call, kinds, selects
from functions.verdict import Callout

Compiled = TypeVar("Compiled")

_LOOK_SECONDS: Final = 1.0
"""How often a folder is looked at for changes: often enough for who edits and watches."""
_Stats = list[tuple[str, int, int]]


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
    """All policies of `folder`, made by `make` for `engine`.

    `prepared` is a file of this function's own in which they may lie ready. Nothing is in force
    before the first `reload`.
    """

    def __init__(
        self,
        folder: Path,
        make: Callable[[Prepared], Compiled],
        engine: str,
        prepared: Path | None = None,
    ) -> None:
        self._folder = folder
        self._make = make
        self._engine = engine
        self._prepared = prepared
        self._in_force: dict[str, _InForce[Compiled]] = {}
        self._by_name: dict[str, Compiled] = {}
        """The same where none of them has selectors, so that the name alone decides; else empty."""
        self._seen: _Stats = []

    def reload(self) -> str:
        """Take up all policies; says how they came. On `PolicyError` those in force stay."""
        self._seen = self.look()
        try:
            self._take(self._ready())
        except NotPrepared as why:
            self._take(read_here(self._folder, self._engine))
            return f"compiled here: {why}"
        return "as prepared"

    def refresh(self, read: Reader = read_here) -> bool:
        """Read all policies anew if a file has changed since the last time; say whether.

        Raises `PolicyError`, once for each change, and `NotRead` until it can be read; those in
        force stay.
        """
        looked = self.look()
        if looked == self._seen:
            return False
        known = [each.revision for each in self._in_force.values()]
        try:
            self._take(read(self._folder, self._engine, known))
        except NotRead:
            raise
        except PolicyError:
            self._seen = looked
            raise
        self._seen = looked
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
        compiled = self._by_name.get(name)
        if compiled is not None:
            return compiled
        in_force = self._in_force
        named = in_force.get(name)
        if named is None:
            return None
        call = Call(callout.authority, callout.path, callout.workload)
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

    def look(self) -> _Stats:
        """Names, times and sizes of the folder's files. Raises `PolicyError`."""
        try:
            paths = [*policy_files(self._folder), *pack_files(self._folder)]
            stats = [(str(path), path.stat()) for path in paths]
        except OSError as error:
            raise PolicyError(f"{self._folder}: cannot be read: {error.strerror}") from None
        return [(name, stat.st_mtime_ns, stat.st_size) for name, stat in stats]

    def _ready(self) -> Iterator[Prepared]:
        """What was prepared for the folder as it is now. Raises `NotPrepared`."""
        if self._prepared is None:
            raise NotPrepared("this folder is none that is packed")
        try:
            data = self._prepared.read_bytes()
            made_of = fingerprint(self._folder, self._engine)
        except OSError as error:
            raise NotPrepared(f"{self._prepared.name}: {error.strerror}") from None
        yield from parse(data, made_of)

    def _take(self, policies: Iterable[Prepared]) -> None:
        """Put all of `policies` in force at once. Raises `PolicyError` where there are none."""
        fresh: dict[str, _InForce[Compiled]] = {}
        for each in policies:
            name = each.source.policy.policy
            old = self._in_force.get(name)
            same = old is not None and old.revision == each.revision
            compiled = old.compiled if old and same else self._make(each)
            fresh[name] = _InForce(each.source, each.revision, compiled)
        if not fresh:
            raise PolicyError(f"{self._folder}: holds no policy (*.yaml)")
        selecting = any(each.source.policy.select for each in fresh.values())
        self._in_force = fresh
        self._by_name = {} if selecting else {name: each.compiled for name, each in fresh.items()}


class Watcher(Generic[Compiled]):
    """Looks at the folder of `policies`, again and again, and tells of each change.

    `tell` gets None where new policies are in force, and the error where the old ones stay, once
    for as long as it is the same. A folder that changes is read once it has been the same for two
    looks: half a file may well be a policy, of half the rules.
    """

    def __init__(
        self,
        policies: Policies[Compiled],
        tell: Callable[[PolicyError | None], None],
        read: Reader = read_here,
    ) -> None:
        self._policies = policies
        self._tell = tell
        self._read = read
        self._before: _Stats | None = None
        self._told = ""

    def look(self) -> None:
        """Look once, and read what has changed and come to rest."""
        try:
            now = self._policies.look()
            rests, self._before = now == self._before, now
            changed = rests and self._policies.refresh(self._read)
        except PolicyError as error:
            if str(error) != self._told:
                self._told = str(error)
                self._tell(error)
        else:
            if changed:
                self._told = ""
                self._tell(None)

    def start(self) -> None:
        """Go on looking in a thread of its own for as long as the process lives."""
        threading.Thread(target=self._go_on, name="policy-watch", daemon=True).start()

    def _go_on(self) -> None:
        never = threading.Event()
        while not never.wait(_LOOK_SECONDS):
            self.look()
