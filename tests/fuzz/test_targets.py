"""Every fuzzing target holds for its seeds, and for each seed damaged in many places."""

from random import Random

import pytest

from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, BrokenPromise


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_holds_for_its_seeds_and_for_damaged_ones(target: str) -> None:
    random = Random(7)
    for seed in seeds(target):
        TARGETS[target](seed)
        for _ in range(3):
            damaged = bytearray(seed)
            for _ in range(random.randint(1, 4)):
                at = random.randrange(len(damaged))
                damaged[at : at + random.randint(0, 3)] = random.randbytes(random.randint(0, 3))
                if not damaged:
                    break
            TARGETS[target](bytes(damaged))


def test_a_broken_promise_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.targets.parse", lambda _: "another value")
    with pytest.raises(BrokenPromise):
        TARGETS["parser"](b"{}")
