"""The made-up texts: the same from a seed, labelled as `eval` reads them, and no rule's own."""

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.cn import ric
from stdnum.fr import nir

from functions.policy.load import PACKS, load_pack
from infra.evaluation import Expectation, samples
from tests.bench.labelled_texts import main, texts
from tests.bench.labelled_values import PERSONAL


def test_a_seed_makes_the_same_texts_and_another_one_others() -> None:
    assert list(texts(1)) == list(texts(1))
    assert list(texts(1)) != list(texts(2))


def test_every_line_is_a_sample(tmp_path: Path) -> None:
    assert main([str(tmp_path), "1"]) == 0
    counts = Counter((each.expect, each.category) for each in samples(tmp_path / "texts.jsonl"))
    assert counts == {
        (Expectation.FIND, ("credential",)): 920,
        (Expectation.FIND, ("personal-data",)): 640,
        (Expectation.FIND, ("prompt-injection",)): 351,
        (Expectation.ALLOW, ()): 2057,
    }


@pytest.mark.parametrize(
    ("kind", "valid"),
    [
        ("Chinese resident id", lambda text: ric.get_birth_date(text) is not None),
        ("Chinese bank card", luhn.is_valid),
        ("payment card", luhn.is_valid),
        ("IBAN", iban.is_valid),
        ("French social number", nir.is_valid),
        ("Brazilian tax number", cpf.is_valid),
    ],
)
def test_made_up_numbers_have_their_check_digits(kind: str, valid: object) -> None:
    assert callable(valid)
    random = Random(3)
    for _ in range(200):
        assert valid(PERSONAL[kind](random).replace("-", "").replace(" ", ""))


def test_no_text_is_an_example_of_a_rule() -> None:
    written = "\n".join(json.dumps(line, ensure_ascii=False) for line in texts())
    shared = {
        example
        for path in PACKS.glob("*.yaml")
        for rule in load_pack(path, path.read_bytes())[0].values()
        for example in rule.examples.find
        if example in written
    }
    assert shared == {"-----BEGIN PRIVATE KEY-----"}  # A line of the format, and no value.
