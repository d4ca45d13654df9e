"""What is remembered: keyed digests, bounded, for a time; a cache that is down is no failure."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from functions.llm_guard.deadline import Deadline
from functions.llm_guard.memory import Memory
from functions.llm_guard.metrics import Meter
from tests.support.virtual_time import in_virtual_time

KEY = b"a key of 16 bytes"


class SharedInMemory:
    """A shared cache that can be slow or down."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.delay = 0.0
        self.down = False
        self.calls = 0

    async def get(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        await self._exchange()
        return [self.values.get(key) for key in keys]

    async def put(self, values: Mapping[bytes, bytes], seconds: int) -> None:
        assert seconds > 0
        await self._exchange()
        self.values |= values

    async def close(self) -> None:
        pass

    async def _exchange(self) -> None:
        self.calls += 1
        await asyncio.sleep(self.delay)
        if self.down:
            raise ConnectionError("the cache is down")


def memory(entries_max: int = 10, shared: SharedInMemory | None = None) -> Memory:
    return Memory(KEY, entries_max, Meter(), shared)


def test_what_is_kept_is_recalled_for_its_time() -> None:
    async def scenario() -> list[list[bytes | None]]:
        kept = memory()
        await kept.keep({b"a": b"1"}, 60, Deadline.after(9))
        before = await kept.recall([b"a", b"b"], Deadline.after(9))
        await asyncio.sleep(60)
        return [before, await kept.recall([b"a", b"b"], Deadline.after(9))]

    assert in_virtual_time(scenario()) == [[b"1", None], [None, None]]


def test_the_least_recently_used_goes() -> None:
    async def scenario() -> list[bytes | None]:
        kept = memory(entries_max=2)
        await kept.keep({b"a": b"1", b"b": b"2"}, 60, Deadline.after(9))
        await kept.recall([b"a"], Deadline.after(9))
        await kept.keep({b"c": b"3"}, 60, Deadline.after(9))
        return await kept.recall([b"a", b"b", b"c"], Deadline.after(9))

    assert in_virtual_time(scenario()) == [b"1", None, b"3"]


def test_instances_share_what_one_has_cleared() -> None:
    async def scenario() -> list[bytes | None]:
        shared = SharedInMemory()
        await memory(shared=shared).keep({b"a": b"1"}, 60, Deadline.after(9))
        return await memory(shared=shared).recall([b"x", b"a"], Deadline.after(9))

    assert in_virtual_time(scenario()) == [None, b"1"]


def test_a_cache_that_is_down_is_left_alone_for_a_while() -> None:
    async def scenario() -> tuple[list[bytes | None], int, int]:
        shared = SharedInMemory()
        kept = memory(shared=shared)
        shared.down = True
        await kept.keep({b"a": b"1"}, 60, Deadline.after(9))
        found = await kept.recall([b"a", b"b"], Deadline.after(9))
        resting = shared.calls
        shared.down = False
        await asyncio.sleep(5)
        await kept.recall([b"b"], Deadline.after(9))
        return found, resting, shared.calls

    assert in_virtual_time(scenario()) == ([b"1", None], 1, 2)


def test_a_slow_cache_is_waited_for_only_briefly() -> None:
    async def scenario() -> tuple[list[bytes | None], float]:
        shared = SharedInMemory()
        shared.delay = 100
        found = await memory(shared=shared).recall([b"a"], Deadline.after(9))
        return found, asyncio.get_running_loop().time()

    assert in_virtual_time(scenario()) == ([None], 0.05)


def test_a_digest_depends_on_every_part_on_their_borders_and_on_the_key() -> None:
    kept = memory()
    digests = {
        kept.digest("a", "bc"),
        kept.digest("ab", "c"),
        kept.digest("abc"),
        kept.digest("abc", ""),
        Memory(b"another key of 16", 10, Meter()).digest("abc"),
    }
    assert len(digests) == 5
    assert kept.digest("a", "bc") in digests
    assert all(len(digest) == 16 for digest in digests)


@pytest.mark.parametrize(
    "value",
    [b"", b"1", b"[]", b"\xff" * 7, b"0" * 16 + b"1", b"{" * 100_000],
    ids=["nothing", "a bare yes", "a list", "noise", "a signature of nobody's", "brackets"],
)
def test_what_nobody_with_the_secret_has_written_is_not_known(value: bytes) -> None:
    async def scenario() -> list[bytes | None]:
        shared = SharedInMemory()
        shared.values[b"a"] = value
        return await memory(shared=shared).recall([b"a"], Deadline.after(9))

    assert in_virtual_time(scenario()) == [None]


def test_what_is_kept_under_one_key_counts_for_no_other() -> None:
    async def scenario() -> list[bytes | None]:
        shared = SharedInMemory()
        await memory(shared=shared).keep({b"a": b"1"}, 60, Deadline.after(9))
        shared.values[b"b"] = shared.values[b"a"]
        return await memory(shared=shared).recall([b"a", b"b"], Deadline.after(9))

    assert in_virtual_time(scenario()) == [b"1", None]


def test_an_answer_of_too_few_values_is_none() -> None:
    class Short(SharedInMemory):
        async def get(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
            return (await super().get(keys))[:1]

    async def scenario() -> list[bytes | None]:
        shared = Short()
        await memory(shared=shared).keep({b"a": b"1", b"b": b"1"}, 60, Deadline.after(9))
        return await memory(shared=shared).recall([b"a", b"b"], Deadline.after(9))

    assert in_virtual_time(scenario()) == [None, None]
