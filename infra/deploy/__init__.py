"""Ships the functions that s.yaml names: read, package, apply.

    s.yaml ──load──▶ Deployment ──package──▶ zip ──apply──▶ endpoint (emulator or cloud), by the SDK
                     └ what it does not understand is an error with its field

`s deploy` does the same against the cloud; this door serves the local stack and the tests.
"""

from infra.deploy.apply import DeployedFunction, Invocation, apply, client, invoke, remove
from infra.deploy.errors import DeploymentError, PackageError
from infra.deploy.logs import follow, logs
from infra.deploy.package import Target, package
from infra.deploy.syaml import Deployment, FunctionSpec, load
from infra.deploy.tokens import TriggerAccess, mint

__all__ = [
    "DeployedFunction",
    "Deployment",
    "DeploymentError",
    "FunctionSpec",
    "Invocation",
    "PackageError",
    "Target",
    "TriggerAccess",
    "apply",
    "client",
    "follow",
    "invoke",
    "load",
    "logs",
    "mint",
    "package",
    "remove",
]
