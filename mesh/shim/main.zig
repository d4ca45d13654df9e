//! The Wasm plugin: what Envoy calls.
//!
//!     proxy_on_configure                                 ─▶ load.zig
//!     proxy_on_request_*, proxy_on_http_call_response    ─▶ guard.zig
//!     proxy_on_response_*                                ─▶ reply.zig
//!     proxy_on_tick                                      ─▶ broker.zig, reply.zig
//!     the answers to calls for keys                      ─▶ broker.zig
//!
//! The host's ids: a plugin has a context, and each of its streams has one, whose parent it is.
//! Each callback that is exported is made for every request of the sidecar, so there is none
//! without use.

const std = @import("std");
const abi = @import("abi.zig");
const asking = @import("asking.zig");
const broker = @import("broker.zig");
const guard = @import("guard.zig");
const load = @import("load.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const reply = @import("reply.zig");
const streams = @import("streams.zig");

/// No message could be shown to anybody, and its text would be half of the plugin.
pub const panic = std.debug.no_panic;

/// A callback is over: what the host wrote for it is gone, and its time is past.
fn leave() void {
    memory.sweep();
    abi.forgetTime();
}

export fn proxy_abi_version_0_2_1() void {}

export fn proxy_on_memory_allocate(size: usize) ?[*]u8 {
    return memory.allocate(size);
}

export fn proxy_on_vm_start(_: u32, _: u32) bool {
    return true;
}

export fn proxy_on_configure(plugin: u32, configuration_bytes: u32) bool {
    defer leave();
    return load.configure(plugin, configuration_bytes);
}

export fn proxy_on_context_create(context: u32, parent: u32) void {
    if (parent != 0) streams.born(context, parent);
}

export fn proxy_on_request_headers(stream: u32, _: u32, end_of_stream: bool) abi.Flow {
    defer leave();
    return guard.onHeaders(stream, end_of_stream);
}

export fn proxy_on_request_body(stream: u32, body_bytes: u32, end_of_stream: bool) abi.Flow {
    defer leave();
    return guard.onBody(stream, body_bytes, end_of_stream);
}

export fn proxy_on_request_trailers(stream: u32, _: u32) abi.Flow {
    defer leave();
    return guard.onTrailers(stream);
}

export fn proxy_on_response_headers(stream: u32, _: u32, end_of_stream: bool) abi.Flow {
    defer leave();
    return reply.onHeaders(stream, end_of_stream);
}

export fn proxy_on_response_body(stream: u32, body_bytes: u32, end_of_stream: bool) abi.Flow {
    defer leave();
    return reply.onBody(stream, body_bytes, end_of_stream);
}

export fn proxy_on_response_trailers(stream: u32, _: u32) abi.Flow {
    defer leave();
    return reply.onTrailers(stream);
}

export fn proxy_on_tick(context: u32) void {
    defer leave();
    const plugin = streams.findPlugin(context) orelse return;
    broker.onTick(plugin);
    guard.onKeys(plugin);
    reply.onTick(plugin);
}

export fn proxy_on_http_call_response(
    context: u32,
    token: u32,
    headers_count: u32,
    body_bytes: u32,
    _: u32,
) void {
    defer leave();
    if (streams.findPlugin(context)) |plugin| {
        if (broker.isAnswer(plugin, token)) {
            broker.onAnswer(plugin);
            return guard.onKeys(plugin);
        }
    }
    guard.onAnswer(token, headers_count, body_bytes);
}

export fn proxy_on_delete(context: u32) void {
    defer leave();
    if (streams.find(context)) |stream| {
        asking.tell(stream);
        return streams.release(stream);
    }
    const plugin = streams.findPlugin(context) orelse return;
    streams.removePlugin(plugin);
    metrics.forget();
}
