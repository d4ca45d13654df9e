"""The variables that an instance is started with: the platform's, and the function's own."""

import tempfile
from typing import TYPE_CHECKING

from infra.emulator.model import Configuration

if TYPE_CHECKING:
    from infra.emulator.instances import Instance


def environment(instance: "Instance") -> dict[str, str]:
    """All of an instance's variables. The credentials are good for nothing.

    Names: "Configure environment variables", help.aliyun.com/zh/functioncompute, 2026-04-15;
    FC_SERVICE_NAME: the page of Function Compute 2.0. FC_FUNC_CODE_PATH is where the code is here.
    """
    configuration, place = instance.configuration, instance.place
    return {
        **_of_layers(instance),
        "HOME": tempfile.gettempdir(),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PORT": str(instance.port),
        "FC_SERVER_PORT": str(instance.port),
        "FC_CUSTOM_LISTEN_PORT": str(instance.port),
        "FC_FUNC_CODE_PATH": f"{instance.code.folder}/",
        "FC_FUNCTION_NAME": configuration.plain_name,
        "FC_FUNCTION_HANDLER": configuration.handler,
        "FC_FUNCTION_MEMORY_SIZE": str(configuration.memory_mb),
        "FC_INSTANCE_ID": instance.id,
        "FC_REGION": place.region,
        "FC_ACCOUNT_ID": place.account_id,
        "FC_QUALIFIER": instance.version_id,
        "FC_VERSION_ID": instance.version_id,
        "FC_VER_ID": instance.version_id,
        "FC_FUNCTION_VERSION": instance.version_id,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "STS.emulator",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "emulator",
        "ALIBABA_CLOUD_SECURITY_TOKEN": "emulator",
        **_of_service(configuration),
        **_of_bootstrap(configuration),
        **dict(configuration.environment),
    }


def _of_layers(instance: "Instance") -> dict[str, str]:
    """Where programs, Python modules and libraries of layers are found.

    The platform lays them over one another below /opt, later ones on top; here each has its own
    folder, and the search goes from the last to the first.
    """
    folders = [code.folder for code in reversed(instance.layers)]
    programs = [str(folder / "bin") for folder in folders]
    found = {"PATH": ":".join((*programs, instance.place.path))}
    if folders:
        found["PYTHONPATH"] = ":".join(str(folder / "python") for folder in folders)
        found["LD_LIBRARY_PATH"] = ":".join(str(folder / "lib") for folder in folders)
    return found


def _of_service(configuration: Configuration) -> dict[str, str]:
    service = configuration.service_name
    return {"FC_SERVICE_NAME": service} if service else {}


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
