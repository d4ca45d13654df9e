//! What the shim does with a stream: brings the host's events to the state machine (core.zig) and
//! does what it says.
//!
//!     headers, body, trailers, answers ─▶ core.step ─▶ wait · call · replace · pass · deny
//!
//! Anything that the host refuses on the way becomes the event `fault`, and with it a denial.

const std = @import("std");
const abi = @import("abi.zig");
const answer = @import("answer.zig");
const callout = @import("callout.zig");
const config = @import("config.zig");
const contract = @import("contract.zig");
const core = @import("core.zig");
const denial = @import("denial.zig");
const headers = @import("headers.zig");
const hosts = @import("hosts.zig");
const log = @import("log.zig");
const overflow = @import("overflow.zig");
const sign = @import("sign.zig");
const streams = @import("streams.zig");
const text = @import("text.zig");
const Stream = streams.Stream;

/// Where clients put their own keys. On a guarded host the provider gets the guard's key only.
const caller_credentials = [_][]const u8{
    "authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization",
};
const own_header_prefix = "x-meshward-";

const bare_template: denial.Template = .{
    .path_prefix = "/",
    .content_type = "text/plain",
    .body = "{reason}",
};

// Large and used by one callback at a time, so not on the small stack.
var callout_buffer: [callout.encoded_bytes_max]u8 = undefined;
var denial_buffer: [denial.body_bytes_max]u8 = undefined;
var credential_buffer: [config.prefix_bytes_max + config.key_bytes_max]u8 = undefined;
var response_headers_buffer: [1024]u8 = undefined;

/// A request's headers: the place where it becomes guarded, or goes its way untouched.
pub fn onHeaders(context: u32, end: bool) abi.Flow {
    return examine(context, end) catch {
        // Whose request it is cannot be known. Envoy does not let that happen.
        answerCaller(&bare_template, .shim_fault, denial.nobody);
        return .hold;
    };
}

fn examine(context: u32, end: bool) abi.Error!abi.Flow {
    const plugin = streams.pluginOf(context) orelse return error.HostRefused;
    const authority = try abi.pseudo(.request, ":authority");
    const match = hosts.match(plugin.config.hosts(), authority);
    const host = switch (match) {
        .free => return .go,
        .guarded, .refused => |index| &plugin.config.hosts()[index],
    };
    const template = host.denialFor(try abi.pseudo(.request, ":path"));
    const stream = streams.take(context) orelse {
        log.noted(.{ .effect = .denied, .reason = .shim_overloaded }, plugin, host.name, 0);
        answerCaller(template, .shim_overloaded, denial.nobody);
        return .hold;
    };
    stream.plugin = plugin;
    stream.host = host;
    stream.template = template;
    stream.began_ms = nowMs();
    stream.overflowed = false;
    stream.call = .{ .body_bytes_max = plugin.config.body_bytes_max };
    if (match == .refused) return advance(stream, .{ .refused = .request_unsupported }, null);
    takeOver(stream) catch |err| return advance(stream, .{ .refused = switch (err) {
        error.HostRefused => .shim_fault,
        error.Unsupported => .request_unsupported,
        error.KeyMissing => .key_unavailable,
    } }, null);
    const announced = if (end) 0 else stream.message.announced_bytes;
    const flow = advance(stream, .{ .read = .{ .bytes = announced, .end = end } }, null);
    if (end or stream.call.state == .denied or plugin.config.body == .hold) return flow;
    // The headers go on; the body may come out longer or shorter than they announce.
    abi.remove(.request, "content-length") catch return advance(stream, fault, null);
    return .go;
}

/// More of the body: `bytes` of it are held now.
pub fn onBody(context: u32, bytes: u32, end: bool) abi.Flow {
    const stream = streams.find(context) orelse return .go;
    const flow = advance(stream, .{ .read = .{ .bytes = bytes, .end = end } }, null);
    // Held any longer, the rest could outgrow Envoy's buffer, and Envoy would answer in our place.
    return if (stream.call.state == .denied) .drop else flow;
}

/// Trailers end a body. No check sees them and no provider needs them, so they go no further.
pub fn onTrailers(context: u32) abi.Flow {
    const stream = streams.find(context) orelse return .go;
    abi.clear(.request_trailers) catch return advance(stream, fault, null);
    return advance(stream, .{ .read = .{ .bytes = 0, .end = true } }, null);
}

/// The answer to a callout, in the context of the plugin; its stream may be gone or decided.
pub fn onAnswer(token: u32, headers_count: u32, body_bytes: u32) void {
    const waiting = streams.waiting(token) orelse return;
    const stream = waiting.stream;
    abi.enter(stream.context) catch return streams.release(stream.context);
    var said: Said = .{};
    const event: core.Event = if (listen(stream, headers_count, body_bytes, &said)) |outcome|
        .{ .answer = .{ .check = waiting.check, .outcome = outcome } }
    else |_|
        fault;
    if (advance(stream, event, said) == .hold) return;
    abi.continueRequest() catch answerCaller(stream.template, .shim_fault, denial.nobody);
}

/// An answer that is not the provider's may be Envoy's own, for a body that it would not hold.
pub fn onResponseHeaders(context: u32) abi.Flow {
    const stream = streams.find(context) orelse return .go;
    if (!overflow.isEnvoys(stream)) return .go;
    stream.overflowed = true;
    _ = react(stream, .{ .refused = .request_too_large });
    overflow.rewordHeaders(stream);
    return .go;
}

pub fn onResponseBody(context: u32) abi.Flow {
    const stream = streams.find(context) orelse return .go;
    if (stream.overflowed) overflow.rewordBody(stream);
    return .go;
}

pub fn onDone(context: u32) void {
    streams.release(context);
}

const fault: core.Event = .{ .refused = .shim_fault };

/// The parts of a check's answer that are relayed as they are.
const Said = struct { status: u32 = 0, content_type: []const u8 = "", body: []const u8 = "" };

/// Remember the request, take the caller's credentials out and put the guard's key in.
fn takeOver(stream: *Stream) !void {
    const map = try abi.pairs(.request);
    try stream.message.remember(map);
    const credential = stream.host.credential;
    if (credential.key.len == 0) return error.KeyMissing;
    var each = map.iterator();
    while (each.next()) |pair| {
        if (!std.mem.startsWith(u8, pair.name, own_header_prefix)) continue;
        try abi.remove(.request, pair.name);
    }
    for (caller_credentials) |name| try abi.remove(.request, name);
    var value: text.Text = .{ .buffer = &credential_buffer };
    value.add(credential.prefix);
    value.add(credential.key);
    try abi.set(.request, credential.header, value.written());
}

/// Bring `event` to the state machine and do what it says, until there is nothing more to do now.
fn advance(stream: *Stream, event: core.Event, said: ?Said) abi.Flow {
    var step = react(stream, event);
    while (true) {
        step = switch (step.action) {
            .wait => return .hold,
            .call => |checks| callAll(stream, checks),
            .replace => |check| react(stream, replace(stream, check, said)),
            .pass => {
                streams.release(stream.context);
                return .go;
            },
            .deny => |why| {
                deny(stream, why, said);
                return .hold;
            },
        };
    }
}

fn react(stream: *Stream, event: core.Event) core.Step {
    const now = nowMs();
    const step = stream.call.step(stream.plugin.config.rules(), event, now);
    if (step.note) |note| {
        log.noted(note, stream.plugin, stream.host.name, now -| stream.began_ms);
    }
    return step;
}

/// Send the message to `checks`. One that cannot be asked has failed at once.
fn callAll(stream: *Stream, checks: core.Set) core.Step {
    const plugin = stream.plugin;
    const body = message(stream) catch return react(stream, fault);
    const signed = callout.signedText(plugin.config.policy, plugin.workload(), &stream.message);
    var buffer: [sign.value_bytes_max]u8 = undefined;
    const at = nowMs() / std.time.ms_per_s;
    const signature = sign.value(&buffer, plugin.config.signing_secret, signed, body, at);
    var each = checks.iterator(.{});
    while (each.next()) |index| {
        const reason = send(stream, index, signed, signature, body) orelse continue;
        const failed: core.Outcome = .{ .failed = reason };
        const step = react(stream, .{ .answer = .{ .check = index, .outcome = failed } });
        if (step.action != .wait) return step;
    }
    return .{ .action = .wait };
}

/// The body that is held. A host that has seen some of it and gives none may not be believed.
fn message(stream: *const Stream) abi.Error![]const u8 {
    if (stream.call.empty) return "";
    const body = try abi.read(.request_body);
    return if (body.len > 0) body else error.HostRefused;
}

/// Send one callout; the reason why it could not be sent, if so.
fn send(
    stream: *Stream,
    index: usize,
    signed: sign.Signed,
    signature: []const u8,
    body: []const u8,
) ?contract.Reason {
    const settings = &stream.plugin.config;
    const check = settings.checks()[index];
    const deadline_ms = @max(1, stream.call.remainingMs(settings.rules()[index], nowMs()));
    const encoded = callout.encode(
        &callout_buffer,
        check,
        signed,
        signature,
        deadline_ms,
        &stream.message,
    ) catch return .shim_fault;
    stream.tokens[index] = abi.callOut(check.cluster, encoded, body, deadline_ms) catch |err| {
        return switch (err) {
            error.ClusterUnknown => .check_unreachable,
            error.HostRefused => .check_reset,
        };
    };
    return null;
}

/// What a callout's answer says. Where none came there are no headers at all, or Envoy's own.
fn listen(stream: *const Stream, headers_count: u32, body_bytes: u32, said: *Said) !core.Outcome {
    if (headers_count == 0) return .lost;
    const map = try abi.pairs(.callout);
    const status = text.parse(map.first(":status")) orelse 0;
    const limits: answer.Limits = .{ .body_bytes_max = stream.plugin.config.body_bytes_max };
    const understood = switch (answer.decode(status, map, body_bytes, limits)) {
        .failed => |reason| return if (reason == .check_reset) .lost else .{ .failed = reason },
        .answer => |understood| understood,
    };
    if (understood.decision == .allow) return .allow;
    said.* = .{
        .status = understood.status,
        .content_type = understood.content_type,
        .body = try abi.read(.callout_body),
    };
    if (said.body.len != body_bytes) return error.HostRefused;
    const reason = understood.reason;
    return if (understood.decision == .mask) .{ .mask = reason } else .{ .deny = reason };
}

/// Put the message that a check made in the place of the one that is held.
fn replace(stream: *const Stream, check: usize, said: ?Said) core.Event {
    const body = if (said) |answered| answered.body else return fault;
    abi.replace(.request_body, body) catch return fault;
    // In the portable form the headers have gone, without a length.
    if (stream.plugin.config.body == .hold and stream.message.is_length_announced) {
        var digits: [text.digits_max]u8 = undefined;
        abi.set(.request, "content-length", text.decimal(&digits, body.len)) catch return fault;
    }
    return .{ .replaced = check };
}

fn deny(stream: *const Stream, why: core.Denial, said: ?Said) void {
    if (why.relayed) if (said) |answered| {
        if (respond(answered.status, why.reason, answered.content_type, answered.body)) return;
    };
    const checks = stream.plugin.config.checks();
    const name = if (why.check) |index| checks[index].name else denial.nobody;
    answerCaller(stream.template, why.reason, name);
}

/// Answer with the shim's own words. If even that fails, the request stays held: nothing goes out.
fn answerCaller(template: *const denial.Template, reason: contract.Reason, check: []const u8) void {
    const body = denial.render(&denial_buffer, template.body, reason, check);
    _ = respond(reason.spec().status, reason, template.content_type, body);
}

/// False where the host refuses, or the content type is longer than any real one.
fn respond(status: u32, reason: contract.Reason, content_type: []const u8, body: []const u8) bool {
    const encoded = headers.encode(&.{
        .{ .name = "content-type", .value = content_type },
        .{ .name = contract.header.reason, .value = reason.spec().code },
    }, &response_headers_buffer) catch return false;
    abi.respond(status, reason.spec().code, encoded, body) catch return false;
    return true;
}

fn nowMs() u64 {
    return abi.nowNanoseconds() / std.time.ns_per_ms;
}
