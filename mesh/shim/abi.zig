//! The host: proxy-wasm 0.2.1, and the only file that knows it.
//!
//! The host writes what it returns into memory that it asks for (`proxy_on_memory_allocate`); such
//! a slice is `Owned` here and goes back with `release`. Constants and signatures are those of the
//! proxy-wasm specification, abi-versions/v0.2.1.

const std = @import("std");

pub const Map = enum(u32) { request_headers = 0, callout_headers = 6 };
pub const Buffer = enum(u32) { request_body = 0, callout_body = 4, plugin_configuration = 7 };
pub const Level = enum(u32) { info = 2, warn = 3, critical = 5 };
/// What a callback tells the host. `drop` keeps nothing of a body whose request is answered: held,
/// it could exceed the host's buffer, and the host would answer in our place.
pub const Action = enum(u32) { proceed = 0, pause = 1, drop = 3 };

/// The host's own word for how a call went.
pub const Status = enum(u32) { ok = 0, not_found = 1, bad_argument = 2, _ };

pub const Owned = []const u8;

const host = struct {
    extern "env" fn proxy_log(level: u32, ptr: [*]const u8, len: usize) u32;
    extern "env" fn proxy_get_current_time_nanoseconds(time: *u64) u32;
    extern "env" fn proxy_get_property(path: [*]const u8, path_len: usize, value: *?[*]u8, value_len: *usize) u32;
    extern "env" fn proxy_get_buffer_bytes(kind: u32, start: usize, max: usize, bytes: *?[*]u8, len: *usize) u32;
    extern "env" fn proxy_set_buffer_bytes(kind: u32, start: usize, replaced: usize, bytes: [*]const u8, len: usize) u32;
    extern "env" fn proxy_get_header_map_pairs(map: u32, bytes: *?[*]u8, len: *usize) u32;
    extern "env" fn proxy_get_header_map_value(map: u32, name: [*]const u8, name_len: usize, value: *?[*]u8, value_len: *usize) u32;
    extern "env" fn proxy_replace_header_map_value(map: u32, name: [*]const u8, name_len: usize, value: [*]const u8, value_len: usize) u32;
    extern "env" fn proxy_remove_header_map_value(map: u32, name: [*]const u8, name_len: usize) u32;
    extern "env" fn proxy_http_call(
        cluster: [*]const u8,
        cluster_len: usize,
        headers: [*]const u8,
        headers_len: usize,
        body: [*]const u8,
        body_len: usize,
        trailers: [*]const u8,
        trailers_len: usize,
        timeout_ms: u32,
        token: *u32,
    ) u32;
    extern "env" fn proxy_set_effective_context(context: u32) u32;
    extern "env" fn proxy_continue_stream(stream: u32) u32;
    extern "env" fn proxy_send_local_response(
        status: u32,
        details: [*]const u8,
        details_len: usize,
        body: [*]const u8,
        body_len: usize,
        headers: [*]const u8,
        headers_len: usize,
        grpc_status: i32,
    ) u32;
};

const request_stream = 0;
const no_grpc_status = -1;

pub fn log(level: Level, line: []const u8) void {
    _ = host.proxy_log(@backingInt(level), line.ptr, line.len);
}

/// Milliseconds since the Unix epoch; 0 where the host has no clock.
pub fn nowMs() u64 {
    var time: u64 = 0;
    _ = host.proxy_get_current_time_nanoseconds(&time);
    return time / std.time.ns_per_ms;
}

/// A property of the host, its path joined by zero bytes, such as "node\x00metadata\x00NAMESPACE".
pub fn property(path: []const u8) ?Owned {
    var bytes: ?[*]u8 = null;
    var len: usize = 0;
    return owned(host.proxy_get_property(path.ptr, path.len, &bytes, &len), bytes, len);
}

/// All bytes of a buffer; null where the host has none to give.
pub fn bufferBytes(kind: Buffer) ?Owned {
    var bytes: ?[*]u8 = null;
    var len: usize = 0;
    return owned(host.proxy_get_buffer_bytes(@backingInt(kind), 0, std.math.maxInt(u32), &bytes, &len), bytes, len);
}

/// Replace the whole request body.
pub fn replaceBody(body: []const u8) Status {
    // Envoy knows three forms of this call; start 0 and a length beyond the end replaces all.
    return @fromBackingInt(@intCast(host.proxy_set_buffer_bytes(
        @backingInt(Buffer.request_body),
        0,
        std.math.maxInt(u32),
        body.ptr,
        body.len,
    )));
}

/// All headers of a map, serialised (see pairs.zig).
pub fn headerPairs(map: Map) ?Owned {
    var bytes: ?[*]u8 = null;
    var len: usize = 0;
    return owned(host.proxy_get_header_map_pairs(@backingInt(map), &bytes, &len), bytes, len);
}

pub fn headerValue(map: Map, name: []const u8) ?Owned {
    var bytes: ?[*]u8 = null;
    var len: usize = 0;
    const status = host.proxy_get_header_map_value(@backingInt(map), name.ptr, name.len, &bytes, &len);
    return owned(status, bytes, len);
}

pub fn replaceHeader(name: []const u8, value: []const u8) Status {
    const map = @backingInt(Map.request_headers);
    return @fromBackingInt(@intCast(host.proxy_replace_header_map_value(map, name.ptr, name.len, value.ptr, value.len)));
}

/// Remove every occurrence; one that is not there is no error.
pub fn removeHeader(name: []const u8) Status {
    const map = @backingInt(Map.request_headers);
    const status: Status = @fromBackingInt(@intCast(host.proxy_remove_header_map_value(map, name.ptr, name.len)));
    return if (status == .not_found) .ok else status;
}

pub const Callout = struct { cluster: []const u8, headers: []const u8, body: []const u8, timeout_ms: u32 };

/// Send a callout; its answer arrives with `token`. `bad_argument`: the cluster is not known.
pub fn callout(call: Callout, token: *u32) Status {
    const no_trailers = [_]u8{ 0, 0, 0, 0 };
    return @fromBackingInt(@intCast(host.proxy_http_call(
        call.cluster.ptr,
        call.cluster.len,
        call.headers.ptr,
        call.headers.len,
        call.body.ptr,
        call.body.len,
        &no_trailers,
        no_trailers.len,
        call.timeout_ms,
        token,
    )));
}

/// Make the host's next calls be about `context`; not `ok` when it is gone.
pub fn setContext(context: u32) Status {
    return @fromBackingInt(@intCast(host.proxy_set_effective_context(context)));
}

pub fn continueRequest() Status {
    return @fromBackingInt(@intCast(host.proxy_continue_stream(request_stream)));
}

/// Answer the caller here. `headers` is a serialised map; `details` goes into access logs.
pub fn respond(status: u32, details: []const u8, body: []const u8, headers: []const u8) Status {
    return @fromBackingInt(@intCast(host.proxy_send_local_response(
        status,
        details.ptr,
        details.len,
        body.ptr,
        body.len,
        headers.ptr,
        headers.len,
        no_grpc_status,
    )));
}

/// Give memory back that the host has written to.
pub fn release(bytes: Owned) void {
    if (bytes.len > 0) std.heap.wasm_allocator.free(@constCast(bytes));
}

/// Called by the host for memory to write to; null says that there is none.
pub fn allocate(len: usize) ?[*]u8 {
    const bytes = std.heap.wasm_allocator.alloc(u8, len) catch return null;
    return bytes.ptr;
}

fn owned(status: u32, bytes: ?[*]u8, len: usize) ?Owned {
    if (@as(Status, @fromBackingInt(@intCast(status))) != .ok) return null;
    return if (bytes) |start| start[0..len] else "";
}
