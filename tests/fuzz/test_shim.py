"""A few rounds of each kind of fuzzing the plugin; `make fuzz` runs many more."""

import pytest

from tests.contract.wasm_host import Compiled
from tests.fuzz.shim import ROUNDS, run


@pytest.mark.parametrize("name", ROUNDS)
def test_rounds_by_seed_find_nothing(shim: Compiled, name: str) -> None:
    for seed in range(1 if name == "streams" else 8):
        run(name, shim, seed)
