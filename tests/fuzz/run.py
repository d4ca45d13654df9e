"""`python -m tests.fuzz.run TARGET ARGUMENTS…`: one process that fuzzes, started by `make fuzz`.

Only what reads messages is instrumented; atheris exists for Linux on x86-64.
"""

import importlib
import sys

import atheris

with atheris.instrument_imports(include=["functions.prompt"]):
    targets = importlib.import_module("tests.fuzz.targets")

if __name__ == "__main__":
    target, *arguments = sys.argv[1:]
    atheris.Setup([sys.argv[0], *arguments], targets.TARGETS[target])
    atheris.Fuzz()
