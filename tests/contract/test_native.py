"""The shim's code compiled for this machine: its own tests, and the vectors."""

from mesh.shim.build import SOURCES, run_zig
from tests.contract.vectors import FOLDER

ZIG_VECTORS = (
    *("hosts", "answers", "windows", "signatures", "callouts", "denials", "configs"),
    *("keys", "keys_refused", "scenarios", "responses"),
)


def test_the_shims_own_tests_pass() -> None:
    run_zig("test", str(SOURCES / "pure.zig"))


def test_the_vectors_hold_for_the_native_code() -> None:
    files = [f"{kind}.json" for kind in ZIG_VECTORS]
    run_zig(
        "test",
        "--dep",
        "shim",
        *(argument for file in files for argument in ("--dep", file)),
        f"-Mroot={FOLDER.parent / 'native.zig'}",
        f"-Mshim={SOURCES / 'pure.zig'}",
        *(f"-M{file}={FOLDER / file}" for file in files),
    )
