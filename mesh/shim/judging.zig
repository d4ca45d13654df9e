//! Judging a response: what the state machine (core.zig) says of it is done here, for a whole one
//! in Envoy's buffer, for a streamed one in windows (windows.zig).
//!
//!     judge: event ─▶ wait · ask · replace · pass · refuse        proceed: the next window, if due

const std = @import("std");
const abi = @import("abi.zig");
const asking = @import("asking.zig");
const callout = @import("callout.zig");
const contract = @import("contract.zig");
const core = @import("core.zig");
const denial = @import("denial.zig");
const memory = @import("memory.zig");
const sha256 = @import("sha256.zig");
const streams = @import("streams.zig");
const Reply = streams.Reply;
const Said = asking.Said;
const Side = asking.Side;
const Stream = streams.Stream;

/// Windows that are due by time are looked for so often, while any stream waits.
const tick_ms = 20;

/// Judge the next window if it is due.
pub fn proceed(stream: *Stream, reply: *Reply) abi.Flow {
    return openNext(stream, reply) catch |err| fail(stream, reply, err);
}

fn openNext(stream: *Stream, reply: *Reply) !abi.Flow {
    const plugin = stream.plugin orelse return error.HostRefused;
    const windows = &reply.windows;
    const window = plugin.config.window;
    if (!windows.isDue(window.bytes, window.ms, asking.nowMs())) {
        if (windows.waiting.items.len == 0 or windows.is_open) return .hold;
        // Without ticks it would wait for the provider's next bytes: then it is judged now.
        if (tick(plugin, true)) return .hold else |_| {}
    }
    try windows.open();
    reply.call = .{
        .phase = .response,
        .is_window = true,
        .body_bytes_max = contract.window_bytes_max,
    };
    const bytes = windows.window.items.len;
    return judge(stream, reply, .{ .read = .{ .bytes = bytes, .end = true } }, .{});
}

/// Bring `event` to the state machine and do what it says, until there is nothing more to do now.
pub fn judge(stream: *Stream, reply: *Reply, event: core.Event, said: Said) abi.Flow {
    return act(stream, reply, event, said) catch |err| fail(stream, reply, err);
}

fn act(stream: *Stream, reply: *Reply, event: core.Event, said: Said) !abi.Flow {
    const side: Side = .ofReply(stream, reply);
    var step = side.react(event);
    if (event == .answer) try settle(reply, step, event.answer.check, said.keep, null);
    while (true) {
        step = switch (step.action) {
            .wait => return .hold,
            .call => |checks| try ask(side, reply, checks),
            .replace => |check| try replace(side, reply, check, said),
            .pass => return if (reply.call.is_window) try passed(stream, reply) else .go,
            .deny => |why| return refuse(stream, reply, why, said),
        };
    }
}

/// A check is done with a window: what it keeps comes again, the rest is for the next check.
fn settle(
    reply: *Reply,
    step: core.Step,
    check: core.Index,
    keep: usize,
    masked: ?[]const u8,
) !void {
    if (!reply.call.is_window or reply.call.state == .denied) return;
    const is_done = !reply.call.out.isSet(check) or
        (step.action == .call and !step.action.call.isSet(check));
    if (is_done and step.action != .replace) try reply.windows.settle(check, keep, masked);
}

fn ask(side: Side, reply: *Reply, checks: core.Set) !core.Step {
    const stream = side.stream;
    const plugin = stream.plugin orelse return error.HostRefused;
    var signed = callout.signedText(plugin.config.policy, plugin.workload(), &stream.message);
    signed.phase = @tagName(contract.Phase.response);
    signed.content_type = reply.content.get(.content_type);
    signed.content_encoding = reply.content.get(.content_encoding);
    if (!reply.call.is_window) {
        const body = if (reply.call.bytes == 0) "" else try abi.read(.response_body);
        return side.ask(checks, &signed, body, &sha256.hash(body));
    }
    const windows = &reply.windows;
    if (!windows.concerns()) return side.react(.waived);
    const check = checks.findFirstSet() orelse return error.HostRefused;
    var buffer: [callout.stream_bytes_max]u8 = undefined;
    signed.stream = callout.position(&buffer, windows.seqs[check], windows.is_final);
    const body = try windows.present(check);
    const step = side.ask(checks, &signed, body, &sha256.hash(body));
    if (step.action != .wait) try settle(reply, step, @intCast(check), 0, null);
    return step;
}

/// Put what a check made in the place of what it judged.
fn replace(side: Side, reply: *Reply, check: core.Index, said: Said) !core.Step {
    if (reply.call.is_window) {
        try reply.windows.settle(check, said.keep, said.body);
    } else {
        const tells_length = reply.are_headers_held and reply.content.is_length_announced;
        try asking.replace(.response, tells_length, said.body);
    }
    return side.react(.{ .replaced = check });
}

/// All checks have let a window pass.
fn passed(stream: *Stream, reply: *Reply) !abi.Flow {
    const plugin = stream.plugin orelse return error.HostRefused;
    const windows = &reply.windows;
    try windows.close();
    if (windows.is_final) return try flush(reply);
    // After the end all has to go at once. Before, what has come in meanwhile is judged first if it
    // has not waited long: else it could be ready when Envoy holds nothing to put it in front of.
    const waited_ms = asking.nowMs() -% windows.waiting_since_ms;
    const is_fresh = windows.waiting.items.len > 0 and waited_ms < plugin.config.window.ms;
    if (windows.has_ended) return proceed(stream, reply);
    if (is_fresh) tick(plugin, true) catch {};
    if (windows.ready.items.len == 0 or !reply.is_held) return proceed(stream, reply);
    const flow = try flush(reply);
    _ = proceed(stream, reply);
    return flow;
}

/// Give what is ready to Envoy, which holds nothing else, to be released.
pub fn flush(reply: *Reply) !abi.Flow {
    try abi.replace(.response_body, reply.windows.ready.items);
    reply.windows.released();
    reply.is_held = false;
    return .go;
}

/// Nothing more of a denied response gets out, but for the words that end it. Where its end cannot
/// be told, the stream breaks off.
pub fn drop(stream: *const Stream, reply: *Reply, end: bool) abi.Flow {
    return flush(reply) catch {
        if (end) asking.answerCaller(stream.template, .shim_fault, denial.nobody);
        return .drop;
    };
}

fn refuse(stream: *Stream, reply: *Reply, why: core.Denial, said: Said) !abi.Flow {
    if (reply.are_headers_held) {
        asking.deny(stream, why, said);
        return .drop;
    }
    const ready = &reply.windows.ready;
    const pieces: []const []const u8 = if (!reply.call.is_window)
        &.{stream.template.body}
    else
        &stream.template.closing();
    if (why.relayed) {
        try ready.appendSlice(memory.allocator, said.body);
    } else for (pieces) |piece| {
        try ready.appendSlice(memory.allocator, asking.words(stream, why, piece));
    }
    if (reply.is_held) return flush(reply);
    return if (reply.has_trailers) .go else .hold;
}

/// What could not be done ends in a denial; where not even that can be said, the stream breaks off.
pub fn fail(stream: *Stream, reply: *Reply, err: anyerror) abi.Flow {
    const reason: contract.Reason = switch (err) {
        error.OutOfMemory => .shim_overloaded,
        error.TooLarge => .response_too_large,
        error.Unsupported => .response_unsupported,
        else => .shim_fault,
    };
    // Between two windows, the machine of the last one has passed; of a stream that is no decision.
    if (reply.call.state == .passed) reply.call.state = .reading;
    _ = Side.ofReply(stream, reply).react(.{ .refused = reason });
    reply.call.state = .denied;
    return refuse(stream, reply, .{ .reason = reason }, .{}) catch {
        asking.answerCaller(stream.template, reason, denial.nobody);
        return .drop;
    };
}

/// The same where nothing more may come through, not even words: better a broken stream.
pub fn breakOff(stream: *Stream, reply: *Reply, err: anyerror) abi.Flow {
    const flow = fail(stream, reply, err);
    if (reply.are_headers_held) return flow;
    stream.call.state = .denied;
    // Nobody gets these words: the answer has begun.
    asking.answerCaller(stream.template, .shim_fault, denial.nobody);
    return .hold;
}

/// Has `reply.onTick` called while any stream of `plugin` waits for its window to be due. To be
/// called in the context of the plugin or of one of its streams: each has ticks of its own.
pub fn tick(plugin: *streams.Plugin, on: bool) abi.Error!void {
    if (on == plugin.is_ticking) return;
    try abi.tickEvery(if (on) tick_ms else plugin.idle_tick_ms);
    plugin.is_ticking = on;
}
