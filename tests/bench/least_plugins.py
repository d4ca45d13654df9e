"""Wasm plugins that do the least: what Envoy and V8 take, whatever a plugin is for.

    empty        nothing, in the callbacks that the shim has for a call
    injecting    what setting a key takes of the host: headers read, the clock, a header added
    holding      the same, and the body held until it is whole, and read: what an allow takes that
                 is remembered
    asking       the same, and a callout with the body and the headers that the shim would send

They decide, sign, measure and remember nothing. No plugin can be faster in this Envoy; what the
shim takes beyond them is its own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wasmtime import wat2wasm

from tests.contract.proxy_wasm import Headers, serialised

_CLUSTER: Final = "outbound|80||check.test"
_CREDENTIAL: Final = ("authorization", "Bearer sk-0123456789abcdef0123456789abcdef")
_CALLOUT: Final[Headers] = [
    (":method", "POST"),
    (":path", "/v1/verdict"),
    (":authority", "check.test"),
    ("accept", "application/vnd.meshward.callout"),
    ("x-meshward-contract", "1"),
    ("x-meshward-phase", "request"),
    ("x-meshward-policy", "default"),
    ("x-meshward-authority", "dashscope.aliyuncs.com"),
    ("x-meshward-path", "/compatible-mode/v1/chat/completions"),
    ("x-meshward-method", "POST"),
    ("x-meshward-workload", "default/sleep"),
    ("x-meshward-deadline-ms", "5000"),
    ("x-meshward-signature", f"v1,t=1800000000,h={'0' * 64}"),
    ("content-type", "application/json"),
    ("authorization", f"Bearer {'t' * 200}"),
]

_STRINGS: Final = {
    1024: _CREDENTIAL[0].encode(),
    1056: _CREDENTIAL[1].encode(),
    1152: _CLUSTER.encode(),
    1280: bytes(4),  # a map of trailers that holds none
    2048: serialised(_CALLOUT),
}
"""Where they lie. Numbers that the host writes lie lowest; what it hands over from 32 KiB on, the
streams that wait, by the tokens of their callouts, from 64 KiB on."""

_IMPORTS: Final = """
  (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
  (import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))
  (import "env" "proxy_add_header_map_value"
    (func $add (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_buffer_bytes"
    (func $bytes (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_http_call"
    (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $enter (param i32) (result i32)))
  (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
"""
_GO: Final = "(i32.const 0)"
_INJECT: Final = f"""
  (drop (call $pairs (i32.const 0) (i32.const 0) (i32.const 4)))
  (drop (call $time (i32.const 8)))
  (drop (call $add (i32.const 0)
    (i32.const 1024) (i32.const {len(_CREDENTIAL[0])})
    (i32.const 1056) (i32.const {len(_CREDENTIAL[1])})))
"""
_PLACE: Final = """(i32.add (i32.const 65536)
  (i32.shl (i32.and {token} (i32.const 4095)) (i32.const 2)))"""
_HOLD: Final = """
  (if (i32.eqz (local.get $end)) (then (return (i32.const 1))))
  (drop (call $bytes (i32.const 0)
    (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 4)))
"""
_ASK: Final = f"""
  {_HOLD}
  (drop (call $call
    (i32.const 1152) (i32.const {len(_CLUSTER)})
    (i32.const 2048) (i32.const {len(serialised(_CALLOUT))})
    (i32.load (i32.const 0)) (i32.load (i32.const 4))
    (i32.const 1280) (i32.const 4)
    (i32.const 5000) (i32.const 16)))
  (i32.store {_PLACE.format(token="(i32.load (i32.const 16))")} (local.get $stream))
  (i32.const 1)
"""
_HEAR: Final = f"""
  (drop (call $enter (i32.load {_PLACE.format(token="(local.get $token)")})))
  (drop (call $pairs (i32.const 6) (i32.const 0) (i32.const 4)))
  (drop (call $continue (i32.const 0)))
"""


def least_plugins(folder: Path) -> Mapping[str, Path]:
    """Their files by name, written into `folder`."""
    texts = {
        "empty": _module(),
        "injecting": _module(headers=_INJECT),
        "holding": _module(headers=_INJECT, body=f"{_HOLD} {_GO}"),
        "asking": _module(headers=_INJECT, body=_ASK, answer=_HEAR),
    }
    files = {name: folder / f"{name}.wasm" for name in texts}
    for name, file in files.items():
        file.write_bytes(wat2wasm(texts[name]))
    return files


def _module(headers: str = "", body: str = _GO, answer: str = "") -> str:
    """The callbacks that the shim has for a call, with these bodies."""
    strings = "".join(
        f'(data (i32.const {at}) "{_escaped(string)}")' for at, string in _STRINGS.items()
    )
    heard = f"""(func (export "proxy_on_http_call_response")
      (param i32) (param $token i32) (param i32 i32 i32) {answer})"""
    return f"""
(module
  {_IMPORTS if headers else ""}
  (memory (export "memory") 2)
  {strings if headers else ""}
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 32768))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {headers} {_GO})
  (func (export "proxy_on_request_body")
    (param $stream i32) (param i32) (param $end i32) (result i32) {body})
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) {_GO})
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) {_GO})
  {heard if answer else ""}
  (func (export "proxy_on_delete") (param i32)))
"""


def _escaped(string: bytes) -> str:
    return "".join(f"\\{byte:02x}" for byte in string)
