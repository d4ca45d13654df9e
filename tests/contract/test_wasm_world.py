"""Any events in any order: what must hold around the built plugin holds (wasm_world.py)."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contract.wasm_host import Compiled
from tests.contract.wasm_world import World, happen

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
