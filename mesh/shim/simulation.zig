//! The state machine (core.zig) simulated by seed: random rules, answers in random order, against
//! what should come of them.

const std = @import("std");
const core = @import("core.zig");
const testing = std.testing;

test "by seed: a call passes only if every check that counts let it pass" {
    for (0..5000) |seed| {
        var prng: std.Random.DefaultPrng = .init(seed);
        simulate(prng.random()) catch |err| {
            std.debug.print("seed {d}\n", .{seed});
            return err;
        };
    }
}

fn simulate(random: std.Random) !void {
    var rules: [core.checks_max]core.Rule = undefined;
    const count = random.intRangeAtMost(usize, 1, core.checks_max);
    for (rules[0..count]) |*rule| rule.* = .{
        .stage = random.intRangeAtMost(u8, 1, 3),
        .timeout_ms = 1000,
        .on_error = random.enumValue(@FieldType(core.Rule, "on_error")),
        .mode = random.enumValue(@FieldType(core.Rule, "mode")),
    };
    var call: core.Call = .{ .body_bytes_max = 10 };
    _ = call.step(rules[0..count], .{ .read = .{ .bytes = 5, .end = true } }, 0);
    var objected = false;
    var masked: [4]bool = @splat(false);
    var steps: usize = 0;
    while (call.state == .judging) : (steps += 1) {
        try testing.expect(steps < 3 * core.checks_max);
        const check = nth(call.out, random.uintLessThan(usize, call.out.count()));
        const rule = rules[check];
        const stage = call.stage;
        const outcome: core.Outcome = switch (random.uintLessThan(u8, 8)) {
            0...3 => .allow,
            4 => .{ .mask = .rule_matched },
            5 => .{ .deny = .rule_matched },
            6 => .{ .failed = .check_throttled },
            else => .lost,
        };
        const event: core.Event = .{ .answer = .{ .check = check, .outcome = outcome } };
        const step = call.step(rules[0..count], event, 1);
        const is_retried = step.action == .call and call.stage == stage;
        if (is_retried) continue;
        if (rule.mode == .enforce) switch (outcome) {
            .allow => {},
            .mask => {
                objected = objected or masked[stage];
                masked[stage] = true;
            },
            .deny => objected = true,
            .failed, .lost => objected = objected or rule.on_error == .deny,
        };
        if (step.action == .replace) _ = call.step(rules[0..count], .{ .replaced = check }, 1);
    }
    try testing.expectEqual(objected, call.state == .denied);
    const late = call.step(rules[0..count], .{ .read = .{ .bytes = 99, .end = true } }, 1);
    try testing.expectEqual(.wait, late.action);
}

fn nth(set: core.Set, index: usize) usize {
    var each = set.iterator(.{});
    for (0..index) |_| _ = each.next();
    return each.next().?;
}
