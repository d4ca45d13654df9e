"""The policies of the checks' tests, for the judge's."""

from tests.unit.checks.conftest import edited

__all__ = ["edited"]
