"""What lives as long as the emulator: the account, and a pool of instances for each version."""

import asyncio
import random
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.emulator.account import Account
from infra.emulator.capacity import INSTANCES_MAX, Capacity
from infra.emulator.clock import Clock
from infra.emulator.data_plane import Call
from infra.emulator.deadlines import Deadlines
from infra.emulator.events import Events
from infra.emulator.faults import Faults
from infra.emulator.ids import Ids
from infra.emulator.log import Log
from infra.emulator.model import Event, Function, Version
from infra.emulator.objects import Objects
from infra.emulator.place import Place
from infra.emulator.pools import Pool
from infra.emulator.processes import Guardian, python_path
from infra.emulator.reload import Reloads
from infra.emulator.settings import StartError

if TYPE_CHECKING:
    from infra.emulator.store import Store

_REAP_SECONDS: Final = 30.0


class Emulator:
    """The account and its running instances. To be made inside a running event loop.

    `folder` goes with the emulator. With a `data` folder, all of the account is kept there, and
    the next emulator has it; code alone is kept in `code_folder`, where one is given.
    """

    def __init__(
        self,
        account_id: str,
        region: str,
        folder: Path,
        code_folder: Path | None = None,
        instances_max: int = INSTANCES_MAX,
        data: Path | None = None,
    ) -> None:
        self._guardian = Guardian(folder)  # First of all, since it removes the folder in the end.
        kept = data or folder
        code_folder = code_folder or kept / "code"
        try:
            code_folder.mkdir(parents=True, exist_ok=True)
            self.objects = Objects(kept / "objects")
        except OSError as error:
            raise StartError(f"{error.filename} cannot be a folder: {error.strerror}") from None
        self.chance = random.Random()  # noqa: S311 -- ids, faults and weights, no secrets
        self.ids, self.faults, self.clock = Ids(self.chance), Faults(self.chance), Clock()
        self.account = Account(account_id, region, code_folder, self.ids.request)
        self.reloads = Reloads()
        self.events = Events(self.clock, self.ids, self.account.function, self._prepared)
        self._pools: dict[tuple[str, str], Pool] = {}
        self._logs: dict[str, Log] = {}
        self.capacity = Capacity(self._pools.values, instances_max)
        path, guardian = python_path(folder), self._guardian
        self._deadlines = Deadlines()
        self._place = Place(
            *(account_id, region, path, guardian),
            *(self.ids, self.clock, self.capacity, self._deadlines),
        )
        self._store = self._kept(data) if data else None
        self._reaper = asyncio.create_task(self._reap())

    def pool(self, function: Function, version: Version | None = None) -> Pool:
        """The instances of a version, LATEST if none is given."""
        version = version or function.latest
        key = (function.name, version.id)
        if key not in self._pools:
            self._pools[key] = Pool(function, version, self._place, self.log(function.name))
        return self._pools[key]

    def pick(self, function: Function, qualifier: str) -> Version:
        """The version that one invocation goes to; raises where it is refused beforehand."""
        function.refuse_disabled()
        return function.picked(qualifier, self.chance)

    def pools(self, name: str | None = None) -> list[Pool]:
        """All pools, or those of one function."""
        return [pool for key, pool in self._pools.items() if name in (None, key[0])]

    def log(self, name: str) -> Log:
        """The log of a function, all its versions together."""
        return self._logs.setdefault(name, Log())

    def changed(self, function: Function) -> None:
        """After a change of a function, its aliases or minimums: instances come and go."""
        for version in (function.latest, *function.versions.values()):
            if function.minimum(version.id) or (function.name, version.id) in self._pools:
                self.pool(function, version).changed()

    async def drop_pools(self, name: str, version_id: str | None = None) -> None:
        """Stop all instances of a function, or a version, that has been deleted."""
        if version_id is None:
            self.reloads.leave(name)
            self.events.drop(name)
            self._logs.pop(name, None)
        gone = [key for key in self._pools if key[0] == name and version_id in (None, key[1])]
        await asyncio.gather(*(self._pools.pop(key).close() for key in gone))

    async def reset(self) -> None:
        """Forget everything and all faults; end all instances. The clock stays where it is."""
        names = list(self.account.functions)
        try:
            self.account.clear()
            self.reloads.close()
            self.faults.orders = ()
        finally:  # Of what cannot be forgotten, as on a full disk, nothing ends.
            gone = [name for name in names if name not in self.account.functions]
            await asyncio.gather(*(self.drop_pools(name) for name in gone))

    async def close(self) -> None:
        """Stop everything."""
        self._reaper.cancel()
        self.events.close()
        self.reloads.close()
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        self._deadlines.close()
        self._guardian.close()
        if self._store is not None:
            self._store.close()

    def _kept(self, data: Path) -> "Store":
        """Take up what the emulator before has left in that folder, and keep all there."""
        from infra.emulator.store import Store, StoreError  # noqa: PLC0415 -- costs memory and time

        try:
            store = Store(data)
            things = list(store.all())
        except StoreError as error:
            raise StartError(str(error)) from None
        for kind, key, value in things:
            if kind == "event":
                self.events.resume(value)
            else:
                self.account.restore(kind, key, value)
        record = self.account.record
        record.told, record.kept = store.put, store.get
        self.events.told = store.put
        for function in self.account.functions.values():
            self.changed(function)
        return store

    def _prepared(self, event: Event) -> Call:
        """An event as a call to an instance."""
        function = self.account.function(event.function)
        retries = b"x-fc-retry-count: %d\r\n" % (event.attempts - 1)
        return Call(
            request_id=event.id,
            control_path=event.control_path,
            method=event.method,
            target=event.target,
            head=event.head + retries,
            pool=self.pool(function, self.pick(function, event.qualifier)),
            body=event.payload,
            qualifier=event.qualifier,
            fault=self.faults.draw(function.name),
        )

    async def _reap(self) -> None:
        while True:
            due = self.clock.monotonic() + _REAP_SECONDS  # Before what takes time: it may be moved.
            used = self.account.codes()
            await asyncio.to_thread(self.account.packages.tidy, used, time.time())
            await asyncio.to_thread(self.objects.tidy)
            await self.clock.sleep(due - self.clock.monotonic())
            for pool in self._pools.values():
                pool.reap()
