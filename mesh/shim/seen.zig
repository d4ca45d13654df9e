//! What has been seen of a call so far: for the one object that it leaves for access logs.
//!
//!     {"decision":"deny","check":"deny-pattern","mode":"enforce","phase":"request",
//!      "verdict":"deny","reason":"rule.matched","rule":"account-word","revision":"3f2a…",
//!      "request_ms":4,"response_ms":0,"callouts_ms":{"deny-pattern":3}}
//!
//! Of all verdicts the strictest stands there, and one that counted before one that was only
//! monitored. Every value is a number, a word of the contract, or a name of its alphabet: nothing
//! has to be escaped, and no byte of a message or a key is there.

const std = @import("std");
const contract = @import("contract.zig");
const core = @import("core.zig");
const Config = @import("config.zig").Config;
const text = @import("text.zig");
const Text = text.Text;
const series = @import("series.zig");
const Word = series.Word;

/// All words and numbers, every name at its longest, and a check's name and time for each check.
pub const object_bytes_max = 256 + 5 * contract.name_bytes_max +
    core.checks_max * (contract.name_bytes_max + 16);

const phases_count = std.enums.values(contract.Phase).len;

/// What has become of the message of one phase, and why.
const OfPhase = struct {
    decision: Word = .allow,
    weight: u8 = 0,
    reason: u8 = 0,
    /// How long it waited for its checks.
    held_ms: u32 = 0,
};

pub const Seen = struct {
    /// What has become of the whole call so far: `mask` where any message was changed.
    decision: Word = .allow,
    phase: contract.Phase = .request,
    /// How much the verdict below weighs.
    weight: u8 = 0,
    verdict: Word = .allow,
    /// One more than the reason's number; 0: none.
    reason: u8 = 0,
    /// Whose verdict or failure it is: one more than the check's place; 0: nobody's.
    check: u8 = 0,
    rule_bytes: u8 = 0,
    revision_bytes: u8 = 0,
    /// The rule, and behind it the revision.
    names: [contract.name_bytes_max + contract.revision_bytes_max]u8 = @splat(0),
    phases: [phases_count]OfPhase = @splat(.{}),
    asked: core.Set = .empty,
    /// When the last callout to each check left, from when the call came. (In 64 bits each, the
    /// whole would need the next larger block of memory, for each call that is held.)
    asked_ms: [core.checks_max]u32 = @splat(0),
    /// Of each check that was asked: how long its callouts took, all together.
    callouts_ms: [core.checks_max]u32 = @splat(0),

    /// A callout to `check` took so long.
    pub fn took(seen: *Seen, check: usize, ms: u64) void {
        seen.asked.set(check);
        seen.callouts_ms[check] +|= shortened(ms);
    }

    /// What `check` said of the message of `phase`, and whether that counts for the message.
    pub fn heard(
        seen: *Seen,
        phase: contract.Phase,
        check: usize,
        verdict: Word,
        reason: u8,
        bore: core.Bore,
        counts: bool,
    ) void {
        const weight = weightOf(verdict, counts);
        const own = &seen.phases[@backingInt(phase)];
        if (weight >= own.weight) {
            own.weight = weight;
            own.reason = reason;
        }
        if (verdict == .mask and counts) {
            own.decision = .mask;
            seen.decision = .mask;
        }
        if (weight < seen.weight) return;
        seen.weight = weight;
        seen.phase = phase;
        seen.check = @intCast(check + 1);
        seen.verdict = verdict;
        seen.reason = reason;
        seen.rule_bytes = @intCast(bore.rule.len);
        seen.revision_bytes = @intCast(bore.revision.len);
        @memcpy(seen.names[0..bore.rule.len], bore.rule);
        @memcpy(seen.names[bore.rule.len..][0..bore.revision.len], bore.revision);
    }

    /// A message of `phase` has waited so long.
    pub fn held(seen: *Seen, phase: contract.Phase, ms: u64) void {
        seen.phases[@backingInt(phase)].held_ms +|= shortened(ms);
    }

    /// The message of `phase` is denied, which no verdict may have asked for.
    pub fn denied(seen: *Seen, phase: contract.Phase, why: core.Denial) void {
        seen.decision = .deny;
        const check: u8 = if (why.check) |index| @intCast(index + 1) else 0;
        const reason = series.numberOf(why.reason);
        if (seen.check == check and seen.reason == reason) return;
        seen.phase = phase;
        seen.reason = reason;
        seen.check = check;
        seen.verdict = .failed;
        seen.rule_bytes = 0;
        seen.revision_bytes = 0;
    }

    /// Writes the object into `buffer`.
    pub fn render(
        seen: *const Seen,
        buffer: *[object_bytes_max]u8,
        config: *const Config,
    ) []const u8 {
        const key: series.Key = .{
            .metric = .object,
            .word = seen.verdict,
            .phase = @backingInt(seen.phase),
            .reason = seen.reason,
        };
        var object: Text = .{ .buffer = buffer };
        object.fill("{\"decision\":\"\x00\",", &.{@tagName(seen.decision)});
        series.tell(&object, key, series.namesOf(config, seen.check -% 1));
        object.fill(",\"rule\":\"\x00\",\"revision\":\"\x01\",\"request_ms\":", &.{
            seen.names[0..seen.rule_bytes],
            seen.names[seen.rule_bytes..][0..seen.revision_bytes],
        });
        object.addNumber(seen.phases[0].held_ms);
        object.add(",\"response_ms\":");
        object.addNumber(seen.phases[1].held_ms);
        object.add(",\"callouts_ms\":{");
        var separator: []const u8 = "";
        var asked = seen.asked;
        while (asked.toggleFirstSet()) |check| {
            const name = config.checks()[check].name;
            object.fill("\x00\"\x01\":", &.{ separator, name });
            object.addNumber(seen.callouts_ms[check]);
            separator = ",";
        }
        object.add("}}");
        return object.written();
    }
};

/// What counts weighs more than what does not, and of allows the last one stands.
fn weightOf(verdict: Word, counts: bool) u8 {
    const weight: u8 = @backingInt(verdict);
    return if (counts and weight > 0) weight + 4 else weight;
}

/// Milliseconds in 32 bits, which hold seven weeks.
pub fn shortened(ms: u64) u32 {
    return @intCast(@min(ms, std.math.maxInt(u32)));
}

const testing = std.testing;

fn configOf(names: []const []const u8) !*Config {
    const config = try testing.allocator.create(Config);
    config.checks_count = names.len;
    for (names, 0..) |name, index| {
        config.checks_buffer[index].name = name;
        config.rules_buffer[index].mode = .enforce;
    }
    return config;
}

fn expectObject(expected: []const u8, seen: *const Seen) !void {
    const config = try configOf(&.{ "deny-pattern", "llm-guard" });
    defer testing.allocator.destroy(config);
    var buffer: [object_bytes_max]u8 = undefined;
    try testing.expectEqualStrings(expected, seen.render(&buffer, config));
}

fn hear(seen: *Seen, phase: contract.Phase, check: usize, verdict: Word, counts: bool) void {
    const bores: [2]core.Bore = .{
        .{ .rule = "account-word", .revision = "r1" },
        .{ .rule = "personal-data", .revision = "r2" },
    };
    const reason: contract.Reason = if (check == 0) .rule_matched else .judge_flagged;
    seen.heard(phase, check, verdict, series.numberOf(reason), bores[check], counts);
}

test "the verdict that denied stands there, with its rule and the times" {
    var seen: Seen = .{};
    seen.took(0, 3);
    hear(&seen, .request, 0, .allow, true);
    seen.took(1, 400);
    hear(&seen, .request, 1, .deny, true);
    seen.held(.request, 404);
    seen.denied(.request, .{ .reason = .judge_flagged, .check = 1, .relayed = true });
    try expectObject(
        "{\"decision\":\"deny\",\"check\":\"llm-guard\",\"mode\":\"enforce\"," ++
            "\"phase\":\"request\",\"verdict\":\"deny\",\"reason\":\"judge.flagged\"," ++
            "\"rule\":\"personal-data\",\"revision\":\"r2\",\"request_ms\":404,\"response_ms\":0," ++
            "\"callouts_ms\":{\"deny-pattern\":3,\"llm-guard\":400}}",
        &seen,
    );
}

test "what was only monitored stands there when all else allowed" {
    var seen: Seen = .{};
    hear(&seen, .request, 1, .deny, false);
    hear(&seen, .request, 0, .allow, true);
    try testing.expectEqual(2, seen.check);
    try testing.expectEqual(.deny, seen.verdict);
    try testing.expectEqual(.allow, seen.decision);
}

test "what counted stands before what was only monitored" {
    var seen: Seen = .{};
    hear(&seen, .request, 0, .mask, true);
    hear(&seen, .request, 1, .deny, false);
    try testing.expectEqual(1, seen.check);
    try testing.expectEqual(.mask, seen.decision);
}

test "a denial that no check asked for names none" {
    var seen: Seen = .{};
    hear(&seen, .request, 1, .deny, false);
    seen.denied(.request, .{ .reason = .shim_fault });
    try expectObject(
        "{\"decision\":\"deny\",\"check\":\"\",\"mode\":\"\"," ++
            "\"phase\":\"request\",\"verdict\":\"failed\",\"reason\":\"shim.fault\",\"rule\":\"\",\"revision\":\"\"," ++
            "\"request_ms\":0,\"response_ms\":0,\"callouts_ms\":{}}",
        &seen,
    );
}

test "times of several callouts and windows add up" {
    var seen: Seen = .{};
    for ([_]contract.Phase{ .request, .response, .response }, [_]u64{ 3, 5, 7 }) |phase, ms| {
        seen.took(0, ms);
        hear(&seen, phase, 0, .allow, true);
        seen.held(phase, ms + 1);
    }
    try expectObject(
        "{\"decision\":\"allow\",\"check\":\"deny-pattern\",\"mode\":\"enforce\"," ++
            "\"phase\":\"response\",\"verdict\":\"allow\",\"reason\":\"rule.matched\"," ++
            "\"rule\":\"account-word\",\"revision\":\"r1\",\"request_ms\":4,\"response_ms\":14," ++
            "\"callouts_ms\":{\"deny-pattern\":15}}",
        &seen,
    );
}

test "the longest object is not cut" {
    const long: [contract.name_bytes_max]u8 = @splat('n');
    const config = try configOf(&@as([core.checks_max][]const u8, @splat(&long)));
    defer testing.allocator.destroy(config);
    const bore: core.Bore = .{ .rule = &long, .revision = &long };
    var seen: Seen = .{};
    for (0..core.checks_max) |check| {
        for ([_]contract.Phase{ .request, .response }) |phase| {
            seen.took(check, std.math.maxInt(u64));
            seen.heard(phase, check, .failed, 1, bore, true);
            seen.held(phase, std.math.maxInt(u64));
        }
    }
    var buffer: [object_bytes_max]u8 = undefined;
    try testing.expect(std.mem.endsWith(u8, seen.render(&buffer, config), "4294967295}}"));
}
