//! What the shim does with a request: brings the host's events to the state machine (core.zig) and
//! does what it says.
//!
//!     headers, body, trailers, answers ─▶ core.step ─▶ wait · call · replace · pass · deny
//!
//! Responses are in reply.zig.

const std = @import("std");
const abi = @import("abi.zig");
const answer = @import("answer.zig");
const asking = @import("asking.zig");
const broker = @import("broker.zig");
const callout = @import("callout.zig");
const contract = @import("contract.zig");
const core = @import("core.zig");
const denial = @import("denial.zig");
const headers = @import("headers.zig");
const hosts = @import("hosts.zig");
const log = @import("log.zig");
const memory = @import("memory.zig");
const message = @import("message.zig");
const metrics = @import("metrics.zig");
const reply = @import("reply.zig");
const series = @import("series.zig");
const sha256 = @import("sha256.zig");
const sign = @import("sign.zig");
const streams = @import("streams.zig");
const takeover = @import("takeover.zig");
const Said = asking.Said;
const Side = asking.Side;
const Stream = streams.Stream;
const fault = asking.fault;

const bare_template: denial.Template = .{
    .path_prefix = "/",
    .content_type = "text/plain",
    .body = "{reason}",
};

/// A request's headers: the place where it becomes guarded, or goes its way untouched.
pub fn onHeaders(context: u32, end: bool) abi.Flow {
    return examine(context, end) catch {
        // Whose request it is cannot be known. Envoy does not let that happen.
        asking.answerCaller(&bare_template, .shim_fault, denial.nobody);
        return .hold;
    };
}

fn examine(context: u32, end: bool) abi.Error!abi.Flow {
    const plugin = streams.pluginOf(context) orelse return error.HostRefused;
    const map = try abi.pairs(.request);
    const match = hosts.match(plugin.config.hosts(), map.first(":authority"));
    const host = switch (match) {
        .free => return .go,
        .guarded, .refused => |index| &plugin.config.hosts()[index],
    };
    const path = map.first(":path");
    const template = host.denialFor(path);
    const fresh: Stream = .{
        .context = context,
        .plugin = plugin,
        .host = host,
        .template = template,
        .began_ms = asking.nowMs(),
        .call = .{ .body_bytes_max = plugin.config.body_bytes_max },
        .cache_seconds = plugin.config.cache.seconds,
    };
    const stream = streams.take(&fresh) orelse {
        log.noted(.{ .effect = .denied, .reason = .shim_overloaded }, &fresh, 0);
        metrics.decided(.request, .deny, series.numberOf(.shim_overloaded));
        asking.answerCaller(template, .shim_overloaded, denial.nobody);
        return .hold;
    };
    if (match == .refused) return refuse(stream, .request_unsupported);
    takeOver(stream, map) catch |err| return refuse(stream, switch (err) {
        error.HostRefused => .shim_fault,
        error.Unsupported => .request_unsupported,
        error.OutOfMemory => .shim_overloaded,
    });
    if (end and host.isUnchecked(path)) stream.is_unchecked = true;
    const announced = if (end) 0 else stream.message.announced_bytes;
    stream.call.awaiting = .more;
    _ = advance(stream, .{ .read = .{ .bytes = announced, .end = end } }, .{});
    return admit(stream);
}

/// Put a key in and see what becomes of the headers. While the first keys are on their way, the
/// call waits for them (`onKeys`).
fn admit(stream: *Stream) abi.Flow {
    const plugin = stream.plugin orelse return .hold;
    const chosen = takeover.choose(stream) orelse {
        if (!broker.isAwaited(plugin)) return refuse(stream, .key_unavailable);
        return .hold;
    };
    takeover.set(&stream.host.credential, chosen.key) catch return refuse(stream, .shim_fault);
    stream.key_id = chosen.id;
    const read: core.Read = .{ .bytes = stream.call.bytes, .end = stream.call.awaiting == .all };
    stream.call.awaiting = .nothing;
    const flow = advance(stream, if (stream.is_unchecked) .waived else .{ .read = read }, .{});
    if (stream.call.state != .reading or plugin.config.body == .hold) return flow;
    // The headers go on; the body may come out longer or shorter than they announce.
    if (stream.message.is_length_announced) {
        abi.remove(.request, "content-length") catch return refuse(stream, .shim_fault);
    }
    return .go;
}

/// The keys that calls have waited for are there, or will not come in time.
pub fn onKeys(plugin: *streams.Plugin) void {
    if (!broker.isAwaitingOver(plugin)) return;
    for (streams.all()) |*stream| {
        const is_waiting = stream.call.awaiting != .nothing and stream.call.state == .reading;
        if (stream.plugin != plugin or !is_waiting) continue;
        abi.enter(stream.context) catch continue;
        asking.release(stream, .request, admit(stream));
        memory.sweep();
    }
}

/// More of the body: `bytes` of it are held now.
pub fn onBody(context: u32, bytes: u32, end: bool) abi.Flow {
    const stream = streams.find(context) orelse return .go;
    if (stream.call.state == .passed) return .go;
    const flow = advance(stream, .{ .read = .{ .bytes = bytes, .end = end } }, .{});
    // Held any longer, the rest could outgrow Envoy's buffer, and Envoy would answer in our place.
    return if (stream.call.state == .denied) .drop else flow;
}

/// Trailers end a body. No check sees them and no provider needs them, so they go no further.
pub fn onTrailers(context: u32) abi.Flow {
    const stream = streams.find(context) orelse return .go;
    abi.clear(.request_trailers) catch return refuse(stream, .shim_fault);
    if (stream.call.state == .passed) return .go;
    return advance(stream, .{ .read = .{ .bytes = 0, .end = true } }, .{});
}

/// The answer to a callout, in the context of the plugin; its stream may be gone or decided.
pub fn onAnswer(token: u32, headers_count: u32, body_bytes: u32) void {
    const waiting = streams.waiting(token) orelse return;
    const stream = waiting.stream;
    abi.enter(stream.context) catch return;
    if (waiting.phase == .response) {
        return reply.onAnswer(stream, waiting.check, headers_count, body_bytes);
    }
    const plugin = stream.plugin orelse return;
    const limits: answer.Limits = .{ .body_bytes_max = plugin.config.body_bytes_max };
    var said: Said = .{};
    const side: Side = .ofRequest(stream);
    const event = side.listen(waiting.check, headers_count, body_bytes, limits, &said);
    asking.release(stream, .request, advance(stream, event, said));
}

/// Remember the request and take the caller's credentials out.
fn takeOver(stream: *Stream, map: headers.Map) !void {
    if (message.upgrades(map)) {
        if (stream.host.upgrades == .deny or !message.mayUpgrade(map)) return error.Unsupported;
        stream.is_unchecked = true;
    }
    try stream.message.remember(try takeover.drop(map, &stream.host.credential));
    // A coding that the provider chooses is one that windows of a stream cannot be read in.
    if (reply.isChecked(stream)) try abi.set(.request, "accept-encoding", "identity");
}

fn refuse(stream: *Stream, reason: contract.Reason) abi.Flow {
    return advance(stream, .{ .refused = reason }, .{});
}

/// Bring `event` to the state machine and do what it says, until there is nothing more to do now.
fn advance(stream: *Stream, event: core.Event, said: Said) abi.Flow {
    const side: Side = .ofRequest(stream);
    var step = side.react(event);
    while (true) {
        step = switch (step.action) {
            .wait => return .hold,
            .call => |checks| ask(stream, side, checks),
            .replace => |check| if (replace(stream, said.body))
                side.react(.{ .replaced = check })
            else |_|
                side.react(fault),
            .pass => {
                remember(stream);
                return .go;
            },
            .deny => |why| {
                // A provider may have begun to answer what it has not got whole.
                if (stream.reply) |begun| begun.call.state = .denied;
                asking.deny(stream, why, said);
                return .hold;
            },
        };
    }
}

/// Send the request to `checks`, unless one just like it was allowed a while ago.
fn ask(stream: *Stream, side: Side, checks: core.Set) core.Step {
    const plugin = stream.plugin orelse return .{ .action = .wait };
    const body = held(stream) catch return side.react(fault);
    const signed = callout.signedText(plugin.config.policy, plugin.workload(), &stream.message);
    const digest = sha256.hash(body);
    const was_asked = stream.cache_epoch != 0;
    if (!was_asked and stream.cache_seconds > 0) if (plugin.cache) |cache| {
        stream.identity = sign.identity(&signed, &digest);
        stream.cache_epoch = cache.epoch;
        const now = asking.nowMs();
        // By a clock that cannot be read, no allow would ever be old.
        const has = now > 0 and cache.has(&stream.identity, now);
        metrics.cache(has);
        if (has) {
            stream.cache_seconds = 0;
            return side.react(.waived);
        }
    };
    return side.ask(checks, &signed, body, &digest);
}

/// Keep in mind that all checks have allowed the call as it came. One that no check was asked about
/// has no identity; and one that a check was asked about before the policy changed is of the past.
fn remember(stream: *Stream) void {
    const plugin = stream.plugin orelse return;
    const cache = plugin.cache orelse return;
    if (stream.cache_seconds == 0 or stream.cache_epoch != cache.epoch) return;
    const until_ms = asking.nowMs() + stream.cache_seconds * std.time.ms_per_s;
    cache.put(&stream.identity, until_ms);
}

/// The body that is held. A host that has seen some of it and gives none may not be believed.
fn held(stream: *const Stream) abi.Error![]const u8 {
    if (stream.call.bytes == 0) return "";
    const body = try abi.read(.request_body);
    return if (body.len > 0) body else error.HostRefused;
}

/// Put the message that a check made in the place of the one that is held.
fn replace(stream: *const Stream, body: []const u8) abi.Error!void {
    // In the portable form the headers have gone, without a length.
    const plugin = stream.plugin orelse return error.HostRefused;
    const are_headers_held = plugin.config.body == .hold;
    const tells_length = are_headers_held and stream.message.is_length_announced;
    try asking.replace(.request, tells_length, body);
}
