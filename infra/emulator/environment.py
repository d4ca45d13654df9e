"""The variables that an instance is started with: the platform's, and the function's own."""

import tempfile
from typing import TYPE_CHECKING

from infra.emulator.model import Configuration

if TYPE_CHECKING:
    from infra.emulator.instances import Instance


def environment(instance: "Instance") -> dict[str, str]:
    """All of an instance's variables. The credentials are good for nothing.

    Names: "Environment variables", help.aliyun.com/zh/functioncompute, 2026-04.
    """
    configuration, place = instance.configuration, instance.place
    return {
        "PATH": place.path,
        "HOME": tempfile.gettempdir(),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PORT": str(instance.port),
        "FC_SERVER_PORT": str(instance.port),
        "FC_FUNCTION_NAME": configuration.name,
        "FC_FUNCTION_HANDLER": configuration.handler,
        "FC_FUNCTION_MEMORY_SIZE": str(configuration.memory_mb),
        "FC_INSTANCE_ID": instance.id,
        "FC_REGION": place.region,
        "FC_ACCOUNT_ID": place.account_id,
        "FC_QUALIFIER": "LATEST",
        "FC_VERSION_ID": "LATEST",
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "STS.emulator",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "emulator",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "emulator",
        **_of_bootstrap(configuration),
        **dict(configuration.environment),
    }


def _of_bootstrap(configuration: Configuration) -> dict[str, str]:
    """What runtimes/bootstrap.py is told besides."""
    if not configuration.is_event_function:
        return {}
    return {
        "FC_RUNTIME": configuration.runtime,
        "FC_INITIALIZER": configuration.initialize_handler,
        "FC_PRE_STOP": configuration.pre_stop_handler,
        "FC_FUNCTION_TIMEOUT": str(configuration.timeout_seconds),
    }
