"""Benches: speed as ratios, each pair measured in one run against a named baseline.

    make bench                  all of them
    make bench ONLY=shim        those whose name contains "shim"

A bench is a module `bench_<area>.py` with `def bench(report: Report) -> None`. It prints nothing
itself: it adds rows to the report, and says why where it has to leave one out.
"""
