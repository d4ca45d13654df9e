"""Any events in any order: what must hold around the built plugin holds (wasm_world.py)."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.wasm_host import Compiled
from tests.contract.wasm_world import World

EVENTS = 60


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_whatever_happens_nothing_unjudged_comes_through_and_nothing_stays_held(
    shim: Compiled, data: st.DataObject
) -> None:
    world = World(shim, lambda below: data.draw(st.integers(0, below - 1)))
    for _ in range(data.draw(st.integers(1, EVENTS))):
        happen(world)
    world.settle()


def happen(world: World) -> None:
    """One event, chosen among those that there are."""
    what = world.choose(10)
    if what == 0 or not world.calls:
        return world.open()
    call = world.calls[world.choose(len(world.calls))]
    if what <= 3:
        return world.send(call)
    if what <= 5:
        return world.respond(call)
    if what <= 7:
        return world.answer()
    if what == 8:
        return world.pass_time()
    return world.leave(call) if world.choose(4) == 0 else world.answer()
