"""Fuzzing by coverage, with atheris: `make fuzz`, time-bounded; `make fuzz ONLY=edit SECONDS=600`.

Each target takes bytes and raises where a promise is broken. The vectors and the evasions seed the
corpus; what is found is written to build/fuzz/. tests/fuzz/test_targets.py runs all of them over
the seeds, so that they cannot rot.
"""
