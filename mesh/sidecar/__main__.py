"""The sidecar from the command line; placeholders are filled from the environment.

python -m mesh.sidecar validate mesh/manifests/base mesh/manifests/portable
python -m mesh.sidecar render   mesh/manifests/base mesh/manifests/portable
python -m mesh.sidecar manifests mesh/manifests/base mesh/manifests/hold | kubectl apply -f -
"""

import argparse
import json
import os
import sys
from pathlib import Path

from mesh.sidecar.bootstrap import Ports, bootstrap
from mesh.sidecar.documents import Document, dump, load, placeholders
from mesh.sidecar.fields import ManifestError
from mesh.sidecar.run import SidecarError, validate
from mesh.sidecar.secrets import Redactor
from mesh.sidecar.translate import translate


def main() -> int:
    """Run one command; the exit status is 1 when the manifests cannot be used."""
    arguments = _parser().parse_args()
    try:
        documents = _load(arguments.folders)
        if arguments.command == "manifests":
            sys.stdout.write(dump(documents))
            return 0
        config = bootstrap(translate(documents), Ports(arguments.port, arguments.admin_port), {})
        if arguments.command == "validate":
            validate(config)
            sys.stdout.write(f"{len(documents)} resources: Envoy accepts what they say\n")
        else:
            text = json.dumps(config, indent=2, ensure_ascii=False)
            sys.stdout.write((text if arguments.with_secrets else Redactor(config)(text)) + "\n")
    except (ManifestError, SidecarError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _load(folders: list[Path]) -> list[Document]:
    # From the environment, and not from flags: every user of a machine can read command lines.
    names = placeholders(folders)
    return load(folders, {name: os.environ[name] for name in names if name in os.environ})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mesh.sidecar",
        description="Mesh manifests as a local sidecar sees them. "
        "Placeholders ${NAME} are filled from the environment variable NAME.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    checked = commands.add_parser("validate", help="translate, and let Envoy check the result")
    shown = commands.add_parser("render", help="print Envoy's bootstrap, secrets left out")
    shown.add_argument("--with-secrets", action="store_true", help="print them too")
    filled = commands.add_parser("manifests", help="print the filled manifests, secrets included")
    for command in (checked, shown, filled):
        command.add_argument("folders", nargs="+", type=Path)
    for command in (checked, shown):
        command.add_argument("--port", type=int, default=8080, help="of the listener")
        command.add_argument("--admin-port", type=int, default=15000, help="of the admin pages")
    return parser


if __name__ == "__main__":
    sys.exit(main())
