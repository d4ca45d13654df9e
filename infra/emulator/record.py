"""Tells whoever keeps the account of its changes, before they are acknowledged.

    change in place ──▶ told ──▶ kept                          acknowledged
                          └─ the disk is full ──▶ undone       refused, and as it was before

What is in memory is what is on disk: new and deleted things are told of first, and taken in or
dropped only then.
"""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from infra.emulator.errors import FcError
from infra.emulator.model import Function, Service, Version
from infra.emulator.model.packages import Packages

Changed = Callable[[str, str, object], None]
"""Told of everything that changes: its kind, its key, and what it is now (None: gone)."""


def _nobody(_kind: str, _key: str, _value: object) -> None:
    """Nothing is kept."""


class Record:
    """The account's side of what is kept; nobody keeps anything until both have been set."""

    def __init__(self, packages: Packages) -> None:
        self._packages = packages
        self.told: Changed = _nobody
        self.kept: Callable[[str, str], Any] = lambda _kind, _key: None
        """By kind and key: what was told of last."""

    def keep(self, kind: str, key: str, thing: Function | Service) -> None:
        """Tell of a thing that has changed in place, and take the change back if that fails."""
        try:
            self.told(kind, key, thing)
        except FcError:
            if (known := self.kept(kind, key)) is not None:
                if isinstance(known, Function):
                    self.locate(known)
                _become(thing, known)
            raise

    def locate(self, function: Function) -> None:
        """Let a function that was kept know where its code is now."""
        for version in (function.latest, *function.versions.values()):
            version.code = self._packages.found(version.code)
            version.layers = tuple(map(self._packages.found, version.layers))


def _become(thing: Function | Service | Version, known: Function | Service | Version) -> None:
    """Make a thing what it was, in place: its instances and whoever runs them hold on to it."""
    if isinstance(thing, Function) and isinstance(known, Function):
        _become(thing.latest, known.latest)
        known.latest = thing.latest
        for version_id in thing.versions.keys() & known.versions.keys():
            known.versions[version_id] = thing.versions[version_id]
    for each in fields(thing):
        setattr(thing, each.name, getattr(known, each.name))
