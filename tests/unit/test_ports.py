"""A free port is one that is still free when its user gets to it."""

import socket
from pathlib import Path

import pytest

from infra.ports import LOOPBACK, free_port


def first_ephemeral_port() -> int:
    """The lowest port that the kernel gives away by itself; Linux's default elsewhere."""
    setting = Path("/proc/sys/net/ipv4/ip_local_port_range")
    return int(setting.read_text().split()[0]) if setting.exists() else 32_768


def test_a_busy_port_is_stepped_around() -> None:
    with socket.create_server((LOOPBACK, 0)) as busy:
        wanted = busy.getsockname()[1]

        port = free_port(wanted)

    assert port.number > wanted
    assert port.stepped


def test_any_port_is_one_that_the_kernel_gives_to_nobody_else() -> None:
    ports = [free_port() for _ in range(200)]

    assert len({port.number for port in ports}) == len(ports)
    assert not any(port.stepped for port in ports)
    if first_ephemeral_port() >= 32_000:
        assert all(port.number < first_ephemeral_port() for port in ports)


def test_no_free_port_is_an_error_that_names_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.ports._STEPS_MAX", 1)
    with socket.create_server((LOOPBACK, 0)) as busy:
        wanted = busy.getsockname()[1]

        with pytest.raises(OSError, match=f"no free port from {wanted} to {wanted}"):
            free_port(wanted)
