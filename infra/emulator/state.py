"""What lives as long as the emulator: the account, and a pool of instances for each function."""

import asyncio
from pathlib import Path

import aiohttp

from infra.emulator.instances import Pool
from infra.emulator.model import Account

_REAP_SECONDS = 30.0


class Emulator:
    """The account and its running instances. To be made inside a running event loop."""

    def __init__(self, account_id: str, region: str, folder: Path) -> None:
        self.account = Account(account_id, region, folder)
        # Bodies pass as they are: no decompression, no limit on connections, and no time limit of
        # its own, since the function's configuration has one.
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=False),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._pools: dict[str, Pool] = {}
        self._reaper = asyncio.create_task(self._reap())

    def pool(self, name: str) -> Pool:
        """The pool of the function of that name."""
        if name not in self._pools:
            self._pools[name] = Pool(self.account, name, self.session)
        return self._pools[name]

    def pools(self) -> dict[str, Pool]:
        """All pools by function name."""
        return dict(self._pools)

    async def drop_pool(self, name: str) -> None:
        """Stop all instances of a function."""
        pool = self._pools.pop(name, None)
        if pool is not None:
            await pool.close()

    async def close(self) -> None:
        """Stop everything."""
        self._reaper.cancel()
        await asyncio.gather(*(pool.close() for pool in self._pools.values()))
        await self.session.close()

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(_REAP_SECONDS)
            for pool in list(self._pools.values()):
                await pool.reap()
