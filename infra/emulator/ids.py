"""Identities that the platform gives: random, or the same in every run from the same seed.

Not from the system's source of randomness: a read of it for every call costs as much as the rest,
and nothing here is a secret.
"""

import random


class Ids:
    """Makes identities; `seed` None takes a fresh start."""

    def __init__(self, seed: int | str | None = None) -> None:
        self._random = random.Random(seed)  # noqa: S311 -- identities, not secrets

    def request(self) -> str:
        """The id of a request, in the form of a UUID (version 4)."""
        text = f"{self._random.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def instance(self) -> str:
        """The id of an instance."""
        text = f"{self._random.getrandbits(80):020x}"
        return f"c-{text[:8]}-{text[8:]}"
