//! Asking checks, for a request and for a response alike: events go to the state machine of the
//! message (core.zig), callouts to the checks, and what they answer is understood.
//!
//!     react: event ─▶ core.step ─▶ noted        call: message ─▶ signed ─▶ callouts
//!     listen: the answer to a callout ─▶ outcome, and what is to be relayed of it
//!
//! Anything that the host refuses on the way becomes the event `fault`, and with it a denial.

const std = @import("std");
const abi = @import("abi.zig");
const answer = @import("answer.zig");
const callout = @import("callout.zig");
const contract = @import("contract.zig");
const core = @import("core.zig");
const denial = @import("denial.zig");
const headers = @import("headers.zig");
const log = @import("log.zig");
const sign = @import("sign.zig");
const streams = @import("streams.zig");
const text = @import("text.zig");
const trace = @import("trace.zig");
const Stream = streams.Stream;

// Large and used by one callback at a time, so not on the small stack.
var callout_buffer: [callout.encoded_bytes_max]u8 = undefined;
var response_headers_buffer: [1024]u8 = undefined;

pub const fault: core.Event = .{ .refused = .shim_fault };

/// The parts of a check's answer that are relayed as they are.
pub const Said = struct {
    status: u32 = 0,
    content_type: []const u8 = "",
    body: []const u8 = "",
    keep: usize = 0,
};

/// Whose machine it is, and where the tokens of its callouts are.
pub const Side = struct {
    stream: *Stream,
    call: *core.Call,
    tokens: *[core.checks_max]u32,

    pub fn ofRequest(stream: *Stream) Side {
        return .{ .stream = stream, .call = &stream.call, .tokens = &stream.tokens };
    }

    pub fn ofReply(stream: *Stream, reply: *streams.Reply) Side {
        return .{ .stream = stream, .call = &reply.call, .tokens = &reply.tokens };
    }

    pub fn react(side: Side, event: core.Event) core.Step {
        const plugin = side.stream.plugin orelse return .{ .action = .wait };
        const now = nowMs();
        const step = side.call.step(plugin.config.rules(), event, now);
        if (step.heard) |outcome| {
            trace.heard(side.stream, side.call, event.answer, outcome, step, now);
        }
        switch (step.action) {
            .pass => trace.passed(side.stream, side.call, now),
            .deny => |why| trace.denied(side.stream, side.call, why, now),
            else => {},
        }
        if (step.note) |note| {
            // What was let through for another reason than an allow is not to be remembered.
            side.stream.cache_seconds = 0;
            if (!side.counts(note)) log.noted(note, side.stream, 0);
        }
        return step;
    }

    /// Whether it is a verdict on one of many windows that go on: they have one line in the end.
    fn counts(side: Side, note: core.Note) bool {
        const is_verdict = note.effect != .denied and note.reason.spec().decisions != 0;
        if (!side.call.is_window or !is_verdict) return false;
        const reply = side.stream.reply orelse return false;
        const noted = &reply.noted[note.check orelse return false];
        noted.note = note;
        noted.windows += 1;
        return true;
    }

    /// Send the message to `checks`. One that cannot be asked has failed at once.
    pub fn ask(
        side: Side,
        checks: core.Set,
        signed: *const sign.Signed,
        body: []const u8,
        digest: *const sign.Digest,
    ) core.Step {
        const plugin = side.stream.plugin orelse return .{ .action = .wait };
        var buffer: [sign.value_bytes_max]u8 = undefined;
        const at = nowMs() / std.time.ms_per_s;
        const signature = sign.value(&buffer, &plugin.signer, signed, digest, at);
        var left = checks;
        while (left.toggleFirstSet()) |check| {
            const reason = side.send(plugin, check, signed, signature, body) orelse continue;
            const failed: core.Answer = .{
                .check = @intCast(check),
                .outcome = .{ .failed = reason },
            };
            const step = side.react(.{ .answer = failed });
            switch (step.action) {
                .wait => {},
                // While others of the stage are left, it can only be the same check once more.
                .call => |again| if (left.count() > 0) left.setUnion(again) else return step,
                else => return step,
            }
        }
        return .{ .action = .wait };
    }

    /// Send one callout; the reason why it could not be sent, if so.
    fn send(
        side: Side,
        plugin: *const streams.Plugin,
        index: usize,
        signed: *const sign.Signed,
        signature: []const u8,
        body: []const u8,
    ) ?contract.Reason {
        const check = &plugin.config.checks()[index];
        const rule = plugin.config.rules()[index];
        const now = nowMs();
        const deadline_ms = @max(1, side.call.remainingMs(rule, now));
        trace.asked(side.stream, index, now);
        const encoded = callout.encode(
            &callout_buffer,
            check,
            signed,
            signature,
            deadline_ms,
            &side.stream.message,
            if (side.call.phase == .response) side.stream.stateOf(index) else "",
        ) catch return .response_unsupported;
        side.tokens[index] = abi.callOut(check.cluster, encoded, body, deadline_ms) catch |err| {
            return switch (err) {
                error.ClusterUnknown => .check_unreachable,
                error.HostRefused => .check_reset,
            };
        };
        return null;
    }

    /// What a callout's answer says, as an event.
    pub fn listen(
        side: Side,
        check: core.Index,
        headers_count: u32,
        body_bytes: u32,
        limits: answer.Limits,
        said: *Said,
    ) core.Event {
        var bore: core.Bore = .{};
        const outcome = side.understand(check, headers_count, body_bytes, limits, said, &bore) catch
            return fault;
        return .{ .answer = .{ .check = check, .outcome = outcome, .bore = bore } };
    }

    /// Where no answer came there are no headers at all, or Envoy's own.
    fn understand(
        side: Side,
        check: core.Index,
        headers_count: u32,
        body_bytes: u32,
        limits: answer.Limits,
        said: *Said,
        bore: *core.Bore,
    ) !core.Outcome {
        if (headers_count == 0) return .lost;
        const plugin = side.stream.plugin orelse return .lost;
        const map = try abi.pairs(.callout);
        const status = text.parse(map.first(":status")) orelse 0;
        const understood = switch (answer.decode(status, map, body_bytes, limits)) {
            .failed => |reason| return if (reason == .check_reset)
                .lost
            else
                .{ .failed = reason },
            .answer => |understood| understood,
        };
        const stream = side.stream;
        if (plugin.cache) |cache| {
            const is_current = stream.cache_epoch == cache.epoch;
            cache.learn(check, understood.revision);
            // The allow that brought a new revision is of that one.
            if (is_current) stream.cache_epoch = cache.epoch;
        }
        try stream.remember(check, understood.state);
        stream.cache_seconds = @min(stream.cache_seconds, understood.cache_seconds);
        if (understood.state.len > 0) stream.cache_seconds = 0;
        said.keep = understood.keep;
        bore.* = understood.bore();
        if (understood.decision == .allow) return .allow;
        said.status = understood.status;
        said.content_type = understood.content_type;
        said.body = try abi.read(.callout_body);
        if (said.body.len != body_bytes) return error.HostRefused;
        const reason = understood.reason;
        return if (understood.decision == .mask) .{ .mask = reason } else .{ .deny = reason };
    }
};

/// The stream is over: tells what its checks did to windows of its response that went on.
pub fn tell(stream: *const Stream) void {
    const reply = stream.reply orelse return;
    for (&reply.noted) |*noted| {
        if (noted.windows > 0) log.noted(noted.note, stream, noted.windows);
    }
}

/// Put `body` in the place of the message that is held, and where its headers are held too and tell
/// a length, that of `body` in the place of theirs.
pub noinline fn replace(phase: contract.Phase, tells_length: bool, body: []const u8) abi.Error!void {
    const is_request = phase == .request;
    try abi.replace(if (is_request) .request_body else .response_body, body);
    if (!tells_length) return;
    var digits: [text.digits_max]u8 = undefined;
    const length = text.decimal(&digits, body.len);
    try abi.set(if (is_request) .request else .response, "content-length", length);
}

/// Answer the caller with a denial: the check's own words, or else the shim's.
pub fn deny(stream: *const Stream, why: core.Denial, said: Said) void {
    if (why.relayed) {
        if (respond(said.status, why.reason, said.content_type, said.body)) return;
    }
    answerCaller(stream.template, why.reason, blamed(stream, why));
}

/// Answer with the shim's own words. If even that fails, the message stays held: nothing goes out.
pub fn answerCaller(
    template: *const denial.Template,
    reason: contract.Reason,
    check: []const u8,
) void {
    const body = denial.render(template.body, reason, check);
    _ = respond(reason.spec().status, reason, template.content_type, body);
}

/// Lets go what a callback that is not the stream's own has decided to let go.
pub fn release(stream: *const Stream, kind: abi.StreamKind, flow: abi.Flow) void {
    if (flow != .go) return;
    abi.proceed(kind) catch {
        if (stream.reply) |reply| reply.call.state = .denied;
        answerCaller(stream.template, .shim_fault, denial.nobody);
    };
}

/// A denial's words, until the next ones are made: of an answer that has begun, in its place.
pub fn words(stream: *const Stream, why: core.Denial, template: []const u8) []const u8 {
    return denial.render(template, why.reason, blamed(stream, why));
}

fn blamed(stream: *const Stream, why: core.Denial) []const u8 {
    const plugin = stream.plugin orelse return denial.nobody;
    return plugin.config.checks()[why.check orelse return denial.nobody].name;
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

pub fn nowMs() u64 {
    return abi.nowNanoseconds() / std.time.ns_per_ms;
}
