"""The block, the decorator, and what a test orders."""

import inspect
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial, wraps
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from infra.emulator.capacity import INSTANCES_MAX
from infra.emulator.faults import ANY_FUNCTION, Fault, Kind
from infra.emulator.mock.interception import intercepted
from infra.emulator.mock.running import RunningEmulator
from infra.emulator.signature import Credentials

_Test = TypeVar("_Test", bound=Callable[..., Any])

REGION: Final = "cn-hangzhou"
ACCOUNT_ID: Final = "1234567890123456"


class FcMock:
    """Function Compute, for as long as the block lasts, and what a test may do to it."""

    def __init__(self, running: RunningEmulator) -> None:
        self._running = running

    def fault(
        self,
        kind: Kind | str,
        function: str = ANY_FUNCTION,
        probability: float = 1.0,
        seconds: float | None = None,
        status: int = 500,
    ) -> None:
        """Order a fault, besides those that are ordered already."""
        order = Fault(Kind(kind), function, probability, seconds, status)
        faults = self._running.emulator.faults
        faults.orders = (*faults.orders, order)

    def no_faults(self) -> None:
        """Take back every fault."""
        self._running.emulator.faults.orders = ()

    def advance(self, seconds: float) -> None:
        """Move the platform's clock forward."""

        async def work() -> None:
            self._running.emulator.clock.advance(seconds)

        self._running.do(work)

    def seed(self, seed: int) -> None:
        """Make ids and chances the same in every run from here on."""
        self._running.emulator.chance.seed(seed)

    def reset(self) -> None:
        """Forget every function and fault."""
        self._running.do(self._running.emulator.reset)

    def follow(self, function: str, folder: Path) -> None:
        """Take the function's code from `folder`, anew whenever something in it changes."""

        async def work() -> None:
            emulator = self._running.emulator
            known = emulator.account.function(function)
            emulator.reloads.follow(known, emulator.pool(known), folder)

        self._running.do(work)

    def logs(self, function: str) -> list[str]:
        """The last lines that the function's instances printed."""

        async def work() -> list[str]:
            emulator = self._running.emulator
            return list(emulator.log(emulator.account.function(function).name))

        return self._running.do(work)

    def talk(self, request: bytes) -> bytes:
        """The answer to an HTTP/1.1 request in bytes, for tests that care about every one."""
        return self._running.talk(request)


class mock_fc:  # noqa: N801 -- reads as a function where it is used
    """A block or a decorator in which the SDKs talk to an emulator in this process.

    With credentials, signatures are verified. Not to be nested.
    """

    def __init__(
        self,
        *,
        region: str = REGION,
        account_id: str = ACCOUNT_ID,
        access_key_id: str = "",
        access_key_secret: str = "",
        instances_max: int = INSTANCES_MAX,
    ) -> None:
        credentials = Credentials(access_key_id, access_key_secret) if access_key_id else None
        self._make = partial(RunningEmulator, region, account_id, credentials, instances_max)
        self._exits = ExitStack()

    def __enter__(self) -> FcMock:
        with ExitStack() as exits:
            running = self._make()
            running.start()
            exits.callback(running.stop)
            exits.enter_context(intercepted(running))
            self._exits = exits.pop_all()
        return FcMock(running)

    def __exit__(self, *_error: object) -> None:
        self._exits.close()

    async def __aenter__(self) -> FcMock:
        return self.__enter__()

    async def __aexit__(self, *_error: object) -> None:
        self.__exit__()

    def __call__(self, test: _Test) -> _Test:
        """Run `test`, a function or a coroutine function, within such a block of its own."""
        if inspect.iscoroutinefunction(test):

            @wraps(test)
            async def run_async(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- the test's
                with self._fresh():
                    return await test(*arguments, **options)

            return run_async  # type: ignore[return-value]

        @wraps(test)
        def run(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 -- the test's own
            with self._fresh():
                return test(*arguments, **options)

        return run  # type: ignore[return-value]

    def _fresh(self) -> Self:
        """Another block like this one: a decorated test may run more than once."""
        fresh = type(self)()
        fresh._make = self._make
        return fresh
