"""The shared cache speaks Redis: one exchange to ask, one to tell, and failures that are told."""

import asyncio

from functions.llm_guard.deadline import Deadline
from functions.llm_guard.memory import Memory
from functions.llm_guard.metrics import Meter
from functions.llm_guard.redis_cache import RedisCache
from tests.support.redis_server import RedisServer

KEY = b"a key of 16 bytes"


async def test_what_is_put_is_got_and_expires() -> None:
    async with RedisServer() as server:
        cache = RedisCache(server.url)
        await cache.put({b"\x00\xff": b"1", b"b": b"2"}, 60)
        assert await cache.get([b"\x00\xff", b"none", b"b"]) == [b"1", None, b"2"]
        assert server.expiries == {b"meshward:1:\x00\xff": 60, b"meshward:1:b": 60}
        await cache.close()


async def test_two_memories_share_what_one_of_them_keeps() -> None:
    async with RedisServer() as server:
        one, other = (Memory(KEY, 10, Meter(), RedisCache(server.url)) for _ in range(2))
        await one.keep({one.digest("text"): b"1"}, 60, Deadline.after(9))
        assert await other.recall([other.digest("text")], Deadline.after(9)) == [b"1"]
        await asyncio.gather(one.close(), other.close())


async def assert_works_without(memory: Memory, meter: Meter) -> None:
    await memory.keep({b"a": b"1"}, 60, Deadline.after(9))
    assert await memory.recall([b"a", b"b"], Deadline.after(9)) == [b"1", None]
    assert b"meshward_cache_errors_total 1.0" in meter.text()
    await memory.close()


async def test_a_server_that_is_mute_is_a_memory_without_it() -> None:
    async with RedisServer() as server:
        server.mute = True
        meter = Meter()
        await assert_works_without(Memory(KEY, 10, meter, RedisCache(server.url)), meter)


async def test_a_server_that_is_gone_is_a_memory_without_it() -> None:
    async with RedisServer() as server:
        url = server.url
    meter = Meter()
    await assert_works_without(Memory(KEY, 10, meter, RedisCache(url)), meter)
