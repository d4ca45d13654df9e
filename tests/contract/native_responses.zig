//! The scenarios of checked responses against the state machine, compiled natively: a whole answer
//! of the provider in, what the caller gets out. Streams are in windows, which Envoy's callbacks
//! make: those are played by the other runners, and the windows have their own tests.

const std = @import("std");
const shim = @import("shim");
const vectors = @import("vectors.zig");
const scenarios = @import("native_scenarios.zig");
const core = shim.core;
const testing = std.testing;
const Play = scenarios.Play;
const Value = std.json.Value;

/// As plugin_configuration in scenarios.py has it.
const template = "{reason} by {check}";
const none: Value = .{ .object = .empty };

const Provider = struct {
    body: []const u8,
    /// Of the body, as it comes.
    chunks: []const Value,
    content: shim.message.Message,
    /// Its headers cannot be told to a check.
    is_unfit: bool = false,

    fn of(scenario: Value, memory: std.mem.Allocator) !Provider {
        const said = scenario.object.get("provider") orelse none;
        const given = said.object;
        var provider: Provider = .{ .body = "an answer", .chunks = &.{}, .content = .{} };
        if (given.get("chunks")) |chunks| provider.chunks = chunks.array.items;
        if (given.contains("chunks") or given.contains("body")) {
            provider.body = try scenarios.bodyOf(said, memory);
        }
        var pairs: []const [2][]const u8 = &.{.{ "content-type", "application/json" }};
        if (given.get("headers")) |headers| pairs = try scenarios.headersOf(headers, memory);
        provider.content.rememberContent(try vectors.mapOf(pairs, memory)) catch {
            provider.is_unfit = true;
        };
        return provider;
    }

    fn isStream(provider: *const Provider) bool {
        return std.mem.startsWith(u8, provider.content.get(.content_type), "text/event-stream") and
            provider.content.get(.content_encoding).len == 0;
    }
};

/// What the checks make of the provider's answer, as reply.zig brings it to the machine.
fn judge(play: *Play, provider: *const Provider) !core.Action {
    if (provider.is_unfit) return play.run(.{ .refused = .response_unsupported });
    var bytes: u64 = if (provider.chunks.len == 0) provider.body.len else 0;
    for (provider.chunks) |chunk| {
        const step = play.call.step(play.rules, .{ .read = .{ .bytes = bytes } }, play.now_ms);
        if (step.action != .wait) return step.action;
        bytes += chunk.string.len;
    }
    return play.run(.{ .read = .{ .bytes = bytes, .end = true } });
}

fn expectOutcome(scenario: Value, document: Value, memory: std.mem.Allocator) !void {
    var play: Play = try .of(scenario, document, memory);
    const outcome = scenario.object.get("outcome").?;
    try testing.expectEqual(core.Action.pass, try scenarios.send(&play, scenario, document));
    try testing.expectEqualStrings(outcome.object.get("upstream_body").?.string, play.body);
    var provider: Provider = try .of(scenario, memory);
    defer provider.content.forget();
    if (provider.isStream()) return;

    play.body = provider.body;
    play.call = .{
        .phase = .response,
        .body_bytes_max = scenarios.limitOf(scenario, "response_bytes_max"),
    };
    const action: core.Action = if (play.body.len == 0) .pass else try judge(&play, &provider);
    const body = switch (action) {
        .deny => |why| try wordsOf(&play, why, outcome),
        else => play.body,
    };
    try testing.expectEqualStrings(outcome.object.get("body").?.string, body);
    try scenarios.expectAsked(&play, outcome);
}

/// A denial's body; where the caller gets it as an answer of its own, also its reason and status.
fn wordsOf(play: *Play, why: core.Denial, outcome: Value) ![]const u8 {
    const spec = why.reason.spec();
    if (outcome.object.get("reason")) |reason| {
        try testing.expectEqualStrings(reason.string, spec.code);
    }
    if (why.relayed) return play.last.body;
    if (outcome.object.contains("reason")) {
        try testing.expectEqual(outcome.object.get("status").?.integer, spec.status);
    }
    defer shim.memory.sweep();
    const name = if (why.check) |check|
        play.checks[check].object.get("name").?.string
    else
        shim.denial.nobody;
    return play.memory.dupe(u8, shim.denial.render(template, why.reason, name));
}

test "a checked answer comes out of the state machine as it should" {
    try scenarios.playAll("responses.json", expectOutcome);
}
