"""What a find must be beyond its shape."""

import pytest

from functions.policy.validators import valid


@pytest.mark.parametrize(
    ("name", "text", "passes"),
    [
        ("luhn", "4111 1111-1111 1111", True),
        ("luhn", "4111111111111112", False),
        ("luhn", "00000000000000", False),
        ("luhn", "18", False),
        ("cn-resident-id", "11010519491231002X", True),
        ("cn-resident-id", "11010519491231002x", True),
        ("cn-resident-id", "110105194912310021", False),
        ("cn-resident-id", "110105 19491231 002X", True),
        ("cn-resident-id", "440307-19800115-0019", True),  # a county made after the birth
        ("cn-resident-id", "110294-20240115-0002", False),  # no such county
        ("cn-resident-id", "110294202401150002", True),
        ("cn-resident-id", "110105194902300029", False),
        ("iban", "DE89 3704 0044 0532 0130 00", True),
        ("iban", "DE88 3704 0044 0532 0130 00", False),
        ("us-ssn", "536-90-4390", True),
        ("us-ssn", "666-12-3456", False),
        ("entropy", "q8Zr2LmX0vKp4TnW", True),
        ("entropy", "correct-horse-battery", False),
        ("entropy", "aaaaaaaa1aaaaaaa", False),
    ],
)
def test_a_find_passes_or_not(name: str, text: str, passes: bool) -> None:
    assert valid(name, text) is passes
