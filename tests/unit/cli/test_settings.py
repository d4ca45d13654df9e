"""Settings: flag over environment over default, and nothing that nobody reads."""

from pathlib import Path

import pytest

from infra.cli.settings import Settings, SettingsError, for_llm_guard, origins, read


def test_a_flag_wins_over_the_environment_and_that_over_the_default() -> None:
    environment = {"MESHWARD_PORT": "81", "MESHWARD_EMULATOR_PORT": "82"}

    settings = read({"port": 83}, environment)

    assert (settings.port, settings.emulator_port, settings.body) == (83, 82, "portable")


def test_origins_say_where_a_value_comes_from_and_show_no_secret() -> None:
    rows = {row[0]: row[1:] for row in origins({"port": 83}, {"DASHSCOPE_API_KEY": "sk-secret"})}

    assert rows["port"] == ("83", "flag")
    assert rows["provider_key"] == ("set", "environment DASHSCOPE_API_KEY")
    assert rows["body"] == ("portable", "default")
    assert rows["judge_api_key"] == ("", "default")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"MESHWARD_BODDY": "hold"}, "did you mean MESHWARD_BODY"),
        ({"MESHWARD_PORT": "eighty"}, "MESHWARD_PORT is 'eighty'"),
        ({"MESHWARD_PORT": "65536"}, "0 to 65535"),
        ({"MESHWARD_BODY": "both"}, "portable, hold"),
        ({"MESHWARD_JUDGE_URL": "http://127.0.0.1"}, "MESHWARD_JUDGE_MODEL"),
        (
            {"MESHWARD_POLICY_DIR": "/nowhere"},
            "policy_dir is '/nowhere', and there is",
        ),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read({}, environment)


def test_secrets_are_kept_out_of_repr() -> None:
    settings = Settings(provider_key="sk-secret", judge_api_key="sk-other")

    assert "sk-" not in repr(settings)


def test_what_is_set_for_llm_guard_is_known_and_passed_on_as_s_yaml_says() -> None:
    environment = {"MESHWARD_JUDGE_HEDGE": "on", "MESHWARD_CACHE_URL": "redis://a", "HOME": "b"}
    read({}, environment)
    passed = for_llm_guard(environment)
    assert passed == {"MESHWARD_JUDGE_HEDGE": "on", "MESHWARD_CACHE_URL": "redis://a"}
    text = (Path(__file__).parents[3] / "s.yaml").read_text()
    assert [name for name in passed if f"env('{name}', '')" not in text] == []
