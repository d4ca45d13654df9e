//! The state machine (core.zig) tested: step by step, and simulated by seed: random rules, answers
//! in random order, against what should come of them.

const std = @import("std");
const core = @import("core.zig");
const Reason = @import("contract.zig").Reason;
const Call = core.Call;
const Event = core.Event;
const Outcome = core.Outcome;
const Rule = core.Rule;
const Step = core.Step;
const testing = std.testing;

fn rulesOf(comptime stages: []const u8) [stages.len]Rule {
    var rules: [stages.len]Rule = undefined;
    for (&rules, stages) |*rule, stage| {
        rule.* = .{ .stage = stage, .timeout_ms = 1000, .on_error = .deny, .mode = .enforce };
    }
    return rules;
}

fn begun(rules: []const Rule) Call {
    var call: Call = .{ .body_bytes_max = 10 };
    _ = call.step(rules, .{ .read = .{ .bytes = 5, .end = true } }, 0);
    return call;
}

test "an answer that nobody waits for changes nothing" {
    const rules = rulesOf(&.{ 1, 2 });
    var call = begun(&rules);
    for ([_]core.Index{ 1, 7, 8, 255 }) |check| {
        const step = call.step(&rules, .{ .answer = .{ .check = check, .outcome = .allow } }, 1);
        try testing.expectEqual(.wait, step.action);
    }
    try testing.expectEqual(1, call.stage);
}

test "what is decided stays decided" {
    const rules = rulesOf(&.{1});
    for ([_]Outcome{ .allow, .{ .deny = .rule_matched } }) |outcome| {
        var call = begun(&rules);
        _ = call.step(&rules, .{ .answer = .{ .check = 0, .outcome = outcome } }, 1);
        for ([_]Event{
            .{ .read = .{ .bytes = 99, .end = true } },
            .{ .answer = .{ .check = 0, .outcome = .{ .deny = .rule_matched } } },
            .{ .replaced = 0 },
            .{ .refused = .shim_fault },
        }) |event| try testing.expectEqual(Step{ .action = .wait }, call.step(&rules, event, 2));
    }
}

test "what is read while a key is awaited is only remembered, all of it" {
    const rules = rulesOf(&.{1});
    var call: Call = .{ .body_bytes_max = 10, .awaiting = .more };
    for ([_]core.Read{ .{ .bytes = 3 }, .{ .bytes = 99 }, .{ .end = true } }) |read| {
        try testing.expectEqual(Step{ .action = .wait }, call.step(&rules, .{ .read = read }, 0));
    }
    try testing.expectEqual(.reading, call.state);
    try testing.expectEqual(.all, call.awaiting);
    call.awaiting = .nothing;
    const step = call.step(&rules, .{ .read = .{ .bytes = call.bytes, .end = true } }, 1);
    try testing.expectEqual(.request_too_large, step.action.deny.reason);
}

test "what is lost was late if its time was up, and is asked once more if not" {
    const rules = rulesOf(&.{1});
    const lost: Event = .{ .answer = .{ .check = 0, .outcome = .lost } };
    for ([_]u64{ 900, 5000 }) |ms| {
        var call = begun(&rules);
        try testing.expectEqual(.check_timeout, call.step(&rules, lost, ms).action.deny.reason);
    }
    var call = begun(&rules);
    try testing.expectEqual(1, call.step(&rules, lost, 899).action.call.count());
    try testing.expectEqual(.check_timeout, call.step(&rules, lost, 900).action.deny.reason);
    var broken = begun(&rules);
    _ = broken.step(&rules, lost, 10);
    try testing.expectEqual(.check_reset, broken.step(&rules, lost, 20).action.deny.reason);
}

test "only checks of the phase are asked, and a message for none passes" {
    var rules = rulesOf(&.{ 1, 2 });
    rules[0].phases = .initOne(.response);
    const read: Event = .{ .read = .{ .bytes = 5, .end = true } };
    var request: Call = .{ .body_bytes_max = 10 };
    try testing.expect(request.step(&rules, read, 0).action.call.isSet(1));
    var response: Call = .{ .phase = .response, .body_bytes_max = 10 };
    const asked = response.step(&rules, read, 0).action.call;
    try testing.expect(asked.isSet(0) and !asked.isSet(1));
    rules[0].phases = .initOne(.request);
    var free: Call = .{ .phase = .response, .body_bytes_max = 10 };
    try testing.expectEqual(.pass, free.step(&rules, read, 0).action);
}

test "a window goes to one check after another, also within a stage" {
    var rules = rulesOf(&.{ 2, 1, 2, 1 });
    for (&rules) |*rule| rule.phases = .initOne(.response);
    var call: Call = .{ .phase = .response, .is_window = true, .body_bytes_max = 10 };
    var step = call.step(&rules, .{ .read = .{ .bytes = 5, .end = true } }, 0);
    for ([_]core.Index{ 1, 3, 0, 2 }) |check| {
        try testing.expectEqual(1, step.action.call.count());
        try testing.expect(step.action.call.isSet(check));
        step = call.step(&rules, .{ .answer = .{ .check = check, .outcome = .allow } }, 1);
    }
    try testing.expectEqual(.pass, step.action);
}

test "what is waived passes, before it is asked about and after" {
    const rules = rulesOf(&.{1});
    var call: Call = .{ .body_bytes_max = 10 };
    try testing.expectEqual(.pass, call.step(&rules, .waived, 0).action);
    var judged = begun(&rules);
    try testing.expectEqual(.pass, judged.step(&rules, .waived, 0).action);
    try testing.expectEqual(.wait, judged.step(&rules, .waived, 0).action);
}

test "a clock that goes back gives no more time than there was" {
    const rules = rulesOf(&.{1});
    var call: Call = .{ .body_bytes_max = 10 };
    _ = call.step(&rules, .{ .read = .{ .bytes = 5, .end = true } }, 9000);
    try testing.expectEqual(1000, call.remainingMs(rules[0], 100));
}

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

fn nth(set: core.Set, index: usize) core.Index {
    var each = set.iterator(.{});
    for (0..index) |_| _ = each.next();
    return @intCast(each.next().?);
}
