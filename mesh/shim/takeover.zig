//! A guarded request's credentials: the caller's go out, the guard's goes in.

const std = @import("std");
const abi = @import("abi.zig");
const asking = @import("asking.zig");
const contract = @import("contract.zig");
const credential = @import("credential.zig");
const headers = @import("headers.zig");
const keys = @import("keys.zig");
const log = @import("log.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const query = @import("query.zig");
const reply = @import("reply.zig");
const streams = @import("streams.zig");
const text = @import("text.zig");
const Credential = credential.Credential;

const own_header_prefix = "x-meshward-";
/// What Envoy writes into access logs and traces in the place of a path, where it stands.
const logged_path = "x-envoy-original-path";
/// By this, the clients of OpenAI and Anthropic try a call again that they would give up.
const retry_header = "x-should-retry";
const wait_headers = [_][]const u8{ "retry-after", "retry-after-ms" };

/// Of this machine. Others find out for themselves.
var rests: keys.Rests = .{};
// Large and used by one callback at a time, so not on the small stack.
var value_buffer: [credential.prefix_bytes_max + contract.key_bytes_max]u8 = undefined;

/// Takes all credentials of the caller out, also out of the path; the headers as they are then.
pub fn drop(map: headers.Map, from: *const Credential) abi.Error!headers.Map {
    var each = map.iterator();
    while (each.next()) |pair| {
        const is_own = text.startsWith(pair.name, own_header_prefix);
        if (is_own or from.drops(pair.name)) try abi.remove(.request, pair.name);
    }
    const path = map.first(":path");
    if (!text.contains(path, '?')) return map;
    const own = if (from.place == .query) from.name else "";
    const cleaned = query.without(try room(path.len), path, from.drop, own);
    if (cleaned.len == path.len) return map;
    try abi.set(.request, ":path", cleaned);
    return abi.pairs(.request);
}

/// The host's key for this call: one of the configuration's own, or of those that the broker gave.
pub fn choose(stream: *const streams.Stream) ?keys.Chosen {
    const plugin = stream.plugin orelse return null;
    const own = stream.host.credential.keys;
    const is_own = own.len > 0;
    const lines = if (is_own) own else plugin.broker.lines;
    return keys.choose(&rests, lines, if (is_own) "" else stream.host.name, stream.began_ms);
}

/// What the provider has answered, as far as it is about the key: a key that it refuses or throttles
/// is not used for a while.
pub fn told(stream: *const streams.Stream) void {
    if (stream.key_id == 0) return;
    const map = abi.pairs(.response) catch return;
    const opinion = keys.Opinion.of(map.first(":status")) orelse return;
    if (opinion == .works and !rests.has(stream.key_id)) return;
    if (!reply.isProviders()) return;
    const retry_after = map.first("retry-after");
    if (rests.told(stream.key_id, stream.began_ms, opinion, retry_after, asking.nowMs())) {
        log.keyRests(stream.host.name, opinion);
        if (stream.plugin) |plugin| {
            const host = stream.host - &plugin.config.hosts_buffer[0];
            metrics.rested(plugin, host, if (opinion == .refused) .refused else .throttled);
        }
    }
    const next = choose(stream) orelse return;
    if (opinion == .works or next.id == stream.key_id) return;
    // It was not the caller's fault, and with another key it may work, without a wait.
    for (wait_headers) |name| abi.remove(.response, name) catch return;
    abi.set(.response, retry_header, "true") catch return;
}

/// Puts the guard's key in, where the caller's are out.
pub fn set(into: *const Credential, key: []const u8) abi.Error!void {
    if (into.place == .header) {
        var value: text.Text = .{ .buffer = &value_buffer };
        value.add(into.prefix);
        value.add(key);
        return abi.add(.request, into.name, value.written());
    }
    const path = (try abi.pairs(.request)).first(":path");
    // No log and no trace may show the key.
    try abi.set(.request, logged_path, path);
    const own: query.Parameter = .{ .name = into.name, .prefix = into.prefix, .key = key };
    const buffer = try room(path.len + own.bytesMax());
    try abi.set(.request, ":path", query.with(buffer, path, own));
}

/// Memory that lasts as long as the callback.
fn room(bytes: usize) abi.Error![]u8 {
    const start = memory.allocate(bytes) orelse return error.HostRefused;
    return start[0..bytes];
}
