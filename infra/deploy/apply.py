"""Applies a deployment to an endpoint of Function Compute, by the platform's own SDK.

    each function at once:   GET ─404─▶ create ─┐
                              └─200─▶ update ───┴▶ trigger ──▶ limit ──▶ minimum ──▶ until it runs

An update sends the package only where its checksum is another than that of what is deployed.
"""

import base64
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import fastcrc
from alibabacloud_fc20230330 import models as fc
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.models import Config
from darabonba.exceptions import DaraException
from darabonba.runtime import RuntimeOptions

from infra.deploy.errors import DeploymentError
from infra.deploy.syaml import Deployment, FunctionSpec

Progress = Callable[[str], None]
"""Told what is done, for people who wait."""

_LATEST: Final = "LATEST"
_START_SECONDS: Final = 180.0
_POLL_SECONDS_MIN: Final = 0.02
_POLL_SECONDS_MAX: Final = 2.0
_READ_MS: Final = 120_000
"""Of one request; a package may be large and the line slow."""


@dataclass(frozen=True, slots=True)
class DeployedFunction:
    """A function that has been applied, and the URL of its HTTP trigger."""

    name: str
    url: str

    @property
    def host(self) -> str:
        """The trigger's host name."""
        return urlsplit(self.url).hostname or ""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What an invocation came to. `error_type` is empty unless the function failed."""

    body: bytes
    error_type: str
    log: str


def client(endpoint: str, region: str, access_key_id: str, access_key_secret: str) -> Client:
    """An SDK client for `endpoint`, a URL such as http://127.0.0.1:9000."""
    parts = urlsplit(endpoint)
    config = Config(
        access_key_id=access_key_id,
        access_key_secret=access_key_secret,
        endpoint=parts.netloc,
        protocol=parts.scheme,
        region_id=region,
        read_timeout=_READ_MS,
    )
    return Client(config)


def apply(
    deployment: Deployment, sdk: Client, progress: Progress = lambda _line: None
) -> dict[str, DeployedFunction]:
    """Create or update every function of the deployment, until each one's minimum runs; by name.

    Raises `DeploymentError` for a function that does not come up, and the SDK's own exceptions,
    whose `code` and `message` are the platform's.
    """
    with ThreadPoolExecutor(max_workers=8) as workers:
        done = list(workers.map(lambda spec: _apply(spec, sdk, progress), deployment.functions))
    return {function.name: function for function in done}


def remove(deployment: Deployment, sdk: Client, progress: Progress = lambda _line: None) -> None:
    """Delete every function of the deployment and its triggers; what is not there is no error."""
    for spec in deployment.functions:
        with _absence_ignored():
            for trigger in sdk.list_triggers(spec.name, fc.ListTriggersRequest()).body.triggers:
                sdk.delete_trigger(spec.name, trigger.trigger_name)
            sdk.delete_function(spec.name)
            progress(f"{spec.name}: removed")


def invoke(name: str, payload: bytes, sdk: Client) -> Invocation:
    """Invoke a function by the API and wait for its answer."""
    answer = sdk.invoke_function_with_options(
        name,
        fc.InvokeFunctionRequest(body=payload, qualifier=_LATEST),
        fc.InvokeFunctionHeaders(x_fc_log_type="Tail"),
        RuntimeOptions(),
    )
    headers: dict[str, str] = answer.headers
    log = base64.b64decode(headers.get("x-fc-log-result", "")).decode("utf-8", "replace")
    return Invocation(answer.body.read(), headers.get("x-fc-error-type", ""), log)


def _apply(spec: FunctionSpec, sdk: Client, progress: Progress) -> DeployedFunction:
    archive = spec.code.read_bytes()
    known = _checksum(spec.name, sdk)
    settings = dict(spec.settings)
    if known != str(fastcrc.crc64.xz(archive)):
        settings["code"] = {"zipFile": base64.b64encode(archive).decode("ascii")}
    if known is None:
        create = fc.CreateFunctionInput().from_map(settings)
        sdk.create_function(fc.CreateFunctionRequest(body=create))
    else:
        update = fc.UpdateFunctionInput().from_map(settings)
        sdk.update_function(spec.name, fc.UpdateFunctionRequest(body=update))
    progress(f"{spec.name}: {'created' if known is None else 'updated'}")
    url = ""
    for trigger in spec.triggers:
        url = _apply_trigger(spec.name, trigger, sdk) or url
    _apply_limits(spec, sdk)
    if spec.instances_min:
        _wait_running(spec.name, sdk)
        progress(f"{spec.name}: running")
    return DeployedFunction(spec.name, url)


def _checksum(name: str, sdk: Client) -> str | None:
    """The checksum of what is deployed under that name, or None where nothing is."""
    found = None
    with _absence_ignored():
        found = sdk.get_function(name, fc.GetFunctionRequest()).body
    return str(found.code_checksum) if found else None


def _apply_trigger(function: str, trigger: dict[str, Any], sdk: Client) -> str:
    """The URL of the trigger, once it is as s.yaml has it."""
    name = trigger["triggerName"]
    # The API takes the trigger's configuration as a JSON string.
    fields = {**trigger, "triggerConfig": json.dumps(trigger["triggerConfig"])}
    body = None
    with _absence_ignored():
        sdk.get_trigger(function, name)
        update = fc.UpdateTriggerInput().from_map(fields)
        body = sdk.update_trigger(function, name, fc.UpdateTriggerRequest(body=update)).body
    if body is None:
        create = fc.CreateTriggerInput().from_map(fields)
        body = sdk.create_trigger(function, fc.CreateTriggerRequest(body=create)).body
    return str(body.http_trigger.url_internet) if body.http_trigger else ""


def _apply_limits(spec: FunctionSpec, sdk: Client) -> None:
    """The most and the least instances; without either, a configuration from before goes."""
    if spec.reserved_concurrency is not None:
        limit = fc.PutConcurrencyInput(reserved_concurrency=spec.reserved_concurrency)
        sdk.put_concurrency_config(spec.name, fc.PutConcurrencyConfigRequest(body=limit))
    else:
        with _absence_ignored():
            sdk.delete_concurrency_config(spec.name)
    if spec.instances_min:
        scaling = fc.PutScalingConfigInput(min_instances=spec.instances_min)
        request = fc.PutScalingConfigRequest(body=scaling, qualifier=_LATEST)
        sdk.put_scaling_config(spec.name, request)
    else:
        with _absence_ignored():
            request = fc.DeleteScalingConfigRequest(qualifier=_LATEST)
            sdk.delete_scaling_config(spec.name, request)


def _wait_running(name: str, sdk: Client) -> None:
    """Wait until the minimum runs, as the platform reports it."""
    end, pause = time.monotonic() + _START_SECONDS, _POLL_SECONDS_MIN
    while True:
        request = fc.GetScalingConfigRequest(qualifier=_LATEST)
        status = sdk.get_scaling_config(name, request).body
        if status.current_error:
            raise DeploymentError(f"{name} does not start: {status.current_error}")
        if status.current_instances is None or status.current_instances >= status.target_instances:
            return
        if time.monotonic() > end:
            what = f"{status.current_instances} of {status.target_instances} instances run"
            raise DeploymentError(f"{name}: {what} after {_START_SECONDS:.0f} s")
        time.sleep(pause)
        pause = min(pause * 1.5, _POLL_SECONDS_MAX)


@contextlib.contextmanager
def _absence_ignored() -> Iterator[None]:
    """End the block quietly at the first thing that does not exist."""
    try:
        yield
    except DaraException as error:
        if getattr(error, "status_code", None) != 404:
            raise
