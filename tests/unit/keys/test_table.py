"""The table of keys: what it may hold, who gets which, and errors that name no key."""

import pytest

from functions.key_broker.table import TableError, key_set, parse

TABLE = """
dashscope.aliyuncs.com:
  - sk-one
  - {key: sk-team, workloads: [team-a/*, default/sleep]}
  - {key: sk-shop, workloads: [shop/cart-*]}
"*.openai.azure.com": [azure-key]
"""


def keys_of(workload: str, name: str = "dashscope.aliyuncs.com") -> tuple[str, ...]:
    found = parse(TABLE).hosts_for(workload, [name])
    return found[0].keys if found else ()


@pytest.mark.parametrize(
    ("workload", "keys"),
    [
        ("", ("sk-one",)),
        ("team-a/any", ("sk-one", "sk-team")),
        ("team-ab/any", ("sk-one",)),
        ("default/sleep", ("sk-one", "sk-team")),
        ("default/sleep-2", ("sk-one",)),
        ("shop/cart-1", ("sk-one", "sk-shop")),
        ("shop/cart", ("sk-one",)),
    ],
)
def test_a_workload_gets_the_keys_that_are_for_it(workload: str, keys: tuple[str, ...]) -> None:
    assert keys_of(workload) == keys


def test_hosts_come_in_the_order_of_the_call_and_only_where_there_are_keys() -> None:
    names = ["*.openai.azure.com", "api.unknown.test", "dashscope.aliyuncs.com"]
    found = parse(TABLE).hosts_for("", names)
    assert [each.name for each in found] == ["*.openai.azure.com", "dashscope.aliyuncs.com"]


def test_a_key_that_stands_twice_is_given_once_and_no_more_than_the_shim_takes() -> None:
    keys = ", ".join(f"sk-{number % 12}" for number in range(24))
    (host,) = parse(f"api.test: [{keys}]").hosts_for("", ["api.test"])
    assert host.keys == tuple(f"sk-{number}" for number in range(8))


def test_json_is_read_too() -> None:
    (host,) = parse('{"api.test": ["sk-one", {"key": "sk-two"}]}').hosts_for("", ["api.test"])
    assert host.keys == ("sk-one", "sk-two")


def test_the_version_changes_with_keys_and_their_order_and_hides_them() -> None:
    sets = ["api.test: [a, b]", "api.test: [b, a]", "api.test: [a]", "api2.test: [a, b]"]
    names = ["api.test", "api2.test"]
    versions = {key_set(parse(text).hosts_for("", names), b"k" * 32).version for text in sets}
    assert len(versions) == len(sets)
    other = key_set(parse(sets[0]).hosts_for("", names), b"o" * 32).version
    assert other not in versions


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must be a mapping of hosts to lists of keys"),
        ("[sk-hidden]", "must be a mapping of hosts to lists of keys"),
        ("{}", "must be a mapping of hosts to lists of keys"),
        ("api.test: [sk-hidden", "is neither YAML nor JSON from line 1 on"),
        ("api.test: sk-hidden", "api.test: Input should be a valid tuple"),
        ("api.test: []", "api.test: Tuple should have at least 1 item after validation, not 0"),
        ("api.test: ['sk hidden']", "api.test.0.key: String should match pattern"),
        ("api.test: [{key: sk, kye: sk-hidden}]", "api.test.0.…: Extra inputs are not permitted"),
        ("api.test: [{key: sk, workloads: [sk-hidden]}]", "api.test.0.workloads.0: String should"),
        ("api.test: [{key: sk, workloads: []}]", "api.test.0.workloads: Tuple should have at"),
        ("API.sk-hidden: [a]", "a host's name must be in lower case, without port"),
        ("sk-hidden:443: [a]", "a host's name must be in lower case, without port"),
        ("api.test: [2026-13-45, sk-hidden]", "is neither YAML nor JSON"),
        ("api.test: " + "[" * 10_000 + "sk-hidden", "is neither YAML nor JSON"),
        ("api.test: [sk-hidden]\napi.test: [b]", "has in line 2 a name that stands twice"),
        ("{? [api.test, sk-hidden] : [a]}", "has in line 1 a name that stands twice, or is none"),
        ("a.test: &k [sk-hidden]\nb.test: *k", "has an alias in line 2; write the keys out"),
        ("api.test: [!!python/object:sk-hidden.x {}]", "is neither YAML nor JSON from line 1 on"),
    ],
)
def test_a_faulty_table_is_refused_by_words_that_show_no_key(text: str, says: str) -> None:
    with pytest.raises(TableError) as refused:
        parse(text)
    assert str(refused.value).startswith(says)
    assert "hidden" not in str(refused.value)


def test_a_table_shows_no_key() -> None:
    table = parse(TABLE)
    shown = f"{table!r} {table} {table.hosts_for('team-a/x', ['dashscope.aliyuncs.com'])}"
    assert "sk-" not in shown
    assert "dashscope.aliyuncs.com" in shown
