"""The shared cache in Redis (on Alibaba Cloud: Tair), as `memory` wants it."""

from collections.abc import Mapping, Sequence
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

_PREFIX: Final = b"meshward:1:"
_CONNECT_SECONDS: Final = 0.05


class RedisCache:
    """The Redis at `url` (`redis://` or `rediss://`, with password and database if need be)."""

    def __init__(self, url: str) -> None:
        # The older protocol, which every server speaks. No retries: a miss is cheaper than a wait.
        self._redis = Redis.from_url(
            url,
            protocol=2,
            retry=Retry(NoBackoff(), 0),
            socket_connect_timeout=_CONNECT_SECONDS,
            socket_keepalive=True,
        )

    async def get(self, keys: Sequence[bytes]) -> Sequence[bytes | None]:
        """The values of these keys, in one exchange."""
        found = await self._redis.mget([_PREFIX + key for key in keys])
        return [value if isinstance(value, bytes) else None for value in found]

    async def put(self, values: Mapping[bytes, bytes], seconds: int) -> None:
        """Keep these values, in one exchange."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            for key, value in values.items():
                pipeline.set(_PREFIX + key, value, ex=seconds)
            await pipeline.execute()

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
