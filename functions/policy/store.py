"""The policies of one folder, by name, each made into what its check needs.

    folder ──▶ every *.yaml ──make──▶ in force     one bad file: nothing changes, the error is told

Swapped whole: a call sees the old policies or the new ones, never some of each.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from functions.policy.load import PolicyError, load
from functions.policy.model import PolicyFile

Compiled = TypeVar("Compiled")

_REVISION_DIGITS = 12


class Policies(Generic[Compiled]):
    """All policies of `folder`, made by `make(policy, revision)`."""

    def __init__(self, folder: Path, make: Callable[[PolicyFile, str], Compiled]) -> None:
        self._folder = folder
        self._make = make
        self._in_force: dict[str, Compiled] = {}

    def reload(self) -> None:
        """Read all policies anew. On `PolicyError` those in force stay."""
        fresh: dict[str, Compiled] = {}
        paths = sorted(self._folder.glob("*.yaml"))
        if not paths:
            raise PolicyError(f"{self._folder}: holds no policy (*.yaml)")
        for path in paths:
            policy, digest = load(path)
            if policy.policy != path.stem:
                raise PolicyError(
                    f"{path.name}: holds the policy {policy.policy}; names must agree"
                )
            fresh[policy.policy] = self._make(policy, digest[:_REVISION_DIGITS])
        self._in_force = fresh

    def get(self, name: str) -> Compiled | None:
        """The policy of that name, if there is one."""
        return self._in_force.get(name)

    def names(self) -> list[str]:
        """The names of the policies in force."""
        return sorted(self._in_force)
