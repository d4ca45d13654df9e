"""What all instances of one emulator share."""

from dataclasses import dataclass

from infra.emulator.capacity import Capacity
from infra.emulator.clock import Clock
from infra.emulator.deadlines import Deadlines
from infra.emulator.ids import Ids
from infra.emulator.processes import Guardian


@dataclass(frozen=True, slots=True)
class Place:
    """Whose instances they are, where, and by whose leave. `path` is their PATH."""

    account_id: str
    region: str
    path: str
    guardian: Guardian
    ids: Ids
    clock: Clock
    capacity: Capacity
    deadlines: Deadlines
