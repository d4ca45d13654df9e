"""Identities that the platform gives: random, or the same in every run from the same seed.

Not from the system's source of randomness: a read of it for every call costs as much as the rest,
and nothing here is a secret.
"""

import random


class Ids:
    """Makes identities from `chance`."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def request(self) -> str:
        """The id of a request or a thing, in the form of a UUID (version 4)."""
        text = f"{self._chance.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def instance(self) -> str:
        """The id of an instance."""
        text = f"{self._chance.getrandbits(80):020x}"
        return f"c-{text[:8]}-{text[8:]}"
