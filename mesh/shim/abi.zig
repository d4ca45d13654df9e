//! The host: proxy-wasm 0.2.1, as far as the shim uses it. No other file knows it.
//!
//!     main.zig ◀──proxy_on_*── host        guard.zig, … ──▶ abi.zig ──proxy_*──▶ host
//!
//! What the host hands over lies in memory that it asked the shim for, and is gone when the
//! callback in which it came is over (memory.zig). Source: the specification at
//! github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1, and tries with Envoy 1.40.

const std = @import("std");
const headers = @import("headers.zig");
const host = @import("host.zig");

pub const Error = error{HostRefused};

pub const Flow = host.Flow;
pub const Level = host.Level;
pub const Buffer = host.Buffer;
pub const Map = host.Map;
pub const StreamKind = host.StreamKind;
pub const Metric = host.Metric;
const Status = host.Status;

/// The whole of a buffer, however long it is.
const everything: usize = std.math.maxInt(u32);
/// A map without headers, serialised.
const no_pairs = [_]u8{ 0, 0, 0, 0 };
const no_grpc_status: u32 = std.math.maxInt(u32);

fn done(status: Status) Error!void {
    if (status != .ok) return error.HostRefused;
}

/// What the host wrote: it may say null where there is nothing.
fn written(bytes: ?[*]u8, size: usize) []const u8 {
    return if (bytes) |start| start[0..size] else "";
}

pub fn log(level: Level, text: []const u8) void {
    _ = host.proxy_log(level, text.ptr, text.len);
}

/// When the callback under way began to look; 0: it has not yet.
var now_ns: u64 = 0;

/// Unix time, the same for a whole callback: each read crosses to the host, which costs more than
/// most of what the shim does. A clock that cannot be read stands at zero: signatures are then too
/// old, and denied.
pub fn nowNanoseconds() u64 {
    if (now_ns == 0 and host.proxy_get_current_time_nanoseconds(&now_ns) != .ok) now_ns = 0;
    return now_ns;
}

/// The callback is over: the next one looks at the clock again.
pub fn forgetTime() void {
    now_ns = 0;
}

/// The property at `path` (its steps joined by zero bytes), or null where there is none.
pub fn property(path: []const u8) ?[]const u8 {
    var bytes: ?[*]u8 = null;
    var size: usize = 0;
    if (host.proxy_get_property(path.ptr, path.len, &bytes, &size) != .ok) return null;
    return written(bytes, size);
}

/// Sets the stream's filter state `wasm.<name>`, which access logs can show. Nothing depends on it.
pub fn publish(name: []const u8, value: []const u8) void {
    _ = host.proxy_set_property(name.ptr, name.len, value.ptr, value.len);
}

/// The id of a metric. To be asked for once: the host keeps a new id for each time.
pub fn define(metric: Metric, name: []const u8) Error!u32 {
    var id: u32 = 0;
    try done(host.proxy_define_metric(metric, name.ptr, name.len, &id));
    return id;
}

pub fn increment(id: u32, by: u64) void {
    _ = host.proxy_increment_metric(id, @intCast(by));
}

pub fn record(id: u32, value: u64) void {
    _ = host.proxy_record_metric(id, value);
}

pub fn read(buffer: Buffer) Error![]const u8 {
    var bytes: ?[*]u8 = null;
    var size: usize = 0;
    try done(host.proxy_get_buffer_bytes(buffer, 0, everything, &bytes, &size));
    return written(bytes, size);
}

/// Envoy replaces a buffer as a whole only: any range inside it is refused.
pub fn replace(buffer: Buffer, bytes: []const u8) Error!void {
    try done(host.proxy_set_buffer_bytes(buffer, 0, everything, bytes.ptr, bytes.len));
}

/// All headers of a map. Not by name: that would give the first of several and hide the rest.
pub fn pairs(map: Map) Error!headers.Map {
    var bytes: ?[*]u8 = null;
    var size: usize = 0;
    try done(host.proxy_get_header_map_pairs(map, &bytes, &size));
    return headers.Map.parse(written(bytes, size)) catch error.HostRefused;
}

/// Removes every header of that name.
pub fn remove(map: Map, name: []const u8) Error!void {
    try done(host.proxy_remove_header_map_value(map, name.ptr, name.len));
}

/// Sets a header that stands once. (The host's own "replace" leaves second ones where they are.)
pub fn set(map: Map, name: []const u8, value: []const u8) Error!void {
    try remove(map, name);
    try add(map, name, value);
}

/// Adds a header of which there is none yet.
pub fn add(map: Map, name: []const u8, value: []const u8) Error!void {
    try done(host.proxy_add_header_map_value(map, name.ptr, name.len, value.ptr, value.len));
}

/// Removes all headers of a map.
pub fn clear(map: Map) Error!void {
    try done(host.proxy_set_header_map_pairs(map, &no_pairs, no_pairs.len));
}

/// Sends a request to `cluster` and gives its token; the answer comes to the plugin's context.
pub fn callOut(
    cluster: []const u8,
    encoded: []const u8,
    body: []const u8,
    timeout_ms: u32,
) error{ ClusterUnknown, HostRefused }!u32 {
    var token: u32 = 0;
    return switch (host.proxy_http_call(
        cluster.ptr,
        cluster.len,
        encoded.ptr,
        encoded.len,
        body.ptr,
        body.len,
        &no_pairs,
        no_pairs.len,
        timeout_ms,
        &token,
    )) {
        .ok => token,
        .bad_argument => error.ClusterUnknown,
        else => error.HostRefused,
    };
}

/// Answers the caller in place of the provider.
pub fn respond(status: u32, details: []const u8, encoded: []const u8, body: []const u8) Error!void {
    try done(host.proxy_send_local_response(
        status,
        details.ptr,
        details.len,
        body.ptr,
        body.len,
        encoded.ptr,
        encoded.len,
        no_grpc_status,
    ));
}

/// Lets a held message go on, outside of its own callbacks.
pub fn proceed(stream: StreamKind) Error!void {
    try done(host.proxy_continue_stream(stream));
}

/// Has `main.proxy_on_tick` called again and again; 0: no more.
pub fn tickEvery(ms: u32) Error!void {
    try done(host.proxy_set_tick_period_milliseconds(ms));
}

/// Makes the calls that follow concern the stream `context`.
pub fn enter(context: u32) Error!void {
    try done(host.proxy_set_effective_context(context));
}

/// A value that all machines of a plugin see, and what to compare it by. Empty where there is none,
/// or the host shares nothing.
pub const Shared = struct { bytes: []const u8 = "", cas: u32 = 0 };

pub fn shared(name: []const u8) Shared {
    var bytes: ?[*]u8 = null;
    var size: usize = 0;
    var cas: u32 = 0;
    if (host.proxy_get_shared_data(name.ptr, name.len, &bytes, &size, &cas) != .ok) return .{};
    return .{ .bytes = written(bytes, size), .cas = cas };
}

/// Sets a shared value; false where it is no longer the one with this `cas`. 0: whatever it is.
pub fn setShared(name: []const u8, bytes: []const u8, cas: u32) bool {
    return host.proxy_set_shared_data(name.ptr, name.len, bytes.ptr, bytes.len, cas) !=
        .cas_mismatch;
}
