"""What runs in the mesh: the shim, its manifests, and a sidecar to try them in."""
