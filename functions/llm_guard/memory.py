"""What has been judged before, so that it is not judged again: keyed digests, never text.

    recall ──▶ in this process (bounded, least recently used goes)
                 └─ not there ──▶ the shared cache, if there is one, for all instances
    keep   ──▶ both

A digest is keyed with a secret of the functions, and so is a signature of each shared value: who
reads the cache learns nothing of a text, and who can write to it cannot clear one, not even with
what stands under another key. A cache that is down or slow is left alone for a while, and the judge
has more to do.
"""

import asyncio
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from functions.llm_guard.deadline import Deadline
from functions.llm_guard.metrics import Meter

_DIGEST_BYTES: Final = 16
_SHARED_SECONDS_MAX: Final = 0.05
"""For one exchange with the shared cache; a judge takes many times that."""
_REST_SECONDS: Final = 5.0


class Shared(Protocol):
    """A cache that several instances share. Any exception of it means that it is down."""

    async def get(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """The values of these keys, None where there is none."""

    async def put(self, values: Mapping[bytes, bytes], seconds: int) -> None:
        """Keep these values for that long."""

    async def close(self) -> None:
        """Close the connections."""


class Memory:
    """Values by keyed digest. `key` has 16 to 64 bytes, the same in all instances."""

    def __init__(
        self, key: bytes, entries_max: int, meter: Meter, shared: Shared | None = None
    ) -> None:
        self._keyed = hashlib.blake2b(key=key, digest_size=_DIGEST_BYTES)
        self._entries_max = entries_max
        self._meter = meter
        self._shared = shared
        self._resting_until = 0.0
        self._entries: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def digest(self, *parts: str | bytes) -> bytes:
        """The keyed digest of `parts`, each with its length, so that none runs into the next."""
        digest = self._keyed.copy()
        for part in parts:
            data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
            digest.update(len(data).to_bytes(8, "big") + data)
        return digest.digest()

    async def recall(self, keys: Sequence[bytes], deadline: Deadline) -> list[bytes | None]:
        """What is kept under each key, None where nothing is."""
        now, here = deadline.now(), self._entries
        found = [self._local(key, now) if key in here else None for key in keys]
        if self._shared is not None and None in found:
            missing = [index for index, value in enumerate(found) if value is None]
            values = await self._ask_shared([keys[index] for index in missing], deadline)
            for index, value in zip(missing, values, strict=False):
                found[index] = value
        misses = found.count(None)
        self._meter.looked_up(len(found) - misses, misses)
        return found

    async def keep(self, values: Mapping[bytes, bytes], seconds: int, deadline: Deadline) -> None:
        """Keep these values for so long, here and, if there is time, for the other instances."""
        ends = deadline.now() + seconds
        for key, value in values.items():
            self._entries[key] = (ends, value)
            self._entries.move_to_end(key)
        while len(self._entries) > self._entries_max:
            self._entries.popitem(last=False)
        if self._shared is None:
            return
        patience = min(_SHARED_SECONDS_MAX, deadline.left())
        if values and patience and self._rested():
            try:
                async with asyncio.timeout(patience):
                    await self._shared.put(self._signed(values), seconds)
            except Exception:  # noqa: BLE001 -- a library's; whatever it is, the cache is down
                self._rest()

    async def close(self) -> None:
        """Close the connections to the shared cache."""
        if self._shared is not None:
            await self._shared.close()

    def _local(self, key: bytes, now: float) -> bytes | None:
        ends, value = self._entries[key]
        if ends <= now:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return value

    async def _ask_shared(
        self, keys: Sequence[bytes], deadline: Deadline
    ) -> Sequence[bytes | None]:
        if self._shared is None or not self._rested():
            return ()
        try:
            async with asyncio.timeout(min(_SHARED_SECONDS_MAX, deadline.left())):
                values = await self._shared.get(keys)
            return [self._verified(key, value) for key, value in zip(keys, values, strict=True)]
        except Exception:  # noqa: BLE001 -- as above
            self._rest()
            return ()

    def _signed(self, values: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
        return {key: self.digest("shared", key, value) + value for key, value in values.items()}

    def _verified(self, key: bytes, value: bytes | None) -> bytes | None:
        """The value, if it was kept under this very key by one who knows the secret."""
        if value is None:
            return None
        found = value[_DIGEST_BYTES:]
        if hmac.compare_digest(self.digest("shared", key, found), value[:_DIGEST_BYTES]):
            return found
        self._meter.cache_failed()
        return None

    def _rested(self) -> bool:
        return asyncio.get_running_loop().time() >= self._resting_until

    def _rest(self) -> None:
        self._meter.cache_failed()
        self._resting_until = asyncio.get_running_loop().time() + _REST_SECONDS
