//! One message that is judged, a request, a whole response or a window of a streamed one, as a
//! state machine over events: what is to be done next. No host call, no allocation, no clock.
//!
//!     state    event                                action                          next state
//!     ──────── ──────────────────────────────────── ─────────────────────────────── ───────────
//!     reading  read, more to come                   wait                            reading
//!     reading  read, while it is awaiting a key     wait, and remember              reading
//!     reading  read, larger than the limit          deny …too-large                 denied
//!     reading  read, at its end                     call the first stage            judging
//!                                                   or pass if no check is for it   passed
//!     judging  answer: allow                        wait, call the next stage       judging
//!                                                   or pass after the last          passed
//!     judging  answer: mask                         replace the message             judging
//!     judging  answer: a second mask in the stage   deny mask.conflict              denied
//!     judging  answer: deny                         deny, as the check says         denied
//!     judging  answer: throttled or reset, and      retry that check (once)         judging
//!              time is left
//!     judging  answer: failed, on_error allow       as for allow                    as there
//!     judging  answer: failed, on_error deny        deny check.…                    denied
//!     judging  replaced                             as for allow                    as there
//!     both     refused                              deny, for that reason           denied
//!     both     waived                               pass                            passed
//!     decided  anything                             wait                            as there
//!
//! In `mode: monitor` every answer is as for allow. A check that is retried sees the message as it
//! is then: a mask of its stage may have come in between, and what leaves is judged all the same.
//!
//! Only checks of the message's phase are asked. A window is judged by one check after another,
//! also in a stage: each keeps another end of it for its next one (contract, "Windows of a stream").

const std = @import("std");
const contract = @import("contract.zig");
const Reason = contract.Reason;
const Phase = contract.Phase;

/// One stage holds all checks at most, and a `Set` has a bit for each.
pub const checks_max = 8;
/// Which check. As small as the set, since events and actions are handed on by value.
pub const Index = u8;
pub const Set = std.StaticBitSet(checks_max);

/// What the machine knows of a check.
pub const Rule = struct {
    stage: u8,
    timeout_ms: u32,
    on_error: enum { deny, allow },
    mode: enum { enforce, monitor },
    phases: std.EnumSet(Phase) = .initOne(.request),
};

pub const Outcome = union(enum) {
    allow,
    mask: Reason,
    deny: Reason,
    failed: Reason,
    /// No answer: late, or the connection broke. Which of the two, the clock tells.
    lost,
};

/// What an answer bears besides its outcome: for those who look on, it decides nothing.
pub const Bore = struct {
    /// An allow has no other.
    reason: Reason = .rule_none,
    rule: []const u8 = "",
    revision: []const u8 = "",
};

pub const Answer = struct { check: Index, outcome: Outcome, bore: Bore = .{} };

/// `bytes` of body so far, or announced, and whether that is all.
pub const Read = struct { bytes: u64 = 0, end: bool = false };

pub const Event = union(enum) {
    read: Read,
    answer: Answer,
    /// The message is now what this check made of it.
    replaced: Index,
    /// The message cannot be guarded, or the host refused what must not fail.
    refused: Reason,
    /// The message needs no check, or one just like it was allowed.
    waived,
};

pub const Action = union(enum) {
    wait,
    /// Send the message to these checks.
    call: Set,
    /// Put this check's message in the place of the one that is held.
    replace: Index,
    pass,
    deny: Denial,
};

pub const Denial = struct {
    reason: Reason,
    /// The check to blame, if any.
    check: ?Index = null,
    /// Whether the check itself said it, and with it how to answer the caller.
    relayed: bool = false,
};

/// Something to be logged.
pub const Note = struct {
    effect: enum { denied, masked, failed_but_allowed, monitored },
    reason: Reason,
    check: ?Index = null,
};

pub const Step = struct {
    action: Action,
    note: ?Note = null,
    /// What the answer comes to, if one was heard that was waited for.
    heard: ?Outcome = null,
};

pub const Call = struct {
    phase: Phase = .request,
    is_window: bool = false,
    body_bytes_max: u64,
    state: enum { reading, judging, passed, denied } = .reading,
    /// No key is there yet: of what is read only `bytes` are remembered, and whether it is all.
    awaiting: enum { nothing, more, all } = .nothing,
    /// Of the body, seen or announced.
    bytes: u64 = 0,
    /// When the message was whole.
    began_ms: u64 = 0,
    stage: u8 = 0,
    /// The checks of a window before this one have been asked.
    asked: usize = 0,
    stage_began_ms: u64 = 0,
    /// Checks of the stage that have not answered yet.
    out: Set = .empty,
    retried: Set = .empty,
    masked: bool = false,

    pub fn step(call: *Call, rules: []const Rule, event: Event, now_ms: u64) Step {
        switch (call.state) {
            .passed, .denied => return .{ .action = .wait },
            .reading, .judging => {},
        }
        switch (event) {
            .refused => |reason| return call.deny(.{ .reason = reason }),
            .waived => return .{ .action = call.pass() },
            .read => |read| {
                if (call.state != .reading) return .{ .action = .wait };
                if (call.awaiting != .nothing) {
                    call.bytes = @max(call.bytes, read.bytes);
                    call.awaiting = if (read.end) .all else .more;
                    return .{ .action = .wait };
                }
                if (read.bytes > call.body_bytes_max) {
                    return call.deny(.{ .reason = switch (call.phase) {
                        .request => .request_too_large,
                        .response => .response_too_large,
                    } });
                }
                call.bytes = @max(call.bytes, read.bytes);
                if (!read.end) return .{ .action = .wait };
                call.began_ms = now_ms;
                call.state = .judging;
                return .{ .action = call.nextStage(rules, now_ms) };
            },
            .answer => |answer| {
                if (!call.awaits(answer.check)) return .{ .action = .wait };
                const rule = rules[answer.check];
                const left_ms = call.remainingMs(rule, now_ms);
                const outcome = call.understand(answer.outcome, rule, left_ms);
                var next = call.judge(rules, answer.check, outcome, left_ms, now_ms);
                next.heard = outcome;
                return next;
            },
            .replaced => |check| {
                if (!call.awaits(check)) return .{ .action = .wait };
                return .{ .action = call.settle(rules, check, now_ms) };
            },
        }
    }

    /// How long the shim still waits for `check`.
    pub fn remainingMs(call: *const Call, rule: Rule, now_ms: u64) u32 {
        const elapsed_ms = now_ms -| call.stage_began_ms;
        return @intCast(rule.timeout_ms - @min(elapsed_ms, rule.timeout_ms));
    }

    fn awaits(call: *const Call, check: Index) bool {
        return call.state == .judging and check < checks_max and call.out.isSet(check);
    }

    fn judge(
        call: *Call,
        rules: []const Rule,
        check: Index,
        outcome: Outcome,
        left_ms: u32,
        now_ms: u64,
    ) Step {
        const rule = rules[check];
        if (outcome == .failed and passesBy(outcome.failed) and
            !call.retried.isSet(check) and left_ms > rule.timeout_ms / 10)
        {
            call.retried.set(check);
            var again: Set = .empty;
            again.set(check);
            return .{ .action = .{ .call = again } };
        }
        const reason = switch (outcome) {
            .allow => return .{ .action = call.settle(rules, check, now_ms) },
            .mask, .deny, .failed => |reason| reason,
            .lost => unreachable,
        };
        if (rule.mode == .monitor) return .{
            .action = call.settle(rules, check, now_ms),
            .note = .{ .effect = .monitored, .reason = reason, .check = check },
        };
        switch (outcome) {
            .mask => {
                if (call.masked) return call.deny(.{ .reason = .mask_conflict, .check = check });
                call.masked = true;
                return .{
                    .action = .{ .replace = check },
                    .note = .{ .effect = .masked, .reason = reason, .check = check },
                };
            },
            .failed => if (rule.on_error == .allow) return .{
                .action = call.settle(rules, check, now_ms),
                .note = .{ .effect = .failed_but_allowed, .reason = reason, .check = check },
            } else return call.deny(.{ .reason = reason, .check = check }),
            else => return call.deny(.{ .reason = reason, .check = check, .relayed = true }),
        }
    }

    /// Resolves what only the call knows: whether time was up, and whether there is a body to mask.
    fn understand(call: *const Call, said: Outcome, rule: Rule, left_ms: u32) Outcome {
        return switch (said) {
            // Envoy's timers go by when its loop last woke: under load they are some 10 ms early.
            .lost => .{ .failed = if (left_ms <= rule.timeout_ms / 10)
                .check_timeout
            else
                .check_reset },
            .mask => if (call.bytes == 0 and !call.is_window)
                .{ .failed = .check_malformed }
            else
                said,
            else => said,
        };
    }

    fn settle(call: *Call, rules: []const Rule, check: Index, now_ms: u64) Action {
        call.out.unset(check);
        if (call.out.count() > 0) return .wait;
        return call.nextStage(rules, now_ms);
    }

    fn nextStage(call: *Call, rules: []const Rule, now_ms: u64) Action {
        const first = call.nextCheck(rules) orelse return call.pass();
        call.stage = rules[first].stage;
        call.asked = first + 1;
        for (rules, 0..) |rule, check| {
            const is_of_stage = rule.stage == call.stage and rule.phases.contains(call.phase);
            call.out.setValue(check, if (call.is_window) check == first else is_of_stage);
        }
        call.stage_began_ms = now_ms;
        call.masked = false;
        return .{ .call = call.out };
    }

    /// The first check of the next stage.
    fn nextCheck(call: *const Call, rules: []const Rule) ?Index {
        var found: ?Index = null;
        for (rules, 0..) |rule, check| {
            if (!rule.phases.contains(call.phase) or !call.isAhead(rule, check)) continue;
            if (found) |other| if (rules[other].stage <= rule.stage) continue;
            found = @intCast(check);
        }
        return found;
    }

    fn isAhead(call: *const Call, rule: Rule, check: usize) bool {
        return rule.stage > call.stage or
            (call.is_window and rule.stage == call.stage and check >= call.asked);
    }

    fn pass(call: *Call) Action {
        call.state = .passed;
        return .pass;
    }

    fn deny(call: *Call, denial: Denial) Step {
        call.state = .denied;
        return .{
            .action = .{ .deny = denial },
            .note = .{ .effect = .denied, .reason = denial.reason, .check = denial.check },
        };
    }
};

/// Whether a check that failed so may well answer when it is asked once more.
fn passesBy(reason: Reason) bool {
    return reason == .check_throttled or reason == .check_reset;
}
