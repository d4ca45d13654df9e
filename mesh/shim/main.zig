//! The plugin's doors: what the host calls, and nothing more than passing it on.
//!
//!     request headers ──▶ not guarded: proceed, never looked at again
//!                     └─▶ guarded: credential replaced ──▶ body held ──▶ checks ──▶ guard.zig
//!
//! *portable* lets the headers go on and holds the body; *hold* holds both.

const std = @import("std");
const abi = @import("abi.zig");
const config = @import("config.zig");
const contract = @import("contract.zig");
const guard = @import("guard.zig");
const pairs = @import("pairs.zig");
const plugins = @import("plugins.zig");
const request = @import("request.zig");
const Text = @import("reader.zig").Text;

const credential_bytes_max = 64 + 4096;

/// The host makes a stream's context right before it gives it the request headers.
var created: struct { context: u32 = 0, root: u32 = 0 } = .{};
var credential_buffer: [credential_bytes_max]u8 = undefined;

export fn proxy_abi_version_0_2_1() void {}

export fn proxy_on_memory_allocate(len: usize) ?[*]u8 {
    return abi.allocate(len);
}

export fn proxy_on_vm_start(_: u32, _: u32) u32 {
    guard.start();
    return 1;
}

export fn proxy_on_configure(root: u32, _: u32) u32 {
    return @intFromBool(plugins.load(root));
}

export fn proxy_on_context_create(context: u32, parent: u32) void {
    created = .{ .context = context, .root = parent };
}

export fn proxy_on_request_headers(context: u32, _: u32, end_of_stream: u32) abi.Action {
    const root = if (created.context == context) created.root else 0;
    const plugin = plugins.of(root) orelse return refuseUnknown();
    const authority = abi.headerValue(.request_headers, ":authority") orelse "";
    defer abi.release(authority);
    const host = plugin.config.host(authority) orelse return .proceed;
    const session = guard.open(context, .{
        .root = root,
        .host = host,
        .has_body = end_of_stream == 0,
    }) orelse return refuseOverloaded();
    const headers = abi.headerPairs(.request_headers) orelse "";
    defer abi.release(headers);
    const head: request.Head = .read(headers);
    const wanted = plugin.config.hosts[host];
    const refusal: ?contract.Reason = if (!head.supported())
        .request_unsupported
    else if (head.exceeds(plugin.config.body_bytes_max))
        .request_too_large
    else if (wanted.credential.key.len == 0)
        .key_unavailable
    else if (!replaceCredential(headers, wanted.credential))
        .shim_fault
    else
        null;
    if (refusal) |reason| {
        guard.refuse(context, session, reason);
        return .pause;
    }
    if (end_of_stream != 0) {
        guard.onEnd(context, session);
        return if (session.stream.state == .passed) .proceed else .pause;
    }
    if (plugin.config.body == .hold) return .pause;
    // A mask may change the body's length after the headers have gone.
    if (abi.removeHeader("content-length") != .ok) {
        guard.refuse(context, session, .shim_fault);
        return .pause;
    }
    return .proceed;
}

export fn proxy_on_request_body(context: u32, len: usize, end_of_stream: u32) abi.Action {
    const session = guard.find(context) orelse return .proceed;
    guard.onBody(context, session, len);
    if (end_of_stream != 0) guard.onEnd(context, session);
    return switch (session.stream.state) {
        .reading, .checking => .pause,
        .denied => .drop,
        .passed => .proceed,
    };
}

/// A message that ends with trailers never shows its end in the body callback.
export fn proxy_on_request_trailers(context: u32, _: u32) abi.Action {
    const session = guard.find(context) orelse return .proceed;
    guard.onEnd(context, session);
    return if (session.stream.state == .passed) .proceed else .pause;
}

export fn proxy_on_http_call_response(_: u32, token: u32, _: u32, body_len: usize, _: u32) void {
    guard.onAnswer(token, body_len);
}

export fn proxy_on_done(_: u32) u32 {
    return 1;
}

export fn proxy_on_delete(context: u32) void {
    guard.close(context);
    plugins.remove(context);
}

/// Drop what the caller brought and set the host's own key.
fn replaceCredential(headers: []const u8, credential: config.Credential) bool {
    for (request.caller_credentials) |name| if (abi.removeHeader(name) != .ok) return false;
    var it: pairs.Iterator = .init(headers);
    while (it.next()) |pair| {
        if (!std.mem.startsWith(u8, pair.name, request.own_prefix)) continue;
        if (abi.removeHeader(pair.name) != .ok) return false;
    }
    var value: Text = .{ .buffer = &credential_buffer };
    value.add(credential.prefix);
    value.add(credential.key);
    return abi.replaceHeader(credential.header, value.written()) == .ok;
}

/// No configuration is in force for this stream: nothing can be checked, so nothing is sent.
fn refuseUnknown() abi.Action {
    return refuseWithout(.shim_fault);
}

fn refuseOverloaded() abi.Action {
    return refuseWithout(.shim_overloaded);
}

fn refuseWithout(reason: contract.Reason) abi.Action {
    const spec = reason.spec();
    var headers: pairs.Writer = .{};
    headers.add(contract.header.reason, spec.code);
    var buffer: [128]u8 = undefined;
    const serialised = headers.serialise(&buffer) orelse "\x00\x00\x00\x00";
    abi.log(.critical, "meshward: a request was denied because the shim could not take it");
    _ = abi.respond(spec.status, spec.code, spec.code, serialised);
    return .pause;
}
