"""s.yaml is read as Serverless Devs reads it, or refused with the field named."""

from pathlib import Path

import pytest

from infra.deploy import DeploymentError, load

ROOT = Path(__file__).parents[3]
ENVIRONMENT = {
    "MESHWARD_SIGNING_SECRETS": "s" * 32,
    "MESHWARD_TRIGGER_JWKS": '{"keys":[]}',
    "MESHWARD_JUDGE_URL": "http://127.0.0.1:1/v1",
    "MESHWARD_JUDGE_MODEL": "a-model",
}


def test_the_repository_s_own_file_names_all_functions_with_their_triggers() -> None:
    deployment = load(ROOT / "s.yaml", ENVIRONMENT)

    assert deployment.region == "cn-hangzhou"
    names = [function.name for function in deployment.functions]
    assert names == ["deny-pattern", "llm-guard", "key-broker"]
    for function in deployment.functions:
        assert function.settings["runtime"] == "custom.debian12"
        assert function.settings["environmentVariables"]["MESHWARD_LISTEN"] == "0.0.0.0"
        assert function.triggers[0]["triggerConfig"]["authType"] == "jwt"
        assert function.triggers[0]["triggerConfig"]["authConfig"]["jwks"] == {"keys": []}
        assert function.instances_min == 1


def test_the_environment_wins_over_a_default() -> None:
    deployment = load(ROOT / "s.yaml", {**ENVIRONMENT, "MESHWARD_REGION": "cn-beijing"})

    assert deployment.region == "cn-beijing"


def test_a_variable_without_value_or_default_is_named() -> None:
    environment = {**ENVIRONMENT}
    del environment["MESHWARD_SIGNING_SECRETS"]

    with pytest.raises(DeploymentError, match=r"vars\.signingSecrets.*MESHWARD_SIGNING_SECRETS"):
        load(ROOT / "s.yaml", environment)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("edition: 3.0.0", "edition: 2.0.0", "edition must be 3.0.0"),
        ("component: fc3", "component: fc", r"resources\.deny-pattern\.component must be fc3"),
        ("timeout: 10\n", "timeOut: 10\n", r"resources\.deny-pattern\.props\.timeOut"),
        ("${vars.region}", "${vars.regoin}", r"\$\{vars\.regoin\} is not understood"),
        ("minInstances: ", "maxInstances: ", r"scalingConfig\.maxInstances"),
        ("functionName: deny-pattern", "functionName: ''", r"functionName is required"),
        ("triggerType: http", "kind: http", r"triggers\[0\]\.kind"),
        ("MESHWARD_LISTEN: ${vars.listen}", "MESHWARD_LISTEN: 1", "must be a string"),
        ("access: default", "access: ${env('A', 'b')}", "access is taken literally"),
        ("timeout: 10\n", "timeout: '10'\n", r"props\.timeout must be a whole number"),
        ("cpu: 0.5", "cpu: true", r"props\.cpu must be a number"),
        ("port: 9000", "ports: 9000", r"customRuntimeConfig\.ports is not understood"),
        ("methods: [POST]", "methods: POST", r"triggerConfig\.methods must be a list"),
        ("jwks: ${json(env('MESHWARD_TRIGGER_JWKS'))}", "jwks: '{}'", r"jwks must be a mapping"),
    ],
)
def test_what_is_not_understood_is_named_with_its_field(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    text = (ROOT / "s.yaml").read_text()
    assert before in text
    path = tmp_path / "s.yaml"
    path.write_text(text.replace(before, after))

    with pytest.raises(DeploymentError, match=said):
        load(path, ENVIRONMENT)


@pytest.mark.parametrize(
    ("text", "told"),
    [("a: [", r"s\.yaml:1: is not YAML"), ("a: 2026-13-45", r"s\.yaml: is not YAML")],
)
def test_what_is_not_yaml_is_told_so(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)

    with pytest.raises(DeploymentError, match=told):
        load(path, ENVIRONMENT)


def test_a_whole_value_may_be_json_from_the_environment() -> None:
    deployment = load(ROOT / "s.yaml", {**ENVIRONMENT, "MESHWARD_MIN_INSTANCES": "0"})

    assert {function.instances_min for function in deployment.functions} == {0}


def test_json_that_is_none_is_named_and_not_shown() -> None:
    environment = {**ENVIRONMENT, "MESHWARD_TRIGGER_JWKS": "{marked"}

    with pytest.raises(DeploymentError, match=r"jwks.*MESHWARD_TRIGGER_JWKS.*not JSON") as refused:
        load(ROOT / "s.yaml", environment)

    assert "marked" not in str(refused.value)
