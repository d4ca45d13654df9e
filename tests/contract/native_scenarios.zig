//! The scenarios against the state machine, compiled natively: a request and its checks' answers
//! in, a verdict out. What Envoy does around it is played by the other runners (scenarios.py).

const std = @import("std");
const shim = @import("shim");
const vectors = @import("vectors.zig");
const core = shim.core;
const testing = std.testing;
pub const Value = std.json.Value;
pub const Memory = std.mem.Allocator;

const guarded_host = "api.test";
const timeout_ms = 400;
const body_bytes_max = 1_000_000;

/// An answer under way to the machine.
const Due = struct { check: core.Index, at_ms: u64, outcome: core.Outcome, body: []const u8 = "" };

pub const Play = struct {
    memory: Memory,
    named: Value,
    checks: []const Value,
    rules: []core.Rule,
    call: core.Call,
    body: []const u8,
    now_ms: u64 = 0,
    due: std.ArrayList(Due) = .empty,
    /// What each check was shown.
    shown: [core.checks_max]std.ArrayList([]const u8) = @splat(.empty),
    last: Due = undefined,

    /// The scenario's checks, and its request's body.
    pub fn of(scenario: Value, document: Value, memory: Memory) !Play {
        const checks = scenario.object.get("checks").?.array.items;
        const rules = try memory.alloc(core.Rule, checks.len);
        for (rules, checks) |*rule, check| rule.* = ruleOf(check);
        return .{
            .memory = memory,
            .named = document.object.get("answers").?,
            .checks = checks,
            .rules = rules,
            .call = .{ .body_bytes_max = limitOf(scenario, "body_bytes_max") },
            .body = try bodyOf(requestOf(scenario, document), memory),
        };
    }

    /// The last step: pass or deny.
    pub fn run(play: *Play, first: core.Event) !core.Action {
        var step = play.call.step(play.rules, first, play.now_ms);
        while (true) {
            step = switch (step.action) {
                .wait => try play.hear(),
                .call => |checks| try play.send(checks),
                .replace => |check| blk: {
                    play.body = play.last.body;
                    break :blk play.call.step(play.rules, .{ .replaced = check }, play.now_ms);
                },
                .pass, .deny => return step.action,
            };
        }
    }

    /// As `asking.ask` does: a check that cannot be asked has failed at once.
    fn send(play: *Play, checks: core.Set) !core.Step {
        var left = checks;
        while (left.toggleFirstSet()) |index| {
            const check: core.Index = @intCast(index);
            const shown = &play.shown[check];
            const answers = play.checks[check].object.get("answers").?.array.items;
            const said = answers[@min(shown.items.len, answers.len - 1)];
            if (try play.answerOf(said, check)) |due| {
                try shown.append(play.memory, play.body);
                try play.due.append(play.memory, due);
                continue;
            }
            const failed: core.Outcome = .{ .failed = .check_unreachable };
            const step = play.tell(.{ .check = check, .at_ms = play.now_ms, .outcome = failed });
            switch (step.action) {
                .wait => {},
                .call => |again| if (left.count() > 0) left.setUnion(again) else return step,
                else => return step,
            }
        }
        return .{ .action = .wait };
    }

    /// Null where the cluster is not known.
    fn answerOf(play: *Play, said: Value, check: core.Index) !?Due {
        const name = if (said == .string) said.string else said.object.get("answer").?.string;
        const after_ms = if (said == .string) 0 else said.object.get("after_ms").?.integer;
        var due: Due = .{
            .check = check,
            .at_ms = play.now_ms + @as(u64, @intCast(after_ms)),
            .outcome = .lost,
        };
        if (std.mem.eql(u8, name, "unknown-cluster")) return null;
        if (std.mem.eql(u8, name, "reset")) return due;
        const left_ms = play.call.remainingMs(play.rules[check], play.now_ms);
        if (std.mem.eql(u8, name, "hang") or after_ms >= left_ms) {
            due.at_ms = play.now_ms + left_ms;
            return due;
        }
        const response = play.named.object.get(name).?.object;
        // As every answer has it that is not Envoy's own.
        const date: [2][]const u8 = .{ "date", "Mon, 23 Nov 2026 17:00:00 GMT" };
        const own = try headersOf(response.get("headers").?, play.memory);
        const pairs = try std.mem.concat(play.memory, [2][]const u8, &.{ own, &.{date} });
        due.body = response.get("body").?.string;
        const status: u64 = @intCast(response.get("status").?.integer);
        const map = try vectors.mapOf(pairs, play.memory);
        const limits: shim.answer.Limits = .{ .body_bytes_max = @intCast(play.call.body_bytes_max) };
        due.outcome = switch (shim.answer.decode(status, map, due.body.len, limits)) {
            .failed => |reason| if (reason == .check_reset) .lost else .{ .failed = reason },
            .answer => |answer| switch (answer.decision) {
                .allow => .allow,
                .mask => .{ .mask = answer.reason },
                .deny => .{ .deny = answer.reason },
            },
        };
        return due;
    }

    /// The answer that comes next.
    fn hear(play: *Play) !core.Step {
        if (play.due.items.len == 0) return error.HeldForEver;
        var next: usize = 0;
        for (play.due.items, 0..) |due, index| {
            if (due.at_ms < play.due.items[next].at_ms) next = index;
        }
        return play.tell(play.due.orderedRemove(next));
    }

    fn tell(play: *Play, due: Due) core.Step {
        play.now_ms = due.at_ms;
        play.last = due;
        const answer: core.Answer = .{ .check = due.check, .outcome = due.outcome };
        return play.call.step(play.rules, .{ .answer = answer }, play.now_ms);
    }
};

pub fn headersOf(list: Value, memory: Memory) ![]const [2][]const u8 {
    const pairs = try memory.alloc([2][]const u8, list.array.items.len);
    for (pairs, list.array.items) |*pair, item| {
        pair.* = .{ item.array.items[0].string, item.array.items[1].string };
    }
    return pairs;
}

fn requestOf(scenario: Value, document: Value) Value {
    return scenario.object.get("request") orelse document.object.get("request").?;
}

pub fn limitOf(scenario: Value, name: []const u8) u64 {
    const config = scenario.object.get("config") orelse return body_bytes_max;
    const limit = config.object.get(name) orelse return body_bytes_max;
    return @intCast(limit.integer);
}

/// A message's body, which may stand there in chunks.
pub fn bodyOf(message: Value, memory: Memory) ![]const u8 {
    const chunks = message.object.get("chunks") orelse return message.object.get("body").?.string;
    var body: std.ArrayList(u8) = .empty;
    for (chunks.array.items) |chunk| try body.appendSlice(memory, chunk.string);
    return body.items;
}

fn textOf(object: Value, name: []const u8, default: []const u8) []const u8 {
    return if (object.object.get(name)) |value| value.string else default;
}

fn ruleOf(check: Value) core.Rule {
    const own_ms = check.object.get("timeout_ms") orelse Value{ .integer = timeout_ms };
    var phases: std.EnumSet(shim.contract.Phase) = .initOne(.request);
    if (check.object.get("phases")) |named| {
        phases = .empty;
        for (named.array.items) |name| {
            phases.insert(std.meta.stringToEnum(shim.contract.Phase, name.string).?);
        }
    }
    return .{
        .phases = phases,
        .stage = @intCast(check.object.get("stage").?.integer),
        .timeout_ms = @intCast(own_ms.integer),
        .on_error = if (std.mem.eql(u8, textOf(check, "on_error", "deny"), "deny")) .deny else .allow,
        .mode = if (std.mem.eql(u8, textOf(check, "mode", ""), "monitor")) .monitor else .enforce,
    };
}

/// What the headers come to: the body is read, the request is none for the guard, or is refused.
fn firstEvent(request: Value, body: []const u8, memory: Memory) !core.Event {
    const authority = textOf(request, "authority", guarded_host);
    var pairs: std.ArrayList([2][]const u8) = .empty;
    try pairs.append(memory, .{ ":method", request.object.get("method").?.string });
    try pairs.append(memory, .{ ":authority", authority });
    try pairs.append(memory, .{ ":path", request.object.get("path").?.string });
    for (try headersOf(request.object.get("headers").?, memory)) |pair| {
        const lower = try std.ascii.allocLowerString(memory, pair[0]);
        try pairs.append(memory, .{ lower, pair[1] });
    }
    const map = try vectors.mapOf(pairs.items, memory);
    const Named = struct { name: []const u8 };
    switch (shim.hosts.match(&[_]Named{.{ .name = guarded_host }}, authority)) {
        .free => return .waived,
        .refused => return .{ .refused = .request_unsupported },
        .guarded => {},
    }
    var message: shim.message.Message = .{};
    defer message.forget();
    const is_upgrade = shim.message.upgrades(map);
    message.remember(map) catch return .{ .refused = .request_unsupported };
    if (is_upgrade) return .{ .refused = .request_unsupported };
    return .{ .read = .{ .bytes = body.len, .end = true } };
}

/// Sends the scenario's request through the machine.
pub fn send(play: *Play, scenario: Value, document: Value) !core.Action {
    return play.run(try firstEvent(requestOf(scenario, document), play.body, play.memory));
}

/// How often each check was asked, and about what.
pub fn expectAsked(play: *const Play, outcome: Value) !void {
    const counts = outcome.object.get("callouts").?.object;
    for (play.checks, 0..) |check, index| {
        const name = check.object.get("name").?.string;
        const shown = play.shown[index].items;
        if (counts.get(name)) |count| {
            try testing.expectEqual(@as(usize, @intCast(count.integer)), shown.len);
        }
        const saw = outcome.object.get("saw") orelse continue;
        const bodies = saw.object.get(name) orelse continue;
        for (bodies.array.items, shown) |expected, found| {
            try testing.expectEqualStrings(expected.string, found);
        }
    }
}

/// Runs `expect` for every scenario of a file.
pub fn playAll(
    comptime file: []const u8,
    comptime expect: fn (Value, Value, Memory) anyerror!void,
) !void {
    var arena: std.heap.ArenaAllocator = .init(testing.allocator);
    defer arena.deinit();
    const memory = arena.allocator();
    const document = try std.json.parseFromSliceLeaky(Value, memory, @embedFile(file), .{});
    var failed = false;
    for (document.object.get("scenarios").?.array.items) |scenario| {
        expect(scenario, document, memory) catch |err| {
            std.debug.print("{s}: {s}\n", .{ scenario.object.get("name").?.string, @errorName(err) });
            failed = true;
        };
    }
    try testing.expect(!failed);
}

fn expectOutcome(scenario: Value, document: Value, memory: Memory) !void {
    // Keys are no business of the machine.
    if (scenario.object.get("config")) |config| {
        if (config.object.get("credential") != null) return;
    }
    var play: Play = try .of(scenario, document, memory);
    const action = try send(&play, scenario, document);
    const outcome = scenario.object.get("outcome").?;
    if (outcome.object.get("reason")) |reason| {
        try testing.expectEqualStrings(reason.string, action.deny.reason.spec().code);
    } else {
        try testing.expectEqual(core.Action.pass, action);
        try testing.expectEqualStrings(outcome.object.get("upstream_body").?.string, play.body);
    }
    try expectAsked(&play, outcome);
}

test "a call comes out of the state machine as it should" {
    try playAll("scenarios.json", expectOutcome);
}
