//! The state machine of one guarded request: pure, bounded, without a host call.
//!
//!     state      event                       next       what the host does
//!     ───────    ──────────────────────────  ────────   ──────────────────────────────────────────
//!     reading    more body, within limit     reading    hold it
//!     reading    body too large              denied     answer request.too-large
//!     reading    end of message              checking   ask every check of the first stage
//!     checking   answer: throttled, in time  checking   ask that check once more
//!     checking   answer: deny                denied     relay the check's denial
//!     checking   answer: failed, on_error    denied     answer with the failure's reason
//!                  deny
//!     checking   answer: mask, first         checking   replace the body
//!     checking   answer: mask, second        denied     answer mask.conflict
//!     checking   last answer of the stage    checking   ask every check of the next stage
//!     checking   last answer of the last     passed     let the message go
//!     denied,    any                         same       nothing: one outcome for each stream
//!      passed
//!
//! A check in `monitor` mode and a failed one with `on_error: allow` count as an allow.

const std = @import("std");
const config = @import("config.zig");
const contract = @import("contract.zig");
const Answer = @import("answer.zig").Answer;
const Reason = contract.Reason;

pub const State = enum { reading, checking, denied, passed };

/// A set of checks by their index in the configuration.
pub const CheckSet = std.bit_set.IntegerBitSet(config.checks_max);

/// What the host has to do now. At most one of `ask`, `deny`, `release` is set.
pub const Step = struct {
    /// Replace the body by that of the answer at hand; done first.
    mask: bool = false,
    ask: CheckSet = .empty,
    deny: ?Denial = null,
    release: bool = false,
};

pub const Denial = struct {
    reason: Reason,
    /// The check to blame, or null.
    check: ?u8,
    /// Whether the answer at hand carries the denial's status, type and body.
    relay: bool,
};

pub const Stream = struct {
    state: State = .reading,
    stage: u32 = 0,
    masked: bool = false,
    out: CheckSet = .empty,
    retried: CheckSet = .empty,

    /// `len` bytes of the message have come so far.
    pub fn onBody(stream: *Stream, len: usize, limit: usize) Step {
        if (stream.state != .reading or len <= limit) return .{};
        return stream.denyBy(.request_too_large, null);
    }

    /// The message is complete.
    pub fn onEnd(stream: *Stream, checks: []const config.Check) Step {
        if (stream.state != .reading) return .{};
        stream.state = .checking;
        return stream.nextStage(checks);
    }

    /// Check number `index` has answered. `in_time` tells whether a second try could still succeed.
    pub fn onAnswer(stream: *Stream, checks: []const config.Check, index: u8, answer: Answer, in_time: bool) Step {
        if (stream.state != .checking or index >= checks.len or !stream.out.isSet(index)) return .{};
        const check = checks[index];
        switch (answer) {
            .failed => |reason| {
                if (reason == .check_throttled and in_time and !stream.retried.isSet(index)) {
                    stream.retried.set(index);
                    return .{ .ask = only(index) };
                }
                if (check.mode == .enforce and check.on_error == .deny) return stream.denyBy(reason, index);
            },
            .verdict => |verdict| if (check.mode == .enforce) switch (verdict.decision) {
                .allow => {},
                .deny => {
                    stream.state = .denied;
                    return .{ .deny = .{ .reason = verdict.reason, .check = index, .relay = true } };
                },
                .mask => {
                    if (stream.masked) return stream.denyBy(.mask_conflict, index);
                    stream.masked = true;
                    var step = stream.answered(checks, index);
                    step.mask = true;
                    return step;
                },
            },
        }
        return stream.answered(checks, index);
    }

    /// Something that must not fail has failed; the call ends here, unless it has ended already.
    pub fn onFault(stream: *Stream, reason: Reason, check: ?u8) Step {
        if (stream.state == .denied or stream.state == .passed) return .{};
        return stream.denyBy(reason, check);
    }

    fn answered(stream: *Stream, checks: []const config.Check, index: u8) Step {
        stream.out.unset(index);
        return if (stream.out.count() > 0) .{} else stream.nextStage(checks);
    }

    fn nextStage(stream: *Stream, checks: []const config.Check) Step {
        var lowest: ?u32 = null;
        for (checks) |check| {
            if (check.stage > stream.stage and (lowest == null or check.stage < lowest.?)) lowest = check.stage;
        }
        stream.stage = lowest orelse {
            stream.state = .passed;
            return .{ .release = true };
        };
        stream.masked = false;
        for (checks, 0..) |check, index| if (check.stage == stream.stage) stream.out.set(index);
        return .{ .ask = stream.out };
    }

    fn denyBy(stream: *Stream, reason: Reason, check: ?u8) Step {
        stream.state = .denied;
        return .{ .deny = .{ .reason = reason, .check = check, .relay = false } };
    }
};

fn only(index: u8) CheckSet {
    var set: CheckSet = .empty;
    set.set(index);
    return set;
}
