"""How many instances the account may run, and what is left of that for one function.

    account limit − what others run, or have reserved and do not run yet − what it runs itself

Source: help.aliyun.com/zh/functioncompute, "Limits": 100 instances of an account in a region,
reserved ones included (2025-12).
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

INSTANCES_MAX: Final = 100


class User(Protocol):
    """What runs instances: a pool."""

    @property
    def running(self) -> int:
        """How many instances it has."""

    @property
    def reserved(self) -> int:
        """How many it may always have."""


class Capacity:
    """The account's instances. `users` gives all that run any."""

    def __init__(self, users: Callable[[], Iterable[User]], most: int = INSTANCES_MAX) -> None:
        self._users = users
        self.most = most

    def left(self, user: User) -> int:
        """How many more instances `user` may start."""
        others = (each for each in self._users() if each is not user)
        taken = sum(max(each.running, each.reserved) for each in others)
        return self.most - taken - user.running
