"""A sidecar on this machine: the mesh manifests turned into an Envoy bootstrap, and that Envoy.

    mesh/manifests/*.yaml ──load──▶ documents ──translate──▶ Mesh ──bootstrap──▶ dict ──▶ Envoy
                           values                           redirects, ports

What cannot be translated is an error with file and field, never dropped, so that what is tried here
is what gets applied.
"""

from mesh.sidecar.bootstrap import Ports, Redirect, bootstrap
from mesh.sidecar.documents import ManifestError, load
from mesh.sidecar.run import Sidecar, SidecarError
from mesh.sidecar.translate import Mesh, translate

__all__ = [
    "ManifestError",
    "Mesh",
    "Ports",
    "Redirect",
    "Sidecar",
    "SidecarError",
    "bootstrap",
    "load",
    "translate",
]
