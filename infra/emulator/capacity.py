"""How many instances the account may run, and what is left of that for one pool.

    account limit − what other functions run, or have reserved and do not run yet
                  − what this one runs itself, at all its versions

Source: help.aliyun.com/zh/functioncompute, "Limits": 100 instances of an account in a region,
reserved ones included (2025-12).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final, Protocol

INSTANCES_MAX: Final = 100


class User(Protocol):
    """What runs instances: a pool."""

    @property
    def function_name(self) -> str:
        """Whose they are: a function may have several pools, one for each version."""

    @property
    def running(self) -> int:
        """How many instances it has."""

    @property
    def reserved(self) -> int:
        """How many its function may always have."""


class Capacity:
    """The account's instances. `users` gives all that run any."""

    def __init__(self, users: Callable[[], Iterable[User]], most: int = INSTANCES_MAX) -> None:
        self._users = users
        self.most = most

    def left(self, user: User) -> int:
        """How many more instances `user` may start."""
        running: defaultdict[str, int] = defaultdict(int)
        reserved: dict[str, int] = {}
        for each in self._users():
            running[each.function_name] += each.running
            reserved[each.function_name] = each.reserved
        own = running.pop(user.function_name, 0)
        taken = sum(max(count, reserved[name]) for name, count in running.items())
        return self.most - taken - own

    def beside(self, user: User) -> int:
        """How many instances the other versions of its function run."""
        name = user.function_name
        return sum(e.running for e in self._users() if e.function_name == name and e is not user)
