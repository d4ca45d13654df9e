"""So many calls begin in one turn of the event loop, and the others in their order."""

import asyncio

from functions.runtime.turns import Turns


async def begun_by(turns: Turns, names: list[str], begun: list[str]) -> list[asyncio.Task[None]]:
    """Calls of these names, all of them waiting or begun."""

    async def call(name: str) -> None:
        await turns.begin()
        begun.append(name)

    tasks = [asyncio.create_task(call(name)) for name in names]
    await asyncio.sleep(0)
    return tasks


async def test_the_first_begin_at_once_and_the_others_turn_by_turn() -> None:
    begun: list[str] = []
    tasks = await begun_by(Turns(2), list("abcde"), begun)
    seen = [len(begun)]
    while len(begun) < 5:
        await asyncio.sleep(0)
        seen.append(len(begun))
    assert begun == list("abcde")
    assert sorted(set(seen)) == [2, 4, 5]
    await asyncio.gather(*tasks)


async def test_one_that_is_ended_while_it_waits_takes_nobodys_turn() -> None:
    begun: list[str] = []
    tasks = await begun_by(Turns(1), list("abc"), begun)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert begun == ["a", "c"]


async def test_whoever_comes_later_begins_at_once_again() -> None:
    turns, begun = Turns(1), list[str]()
    await asyncio.gather(*await begun_by(turns, list("ab"), begun))
    await asyncio.sleep(0.01)
    await begun_by(turns, ["c"], begun)
    assert begun == ["a", "b", "c"]
