"""Applies a deployment to an endpoint of Function Compute, by the platform's own SDK.

for each function: GET ─404─▶ create │ ─200─▶ update; then its trigger; then its minimum
"""

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

from alibabacloud_fc20230330 import models as fc
from alibabacloud_fc20230330.client import Client
from alibabacloud_tea_openapi.models import Config
from darabonba.exceptions import DaraException

from infra.deploy.syaml import Deployment, FunctionSpec


@dataclass(frozen=True, slots=True)
class DeployedFunction:
    """A function that has been applied, and the host of its HTTP trigger."""

    name: str
    url: str

    @property
    def host(self) -> str:
        """The trigger's host name."""
        return urlsplit(self.url).hostname or ""


def client(endpoint: str, region: str, access_key_id: str, access_key_secret: str) -> Client:
    """An SDK client for `endpoint`, a URL such as http://127.0.0.1:9000."""
    parts = urlsplit(endpoint)
    config = Config(
        access_key_id=access_key_id,
        access_key_secret=access_key_secret,
        endpoint=parts.netloc,
        protocol=parts.scheme,
        region_id=region,
    )
    return Client(config)


def apply(
    deployment: Deployment,
    sdk: Client,
    progress: Callable[[str], None] = lambda _line: None,
) -> dict[str, DeployedFunction]:
    """Create or update every function of the deployment; by name, with their trigger's URL.

    Raises the SDK's own exceptions, whose `code` and `message` are the platform's.
    """
    with ThreadPoolExecutor(max_workers=4) as workers:
        done = list(workers.map(lambda spec: _apply(spec, sdk), deployment.functions))
    for function in done:
        progress(f"deployed {function.name}")
    return {function.name: function for function in done}


def _apply(spec: FunctionSpec, sdk: Client) -> DeployedFunction:
    archive = base64.b64encode(spec.code.read_bytes()).decode("ascii")
    settings = {**spec.settings, "code": {"zipFile": archive}}
    if _exists(lambda: sdk.get_function(spec.name, fc.GetFunctionRequest())):
        update = fc.UpdateFunctionInput().from_map(settings)
        sdk.update_function(spec.name, fc.UpdateFunctionRequest(body=update))
    else:
        create = fc.CreateFunctionInput().from_map(settings)
        sdk.create_function(fc.CreateFunctionRequest(body=create))
    url = ""
    for trigger in spec.triggers:
        url = _apply_trigger(spec.name, trigger, sdk) or url
    scaling = fc.PutScalingConfigInput(min_instances=spec.instances_min)
    sdk.put_scaling_config(spec.name, fc.PutScalingConfigRequest(body=scaling, qualifier="LATEST"))
    return DeployedFunction(spec.name, url)


def _apply_trigger(function: str, trigger: dict[str, object], sdk: Client) -> str:
    name = str(trigger["triggerName"])
    # The API takes the trigger's configuration as a JSON string.
    fields = {**trigger, "triggerConfig": json.dumps(trigger["triggerConfig"])}
    if _exists(lambda: sdk.get_trigger(function, name)):
        update = fc.UpdateTriggerInput().from_map(fields)
        body = sdk.update_trigger(function, name, fc.UpdateTriggerRequest(body=update)).body
    else:
        create = fc.CreateTriggerInput().from_map(fields)
        body = sdk.create_trigger(function, fc.CreateTriggerRequest(body=create)).body
    return str(body.http_trigger.url_internet) if body.http_trigger else ""


def _exists(get: Callable[[], object]) -> bool:
    try:
        get()
    except DaraException as error:
        if getattr(error, "status_code", None) == 404:
            return False
        raise
    return True
