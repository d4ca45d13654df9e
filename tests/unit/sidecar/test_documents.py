"""Placeholders are filled inside strings, whatever the values hold; mistakes are named."""

import json
from pathlib import Path

import pytest
import yaml

from mesh.sidecar import ManifestError, dump, load, placeholders

ODD = 'a "quoted" \\ value\nof: two lines # and {more}'


def folder_with(tmp_path: Path, text: str) -> Path:
    (tmp_path / "some.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def resource(spec: str) -> str:
    return f"kind: Thing\nmetadata:\n  name: it\nspec:\n{spec}"


def test_a_value_can_hold_anything_and_changes_nothing_around_it(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, resource("  plain: before ${NAME} after\n  list: ['${NAME}']\n"))

    (document,) = load([folder], {"NAME": ODD})

    assert document.content["spec"] == {"plain": f"before {ODD} after", "list": [ODD]}


def test_a_value_within_json_within_a_string_is_escaped_at_every_depth(tmp_path: Path) -> None:
    inner = json.dumps({"key": "${NAME}"})
    outer = json.dumps({"key": "Bearer ${NAME}", "inner": inner})
    folder = folder_with(tmp_path, resource(f"  value: {json.dumps(outer)}\n"))

    (document,) = load([folder], {"NAME": ODD})

    filled = json.loads(document.content["spec"]["value"])
    assert filled["key"] == f"Bearer {ODD}"
    assert json.loads(filled["inner"]) == {"key": ODD}


def test_json_without_a_placeholder_stays_as_it_is(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, resource("""  value: '{"a":  1}'\n"""))

    (document,) = load([folder], {})

    assert document.content["spec"]["value"] == '{"a":  1}'


def test_a_value_is_not_filled_in_again(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, resource("  value: ${NAME}\n"))

    (document,) = load([folder], {"NAME": "${OTHER}"})

    assert document.content["spec"]["value"] == "${OTHER}"


def test_the_filled_documents_are_printed_as_yaml_that_reads_the_same(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, resource("  value: ${NAME}\n") + "---\nkind: Other\n")

    documents = load([folder], {"NAME": ODD})

    assert list(yaml.safe_load_all(dump(documents))) == [each.content for each in documents]


def test_placeholders_are_known_before_they_are_filled(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, resource("""  a: ${ONE}${TWO}\n  b: '{"c": "${THREE}"}'\n"""))

    assert placeholders([folder]) == {"ONE", "TWO", "THREE"}


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        (
            resource("  a:\n    - ${NAME}\n"),
            {},
            "some.yaml: Thing/it: spec.a[0]: ${NAME} has no value; set NAME",
        ),
        (
            resource("  a: ${NAME}\n"),
            {"NAME": "", "NAMED": "", "EVEN": ""},
            "no manifest holds a placeholder for EVEN, NAMED; was it misspelt?",
        ),
        (
            resource("  a: ${name}\n"),
            {},
            "some.yaml: Thing/it: spec.a: a placeholder reads ${NAME}, in capitals",
        ),
        (
            resource("  a: ${NAME\n"),
            {},
            "some.yaml: Thing/it: spec.a: a placeholder reads ${NAME}, in capitals",
        ),
        (
            resource("  ${NAME}: a\n"),
            {},
            "some.yaml: Thing/it: spec: a field's name holds a placeholder",
        ),
        (
            resource("""  a: '{"b": ${NAME}}'\n"""),
            {"NAME": "1"},
            "some.yaml: Thing/it: spec.a: begins like JSON and is none (line 1, column 7)",
        ),
        ("- a\n", {}, "some.yaml: a document must be a mapping with kind and metadata"),
    ],
)
def test_what_cannot_be_filled_is_named(
    tmp_path: Path, text: str, values: dict[str, str], message: str
) -> None:
    folder = folder_with(tmp_path, text)

    with pytest.raises(ManifestError) as refused:
        load([folder], values)

    assert str(refused.value) == message


def test_a_key_that_stands_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "kind: Thing\nmetadata:\n  name: it\nkind: Other\n")

    with pytest.raises(ManifestError, match=r"some\.yaml:4: .*key 'kind' stands twice"):
        load([folder], {})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("kind: [\n", r"some\.yaml:2: not YAML: "),
        ("keys: [sk-hidden\n", r"some\.yaml:2: not YAML: "),
        ("kind: 2026-13-45\n", r"some\.yaml: not YAML in UTF-8"),
        ("kind: \x07\n", r"some\.yaml: not YAML in UTF-8"),
    ],
)
def test_what_is_not_yaml_is_refused_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    folder = folder_with(tmp_path, text)

    with pytest.raises(ManifestError, match=told) as refused:
        load([folder], {})
    assert "hidden" not in str(refused.value)


def test_a_folder_without_manifests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"no \*\.yaml files here"):
        load([tmp_path], {})
