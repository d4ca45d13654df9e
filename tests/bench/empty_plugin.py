"""A Wasm plugin that does nothing: what Envoy and V8 take for any plugin, whatever it is for."""

from pathlib import Path
from typing import Final

from wasmtime import wat2wasm

_TEXT: Final = """
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32) (i32.const 0))
  (func (export "proxy_on_delete") (param i32)))
"""


def empty_plugin(folder: Path) -> Path:
    """Its file, written into `folder`: the callbacks that the shim has for a call, empty."""
    file = folder / "empty.wasm"
    file.write_bytes(wat2wasm(_TEXT))
    return file
