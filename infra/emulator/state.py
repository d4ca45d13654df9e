"""What lives as long as the emulator: the account, and a pool of instances for each function."""

import asyncio
import random
import time
from pathlib import Path
from typing import Final

from infra.emulator.account import Account
from infra.emulator.capacity import INSTANCES_MAX, Capacity
from infra.emulator.clock import Clock
from infra.emulator.faults import Faults
from infra.emulator.ids import Ids
from infra.emulator.model import Function
from infra.emulator.place import Place
from infra.emulator.pools import Pool
from infra.emulator.processes import Guardian, python_path
from infra.emulator.reload import Reloads

_REAP_SECONDS: Final = 30.0


class Emulator:
    """The account and its running instances. To be made inside a running event loop.

    `folder` goes with the emulator; code is kept in `code_folder`, where one is given, so that
    another emulator need not unpack it again.
    """

    def __init__(
        self,
        account_id: str,
        region: str,
        folder: Path,
        code_folder: Path | None = None,
        instances_max: int = INSTANCES_MAX,
    ) -> None:
        code_folder = code_folder or folder / "code"
        code_folder.mkdir(parents=True, exist_ok=True)
        self.chance = random.Random()  # noqa: S311 -- ids, faults and weights, no secrets
        self.ids, self.faults, self.clock = Ids(self.chance), Faults(self.chance), Clock()
        self.account = Account(account_id, region, code_folder)
        self.reloads = Reloads()
        self._guardian = Guardian(folder)
        self._pools: dict[str, Pool] = {}
        self.capacity = Capacity(self._pools.values, instances_max)
        path, guardian = python_path(folder), self._guardian
        place = Place(account_id, region, path, guardian, self.ids, self.clock, self.capacity)
        self._place = place
        self._reaper = asyncio.create_task(self._reap())

    def pool(self, function: Function) -> Pool:
        """The function's pool."""
        name = function.name
        if name not in self._pools:
            self._pools[name] = Pool(function, self._place)
        return self._pools[name]

    def pools(self) -> dict[str, Pool]:
        """All pools by function name."""
        return dict(self._pools)

    async def drop_pool(self, name: str) -> None:
        """Stop all instances of a function that has been deleted."""
        self.reloads.leave(name)
        pool = self._pools.pop(name, None)
        if pool is not None:
            await pool.close()

    async def reset(self) -> None:
        """Forget every function and fault; end all instances. The clock stays where it is."""
        names = list(self.account.functions)
        self.account.clear()
        self.reloads.close()
        self.faults.orders = ()
        await asyncio.gather(*(self.drop_pool(name) for name in names))

    async def close(self) -> None:
        """Stop everything."""
        self._reaper.cancel()
        self.reloads.close()
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        self._guardian.close()

    async def _reap(self) -> None:
        while True:
            await asyncio.to_thread(self.account.tidy, time.time())
            await self.clock.sleep(_REAP_SECONDS)
            for pool in self._pools.values():
                pool.reap()
