"""Sources of keys: a table that was there once stays through every failure."""

# ruff: noqa: ASYNC240 -- files of a few bytes

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from functions.key_broker.kms import Kms
from functions.key_broker.settings import KmsSettings, read
from functions.key_broker.sources import Credentials, Fixed, Source, SourceError, WatchedFile
from functions.runtime.settings import SettingsError
from tests.support.fake_kms import ROLE, TOKEN, FakeKms, refused
from tests.support.upstream import respond

BROKEN_OFF = b"HTTP/1.1 503 Whatever\r\ntransfer-encoding: chunked\r\n\r\nno length\r\n"
CREDENTIALS = Credentials(ROLE.access_key_id, ROLE.access_key_secret, TOKEN)


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def keys_of(source: Source, credentials: Credentials | None = None) -> tuple[str, ...]:
    (host,) = (await source.table(credentials)).hosts_for("", ["api.test"])
    return host.keys


async def test_a_fixed_table_is_what_it_was_made_of() -> None:
    assert await keys_of(Fixed("api.test: [sk-one]")) == ("sk-one",)


class TestWatchedFile:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "keys.yaml"
        path.write_text("api.test: [sk-one]")
        return path

    async def test_a_changed_file_is_read_again(
        self, path: Path, told: list[str], clock: Clock
    ) -> None:
        source = WatchedFile(path, told.append, clock)
        path.write_text("api.test: [sk-two, sk-one]")
        assert await keys_of(source) == ("sk-one",)  # not looked at every time
        clock.now += 1
        assert await keys_of(source) == ("sk-two", "sk-one")
        assert told == []

    async def test_a_file_that_is_replaced_is_read_again(
        self, path: Path, told: list[str], clock: Clock
    ) -> None:
        source = WatchedFile(path, told.append, clock)
        stat = path.stat()
        fresh = path.with_name("fresh")
        fresh.write_text("api.test: [sk-two]")
        os.utime(fresh, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # size and time as before
        fresh.replace(path)
        clock.now += 1
        assert await keys_of(source) == ("sk-two",)

    async def test_a_faulty_file_changes_nothing_and_is_told_of_once(
        self, path: Path, told: list[str], clock: Clock
    ) -> None:
        source = WatchedFile(path, told.append, clock)
        for text in ("api.test: [sk-hidden", "api.test: [sk-hidden,"):
            path.write_text(text)
            clock.now += 1
            assert await keys_of(source) == ("sk-one",)
        path.unlink()
        for _ in range(3):
            clock.now += 1
            assert await keys_of(source) == ("sk-one",)
        assert told == [
            f"{path}: is neither YAML nor JSON from line 1 on",
            f"{path}: cannot be read: No such file or directory",
        ]
        path.write_text("api.test: [sk-two]")
        clock.now += 1
        assert await keys_of(source) == ("sk-two",)

    @pytest.mark.parametrize("text", [None, "api.test: []", "\xff"])
    def test_without_a_first_table_there_is_no_source(
        self, tmp_path: Path, told: list[str], text: str | None
    ) -> None:
        path = tmp_path / "keys.yaml"
        if text is not None:
            path.write_text(text, encoding="latin-1")
        with pytest.raises(SourceError, match=r"keys\.yaml: "):
            WatchedFile(path, told.append)


class TestKms:
    @pytest.fixture
    def kms(self) -> Iterator[FakeKms]:
        with FakeKms({"provider-keys": "api.test: [sk-one]"}) as kms:
            yield kms

    def source(
        self, kms: FakeKms, told: list[str], clock: Clock, name: str = "provider-keys"
    ) -> Kms:
        settings = KmsSettings(name, "http", f"127.0.0.1:{kms.port}", 30)
        return Kms(settings, told.append, clock)

    async def test_a_secret_is_read_with_the_roles_credentials_and_believed_for_a_while(
        self, kms: FakeKms, told: list[str], clock: Clock
    ) -> None:
        source = self.source(kms, told, clock)
        assert await keys_of(source, CREDENTIALS) == ("sk-one",)
        kms.secrets["provider-keys"] = "api.test: [sk-two]"
        clock.now += 29
        assert await keys_of(source, CREDENTIALS) == ("sk-one",)
        clock.now += 1
        assert await keys_of(source, CREDENTIALS) == ("sk-two",)
        assert (len(kms.requests), told) == (2, [])

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            (Credentials(ROLE.access_key_id, "another", TOKEN), "SignatureNotMatch"),
            (Credentials("STS.other", ROLE.access_key_secret, TOKEN), "InvalidAccessKeyID"),
            (
                Credentials(ROLE.access_key_id, ROLE.access_key_secret, "another"),
                "InvalidSecurityToken",
            ),
        ],
    )
    async def test_what_kms_refuses_is_told_by_its_code_alone(
        self, kms: FakeKms, told: list[str], clock: Clock, wrong: Credentials, code: str
    ) -> None:
        source = self.source(kms, told, clock)
        with pytest.raises(SourceError, match="the secret provider-keys has not been read yet"):
            await source.table(wrong)
        assert told == [f"the secret provider-keys: KMS refuses it: {code}"]
        clock.now += 5
        assert await keys_of(source, CREDENTIALS) == ("sk-one",)

    @pytest.mark.parametrize(
        "trouble", ["status", "broken off", "gone", "faulty", "no credentials"]
    )
    async def test_a_table_stays_while_kms_fails_and_it_is_not_asked_all_the_time(
        self, kms: FakeKms, told: list[str], clock: Clock, trouble: str
    ) -> None:
        source = self.source(kms, told, clock)
        await source.table(CREDENTIALS)
        match trouble:
            case "status":
                kms.failing = refused(503)
            case "broken off":
                kms.failing = BROKEN_OFF
            case "gone":
                kms.close()
            case "faulty":
                kms.secrets["provider-keys"] = "api.test: [sk hidden]"
        clock.now += 30
        credentials = None if trouble == "no credentials" else CREDENTIALS
        for _ in range(3):
            assert await keys_of(source, credentials) == ("sk-one",)
        assert len(told) == 1
        assert "hidden" not in told[0]

    async def test_the_roles_token_goes_nowhere_else(
        self, kms: FakeKms, told: list[str], clock: Clock
    ) -> None:
        with FakeKms({"provider-keys": "api.test: [sk-of-another]"}) as other:
            kms.failing = respond(status=307, headers=(("location", f"{other.url}/"),))
            with pytest.raises(SourceError):
                await self.source(kms, told, clock).table(CREDENTIALS)
            assert other.connections == []
        assert told == ["the secret provider-keys: KMS refuses it: 307"]

    async def test_a_secret_that_is_not_there_is_named(
        self, kms: FakeKms, told: list[str], clock: Clock
    ) -> None:
        with pytest.raises(SourceError):
            await self.source(kms, told, clock, "another").table(CREDENTIALS)
        assert told == ["the secret another: KMS refuses it: Forbidden.ResourceNotFound"]


class TestSettings:
    @pytest.mark.parametrize(
        ("environment", "says"),
        [
            ({}, "no source of keys is set; set exactly one of MESHWARD_KEYS,"),
            ({"MESHWARD_KEYS": ""}, "no source of keys is set"),
            (
                {"MESHWARD_KEYS": "x", "MESHWARD_KEYS_FILE": "y"},
                "MESHWARD_KEYS and MESHWARD_KEYS_FILE are set; set exactly one of",
            ),
            ({"MESHWARD_KEYS_FIEL": "x"}, "did you mean MESHWARD_KEYS_FILE?"),
            ({"MESHWARD_KEYS_KMS_SECRET": "x"}, "MESHWARD_KEYS_KMS_ENDPOINT must be set where"),
            (
                {"MESHWARD_KEYS_KMS_SECRET": "x", "MESHWARD_KEYS_KMS_ENDPOINT": "http://kms.test"},
                "is 'http://kms.test'; it must be spoken TLS to",
            ),
            (
                {
                    "MESHWARD_KEYS_KMS_SECRET": "x",
                    "MESHWARD_KEYS_KMS_ENDPOINT": "http://127.0.0.1.example.com",
                },
                "it must be spoken TLS to",
            ),
            (
                {
                    "MESHWARD_KEYS_KMS_SECRET": "x",
                    "MESHWARD_KEYS_KMS_ENDPOINT": "http://localhost:80@example.com",
                },
                "it must be spoken TLS to",
            ),
            (
                {
                    "MESHWARD_KEYS_KMS_SECRET": "x",
                    "FC_REGION": "cn-hangzhou",
                    "MESHWARD_KEYS_KMS_SECONDS": "-1",
                },
                "MESHWARD_KEYS_KMS_SECONDS is '-1'; it must be a whole number up to 3600",
            ),
        ],
    )
    def test_settings_that_cannot_be_used_say_what_to_do(
        self, environment: dict[str, str], says: str
    ) -> None:
        with pytest.raises(SettingsError) as refused:
            read(environment)
        assert says in str(refused.value)

    def test_kms_is_asked_in_the_functions_region_unless_told_otherwise(self) -> None:
        environment = {"MESHWARD_KEYS_KMS_SECRET": "x", "FC_REGION": "cn-hangzhou"}
        assert read(environment).kms == KmsSettings(
            "x", "https", "kms.cn-hangzhou.aliyuncs.com", 30
        )
        environment["MESHWARD_KEYS_KMS_ENDPOINT"] = "kms-vpc.cn-beijing.aliyuncs.com"
        environment["MESHWARD_KEYS_KMS_SECONDS"] = "0"
        assert read(environment).kms == KmsSettings(
            "x", "https", "kms-vpc.cn-beijing.aliyuncs.com", 0
        )
