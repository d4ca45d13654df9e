"""Which policy a call is judged by, where several could."""

from pathlib import Path

import pytest

from functions.policy import Policies
from functions.policy.model import Select
from functions.policy.select import Call, selects
from functions.verdict import Callout, Phase

RULELESS = "policy: {name}\ndescription: a policy for tests\n"
CALL = Call(authority="API.Example.com:443", path="/v1/chat?x=1", workload="shop/web", model="qwen")


def callout(
    authority: str = "api.example.com", workload: str = "shop/web", policy: str = "base"
) -> Callout:
    return Callout(
        phase=Phase.REQUEST,
        policy=policy,
        authority=authority,
        path="/v1/chat",
        method="POST",
        deadline_ms=1000,
        workload=workload,
    )


@pytest.fixture
def chosen(tmp_path: Path) -> "Chooser":
    return Chooser(tmp_path)


class Chooser:
    """Policies in a folder, to choose from by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str, *lines: str) -> None:
        text = RULELESS.format(name=name) + "".join(line + "\n" for line in lines)
        (self.folder / f"{name}.yaml").write_text(text, encoding="utf-8")

    def __call__(self, call: Callout, model: str = "") -> str | None:
        policies = Policies(self.folder, lambda made: made.source.policy.policy, "engine 1")
        policies.reload()
        return policies.choose(call, lambda: model)


@pytest.mark.parametrize(
    ("select", "fits"),
    [
        (Select(hosts=("*.example.com",)), True),
        (Select(hosts=("api.example.com",)), True),
        (Select(hosts=("example.com",)), False),
        (Select(paths=("/v1/*",)), True),
        (Select(paths=("/V1/*",)), False),
        (Select(paths=("*x=1",)), False),
        (Select(models=("QWEN*",)), True),
        (Select(models=("gpt-*", "qwe?")), True),
        (Select(models=("gpt-*",)), False),
        (Select(workloads=("shop/*",)), True),
        (Select(workloads=("Shop/*",)), False),
        (Select(hosts=("*",), workloads=("bank/*",)), False),
    ],
)
def test_every_kind_of_selector_that_is_given_must_fit(select: Select, fits: bool) -> None:
    assert selects(select, CALL) is fits


def test_the_named_policy_is_taken_where_nobody_extends_it(chosen: Chooser) -> None:
    chosen.add("base")
    chosen.add("other", "select: {workloads: ['*']}")
    assert chosen(callout()) == "base"


def test_one_that_extends_it_and_fits_is_taken_instead(chosen: Chooser) -> None:
    chosen.add("base")
    chosen.add("shop", "extends: base", "select: {workloads: ['shop/*']}")
    assert chosen(callout()) == "shop"
    assert chosen(callout(workload="bank/web")) == "base"


def test_the_deeper_one_wins_and_then_the_more_specific_one(chosen: Chooser) -> None:
    chosen.add("base")
    chosen.add("shop", "extends: base", "select: {workloads: ['shop/*'], hosts: ['*']}")
    chosen.add("web", "extends: shop", "select: {workloads: ['shop/web']}")
    chosen.add("all", "extends: base", "select: {workloads: ['*']}")
    assert chosen(callout()) == "web"
    assert chosen(callout(workload="shop/db")) == "shop"
    assert chosen(callout(workload="bank/web")) == "all"


def test_the_model_of_the_message_selects(chosen: Chooser) -> None:
    chosen.add("base")
    chosen.add("large", "extends: base", "select: {models: ['*-max']}")
    assert chosen(callout(), model="qwen-max") == "large"
    assert chosen(callout(), model="qwen-turbo") == "base"


def test_a_named_policy_whose_selectors_do_not_fit_is_none(chosen: Chooser) -> None:
    chosen.add("base", "select: {hosts: [api.example.com]}")
    assert chosen(callout()) == "base"
    assert chosen(callout(authority="elsewhere.example")) is None
    assert chosen(callout(policy="missing")) is None
