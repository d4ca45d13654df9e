//! What a call leaves behind: counted in metrics, and told to access logs as one object.
//!
//!     asked ─▶ heard ─▶ … ─▶ passed or denied ─▶ filter state wasm.meshward
//!
//! `%FILTER_STATE(wasm.meshward:PLAIN)%` shows the object in an access log; seen.zig has its form.

const abi = @import("abi.zig");
const contract = @import("contract.zig");
const core = @import("core.zig");
const metrics = @import("metrics.zig");
const format = @import("seen.zig");
const Stream = @import("streams.zig").Stream;
const series = @import("series.zig");
const Word = series.Word;

const state_name = "meshward";

// Large and used by one callback at a time, so not on the small stack.
var object_buffer: [format.object_bytes_max]u8 = undefined;

/// A callout to `check` leaves now.
pub fn asked(stream: *Stream, check: usize, now_ms: u64) void {
    const seen = stream.seen orelse return;
    seen.asked_ms[check] = format.shortened(now_ms -| stream.began_ms);
}

/// A check has answered, or failed: to the state machine that comes to `outcome`, and to `step`.
pub fn heard(
    stream: *const Stream,
    call: *const core.Call,
    answer: core.Answer,
    outcome: core.Outcome,
    step: core.Step,
    now_ms: u64,
) void {
    const plugin = stream.plugin orelse return;
    const seen = stream.seen orelse return;
    const verdict: Word, const why = switch (outcome) {
        .allow => .{ .allow, answer.bore.reason },
        .mask => |why| .{ .mask, why },
        .deny => |why| .{ .deny, why },
        .failed => |why| .{ .failed, why },
        .lost => return,
    };
    const reason = series.numberOf(why);
    const check = answer.check;
    const ms = (now_ms -| stream.began_ms) -| seen.asked_ms[check];
    metrics.callout(plugin, check, call.phase, verdict, reason, ms);
    seen.took(check, ms);
    // A failure that is not noted is tried once more.
    if (verdict == .failed and step.note == null) return;
    const counts = if (step.note) |note| note.effect == .denied or note.effect == .masked else true;
    seen.heard(call.phase, check, verdict, reason, answer.bore, counts);
}

/// The message goes on. Of a stream, only what ends it decides; of a call that no check is to see,
/// there is nothing to tell.
pub fn passed(stream: *Stream, call: *const core.Call, now_ms: u64) void {
    const seen = stream.seen orelse return;
    if (stream.is_unchecked) return;
    seen.held(call.phase, now_ms -| call.began_ms);
    metrics.held(call.phase, call.bytes);
    if (call.is_window) if (stream.reply) |reply| if (!reply.windows.is_final) return;
    const own = seen.phases[@backingInt(call.phase)];
    decided(stream, call.phase, own.decision, own.reason);
}

/// The message is denied.
pub fn denied(stream: *Stream, call: *const core.Call, why: core.Denial, now_ms: u64) void {
    const seen = stream.seen orelse return;
    if (call.began_ms > 0) seen.held(call.phase, now_ms -| call.began_ms);
    seen.denied(call.phase, why);
    metrics.held(call.phase, call.bytes);
    decided(stream, call.phase, .deny, series.numberOf(why.reason));
}

fn decided(
    stream: *const Stream,
    phase: contract.Phase,
    decision: Word,
    reason: u8,
) void {
    metrics.decided(phase, decision, reason);
    const seen = stream.seen orelse return;
    const plugin = stream.plugin orelse return;
    abi.publish(state_name, seen.render(&object_buffer, &plugin.config));
}
