"""What the plugin leaves for others to see: metrics by their names, and filter state.

    plugin ──proxy_define_metric, …──▶ Telemetry ◀── Machine, which lends it memory and streams

Like Envoy, it gives a metric a further id each time that it is defined; `defined` tells how often.
"""

import struct
from abc import ABC, abstractmethod
from typing import Final

from tests.contract.proxy_wasm import BAD_ARGUMENT, NOT_FOUND, OK, Stream

_COUNTER: Final = 0
_HISTOGRAM: Final = 2
_ID_STEP: Final = 4


class Telemetry(ABC):
    """The host calls for metrics and filter state; a part of the plugin's machine."""

    def __init__(self) -> None:
        self.defined: list[str] = []
        self.counters: dict[str, int] = {}
        self.histograms: dict[str, list[int]] = {}

    @abstractmethod
    def _stream(self) -> Stream: ...

    @abstractmethod
    def _read(self, address: int, size: int) -> bytes: ...

    @abstractmethod
    def _write(self, value: bytes, address: int) -> None: ...

    def _proxy_define_metric(self, kind: int, name: int, name_size: int, result: int) -> int:
        if kind not in (_COUNTER, _HISTOGRAM):
            return BAD_ARGUMENT
        self.defined.append(self._read(name, name_size).decode())
        metric_id = len(self.defined) * _ID_STEP + kind
        self._write(struct.pack("<I", metric_id), result)
        return OK

    def _proxy_increment_metric(self, metric_id: int, by: int) -> int:
        name = self._name(metric_id, _COUNTER)
        if name is None:
            return NOT_FOUND
        self.counters[name] = self.counters.get(name, 0) + by
        return OK

    def _proxy_record_metric(self, metric_id: int, value: int) -> int:
        name = self._name(metric_id, _HISTOGRAM)
        if name is None:
            return NOT_FOUND
        self.histograms.setdefault(name, []).append(value)
        return OK

    def _proxy_set_property(self, path: int, path_size: int, value: int, value_size: int) -> int:
        name = self._read(path, path_size).decode()
        self._stream().filter_state[f"wasm.{name}"] = self._read(value, value_size).decode()
        return OK

    def _name(self, metric_id: int, kind: int) -> str | None:
        index = metric_id // _ID_STEP - 1
        fits = metric_id % _ID_STEP == kind and 0 <= index < len(self.defined)
        return self.defined[index] if fits else None
