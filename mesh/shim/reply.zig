//! What the shim does with a provider's response: the checks of the response phase see it first.
//!
//!     no check for responses, no body, not the provider's own ─▶ goes its way
//!     text/event-stream ─▶ windows.zig: judged and released piece by piece
//!     anything else     ─▶ held whole, up to `response_bytes_max`
//!
//! A denied answer is replaced. In the form `hold` its headers have waited too, and the caller gets
//! an answer of its own; in `portable` they have gone, and only the body says what happened. A
//! stream always has begun: it ends with the closing events of the check that denied it.

const std = @import("std");
const abi = @import("abi.zig");
const answer = @import("answer.zig");
const asking = @import("asking.zig");
const core = @import("core.zig");
const denial = @import("denial.zig");
const judging = @import("judging.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const overflow = @import("overflow.zig");
const streams = @import("streams.zig");
const series = @import("series.zig");
const takeover = @import("takeover.zig");
const text = @import("text.zig");
const Message = @import("message.zig").Message;
const Reply = streams.Reply;
const Said = asking.Said;
const Side = asking.Side;
const Stream = streams.Stream;

const event_stream = "text/event-stream";
/// How Envoy calls an answer that came from the provider, and not from itself or the shim.
const from_provider = "via_upstream";

/// Whether any check is to see the response to this request.
pub fn isChecked(stream: *const Stream) bool {
    const plugin = stream.plugin orelse return true;
    if (stream.is_unchecked) return false;
    for (plugin.config.rules()) |rule| {
        if (rule.phases.contains(.response)) return true;
    }
    return false;
}

/// Whether the response on its way is the provider's, and not Envoy's own or the shim's.
pub fn isProviders() bool {
    const origin = abi.property("response\x00code_details") orelse from_provider;
    return text.eql(origin, from_provider);
}

pub fn onHeaders(context: u32, end: bool) abi.Flow {
    const stream = streams.find(context) orelse return .go;
    // Of headers, that also stops the body.
    if (stream.plugin == null) return .drop;
    takeover.told(stream);
    if (overflow.isEnvoys(stream)) {
        stream.overflowed = true;
        _ = Side.ofRequest(stream).react(.{ .refused = .request_too_large });
        overflow.rewordHeaders(stream);
        return .go;
    }
    if (stream.call.state == .denied or end or !isChecked(stream)) return .go;
    if (!isProviders()) return .go;
    return begin(stream) catch |err| {
        const reply = stream.reply orelse {
            // Without a place to hold it, it cannot be checked.
            metrics.decided(.response, .deny, series.numberOf(.shim_overloaded));
            asking.answerCaller(stream.template, .shim_overloaded, denial.nobody);
            return .hold;
        };
        const flow = judging.fail(stream, reply, err);
        return if (reply.are_headers_held) flow else .go;
    };
}

fn begin(stream: *Stream) !abi.Flow {
    const plugin = stream.plugin orelse return error.HostRefused;
    const map = try abi.pairs(.response);
    const reply = try memory.allocator.create(Reply);
    reply.* = .{
        .call = .{ .phase = .response, .body_bytes_max = plugin.config.response_bytes_max },
        .content = .{},
        .are_headers_held = plugin.config.body == .hold,
    };
    stream.reply = reply;
    // What goes on may come out longer or shorter than announced.
    if (!reply.are_headers_held) try abi.remove(.response, "content-length");
    try reply.content.rememberContent(map);
    if (isEventStream(&reply.content)) {
        reply.call.is_window = true;
        reply.are_headers_held = false;
        try abi.remove(.response, "content-length");
        return .go;
    }
    const announced = reply.content.announced_bytes;
    const event: core.Event = .{ .read = .{ .bytes = announced, .end = false } };
    const flow = judging.judge(stream, reply, event, .{});
    return if (reply.are_headers_held) flow else .go;
}

/// Whether it comes in events, and in no coding that would hide them.
fn isEventStream(content: *const Message) bool {
    const coding = content.get(.content_encoding);
    if (coding.len > 0 and !std.ascii.eqlIgnoreCase(coding, "identity")) return false;
    const content_type = content.get(.content_type);
    if (!std.ascii.startsWithIgnoreCase(content_type, event_stream)) return false;
    const rest = content_type[event_stream.len..];
    return rest.len == 0 or rest[0] == ';' or rest[0] == ' ';
}

pub fn onBody(context: u32, bytes: u32, end: bool) abi.Flow {
    const stream = streams.find(context) orelse return .go;
    if (stream.overflowed) {
        overflow.rewordBody(stream);
        return .go;
    }
    const reply = stream.reply orelse return .go;
    if (reply.call.state == .denied) return judging.drop(stream, reply, end);
    reply.is_held = true;
    if (reply.call.is_window) {
        return take(stream, reply, end) catch |err| judging.fail(stream, reply, err);
    }
    return judging.judge(stream, reply, .{ .read = .{ .bytes = bytes, .end = end } }, .{});
}

/// Trailers end a response. No check sees them, so they go no further.
pub fn onTrailers(context: u32) abi.Flow {
    const stream = streams.find(context) orelse return .go;
    const reply = stream.reply orelse return .go;
    abi.clear(.response_trailers) catch |err| return judging.breakOff(stream, reply, err);
    if (reply.call.state == .denied) return .go;
    reply.has_trailers = true;
    if (!reply.call.is_window) {
        return judging.judge(stream, reply, .{ .read = .{ .bytes = 0, .end = true } }, .{});
    }
    if (!reply.is_held and reply.windows.isEmpty()) return .go;
    reply.windows.has_ended = true;
    if (reply.is_held) return judging.proceed(stream, reply);
    // Nothing can be put in front of trailers any more, and a cut stream would look like a whole one.
    return judging.breakOff(stream, reply, error.Unsupported);
}

/// The answer to a callout, in the context of the stream.
pub fn onAnswer(stream: *Stream, check: core.Index, headers_count: u32, body_bytes: u32) void {
    const reply = stream.reply orelse return;
    var said: Said = .{};
    const side: Side = .ofReply(stream, reply);
    const windows = &reply.windows;
    const keep_max: ?usize = if (!reply.call.is_window)
        null
    else if (windows.is_final) 0 else windows.window.items.len;
    const limits: answer.Limits = .{
        .body_bytes_max = if (stream.plugin) |plugin| plugin.config.response_bytes_max else 0,
        .keep_bytes_max = keep_max,
    };
    const event = side.listen(check, headers_count, body_bytes, limits, &said);
    asking.release(stream, .response, judging.judge(stream, reply, event, said));
}

/// Look for windows of the plugin's streams whose time has come.
pub fn onTick(plugin: *streams.Plugin) void {
    const now = asking.nowMs();
    const window = plugin.config.window;
    var waits = false;
    for (streams.all()) |*stream| {
        if (stream.plugin != plugin) continue;
        const reply = stream.reply orelse continue;
        if (!reply.call.is_window or reply.call.state == .denied) continue;
        if (reply.windows.isDue(window.bytes, window.ms, now)) {
            abi.enter(stream.context) catch continue;
            asking.release(stream, .response, judging.proceed(stream, reply));
            memory.sweep();
        }
        waits = waits or reply.windows.waiting.items.len > 0;
    }
    if (!waits) judging.tick(plugin, false) catch return;
}

/// New bytes of a stream: into the plugin's memory, so that Envoy holds nothing that is not judged.
fn take(stream: *Stream, reply: *Reply, end: bool) !abi.Flow {
    const plugin = stream.plugin orelse return error.HostRefused;
    const windows = &reply.windows;
    const bytes = try abi.read(.response_body);
    try windows.append(bytes, plugin.config.response_bytes_max, asking.nowMs());
    windows.has_ended = end;
    try abi.replace(.response_body, "");
    const flow = judging.proceed(stream, reply);
    if (flow != .hold or end or windows.ready.items.len == 0) return flow;
    // Judged while Envoy held nothing: now there is something to put it in the place of.
    return try judging.flush(reply);
}
