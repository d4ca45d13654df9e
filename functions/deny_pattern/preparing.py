"""Prepares policies for deny-pattern: each rule compiled and held to its own examples.

`python -m functions.deny_pattern.preparing FOLDER`, as `functions.policy.preparing` says. It runs
when the function is packed, and as a child of the function when a folder of policies has changed.
"""

import sys

from functions.deny_pattern.compiled import ENGINE, compile_policy
from functions.policy import PolicySource
from functions.policy.preparing import main


def made(source: PolicySource, revision: str) -> bytes:
    """A policy's compiled rules, each tried. Raises `PolicyError`."""
    return compile_policy(source, revision).matcher.serialised


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], ENGINE, made))
