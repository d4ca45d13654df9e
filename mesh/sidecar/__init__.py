"""A sidecar on this machine: the mesh manifests turned into an Envoy bootstrap, and that Envoy.

    mesh/manifests/*.yaml ──load──▶ documents ──translate──▶ Mesh ──bootstrap──▶ dict ──▶ Envoy
                           values                           redirects, ports

What cannot be translated is an error with file and field, never dropped, so that what is tried here
is what gets applied. From the command line: `python -m mesh.sidecar --help`.
"""

from mesh.sidecar.bootstrap import Ports, Redirect, bootstrap
from mesh.sidecar.documents import Document, dump, load, placeholders
from mesh.sidecar.fields import ManifestError
from mesh.sidecar.model import Mesh
from mesh.sidecar.run import Sidecar, SidecarError
from mesh.sidecar.translate import translate

__all__ = [
    "Document",
    "ManifestError",
    "Mesh",
    "Ports",
    "Redirect",
    "Sidecar",
    "SidecarError",
    "bootstrap",
    "dump",
    "load",
    "placeholders",
    "translate",
]
