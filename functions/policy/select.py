"""Which calls a policy is for.

a callout names a policy; of those that extend it and say `select`, the one that fits the call
and lies deepest is taken, then the one with the most kinds of selectors, then the first by name
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from functions.policy.model import Select


@dataclass(frozen=True, slots=True)
class Call:
    """What selectors look at. `model` is empty where the message names none."""

    authority: str
    path: str
    workload: str
    model: str = ""

    @property
    def host(self) -> str:
        """The authority's host as selectors see it: lower case, no port, no final dot."""
        return self.authority.lower().rpartition("@")[2].split(":")[0].rstrip(".")


def selects(select: Select, call: Call) -> bool:
    """Whether every kind of selector that is given fits `call`."""
    return (
        _fits(select.hosts, call.host)
        and _fits(select.paths, call.path.partition("?")[0], case=True)
        and _fits(select.models, call.model)
        and _fits(select.workloads, call.workload, case=True)
    )


def kinds(select: Select) -> int:
    """How many kinds of selectors are given."""
    return sum(map(bool, (select.hosts, select.paths, select.models, select.workloads)))


def _fits(globs: Sequence[str], value: str, *, case: bool = False) -> bool:
    return not globs or any(_compiled(glob, case).match(value) for glob in globs)


@lru_cache(maxsize=4096)
def _compiled(glob: str, case: bool) -> re.Pattern[str]:
    return re.compile(translate(glob), 0 if case else re.IGNORECASE)
