"""A certificate authority for one run of the local stack.

    authority.pem ◀── trusted by the sidecar for redirected hosts only
         │ signs
         └── <name>.pem, <name>.key ── for the stand-in provider and the emulator

It lives in a private folder that goes with the run; nothing else on the machine trusts it.
"""

from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """Paths of a PEM certificate chain and of its private key (mode 0600)."""

    chain: Path
    key: Path


class LocalAuthority:
    """Issues server certificates into `folder`, which has to exist and be private."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._authority = trustme.CA(organization_name="Meshward local stack")
        self.ca_file = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(self.ca_file)

    def issue(self, name: str, *hosts: str) -> ServerCertificate:
        """A certificate for `hosts` (wildcards as in `*.example.com`), stored under `name`."""
        issued = self._authority.issue_cert(*hosts)
        chain, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        key.touch(mode=0o600)
        issued.private_key_pem.write_to_path(key)
        chain.write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
        return ServerCertificate(chain=chain, key=key)
