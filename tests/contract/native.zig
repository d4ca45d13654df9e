//! The vectors against the shim's own code, compiled natively. Each file is a module of its name.

const std = @import("std");
const shim = @import("shim");
const vectors = @import("vectors.zig");
const testing = std.testing;

const Host = struct {
    name: []const u8,
    hosts: []const []const u8,
    authority: []const u8,
    match: std.meta.Tag(shim.hosts.Match),
    host: ?usize = null,
};

test "an authority names the same host to the shim" {
    try vectors.run(Host, "hosts.json", struct {
        fn check(vector: Host, memory: std.mem.Allocator) !void {
            const Named = struct { name: []const u8 };
            const hosts = try memory.alloc(Named, vector.hosts.len);
            for (hosts, vector.hosts) |*host, name| host.name = name;
            const found = shim.hosts.match(hosts, vector.authority);
            try testing.expectEqual(vector.match, std.meta.activeTag(found));
            switch (found) {
                .free => try testing.expectEqual(null, vector.host),
                .guarded, .refused => |index| try testing.expectEqual(vector.host, index),
            }
        }
    }.check);
}

const Answer = struct {
    name: []const u8,
    status: u32,
    headers: []const [2][]const u8,
    body: []const u8,
    body_repeated: usize = 1,
    body_bytes_max: usize,
    keep_bytes_max: ?usize = null,
    means: struct {
        failed: ?[]const u8 = null,
        decision: shim.contract.Decision = .allow,
        reason: []const u8 = "",
        revision: []const u8 = "",
        cache_seconds: u32 = 0,
        state: ?[]const u8 = null,
        status: ?u32 = null,
        content_type: ?[]const u8 = null,
        keep: u32 = 0,
        rule: ?[]const u8 = null,
    },
};

test "an answer means the same to the shim" {
    try expectUnderstood("answers.json");
}

test "an answer to a window means the same to the shim" {
    try expectUnderstood("windows.json");
}

fn expectUnderstood(comptime file: []const u8) !void {
    try vectors.run(Answer, file, struct {
        fn check(vector: Answer, memory: std.mem.Allocator) !void {
            const bytes = vector.body.len * vector.body_repeated;
            const means = vector.means;
            const map = try vectors.mapOf(vector.headers, memory);
            const limits: shim.answer.Limits = .{
                .body_bytes_max = vector.body_bytes_max,
                .keep_bytes_max = vector.keep_bytes_max,
            };
            switch (shim.answer.decode(vector.status, map, bytes, limits)) {
                .failed => |reason| {
                    try testing.expectEqualStrings(means.failed.?, reason.spec().code);
                },
                .answer => |answer| {
                    try testing.expectEqual(null, means.failed);
                    try testing.expectEqual(means.decision, answer.decision);
                    try testing.expectEqualStrings(means.reason, answer.reason.spec().code);
                    try testing.expectEqual(means.status orelse 0, answer.status);
                    const content_type = means.content_type orelse "";
                    try testing.expectEqualStrings(content_type, answer.content_type);
                    try testing.expectEqualStrings(means.state orelse "", answer.state);
                    try testing.expectEqual(means.keep, answer.keep);
                    try testing.expectEqualStrings(means.revision, answer.revision);
                    try testing.expectEqualStrings(means.rule orelse "", answer.rule);
                },
            }
        }
    }.check);
}

const Signature = struct {
    name: []const u8,
    secret: []const u8,
    at: u64,
    callout: shim.sign.Signed,
    body: []const u8,
    value: []const u8,
};

test "a signature is the same in the shim" {
    try vectors.run(Signature, "signatures.json", struct {
        fn check(vector: Signature, _: std.mem.Allocator) !void {
            var buffer: [shim.sign.value_bytes_max]u8 = undefined;
            const signer: shim.sha256.Mac = .init(vector.secret);
            const digest = shim.sha256.hash(vector.body);
            const value = shim.sign.value(&buffer, &signer, &vector.callout, &digest, vector.at);
            try testing.expectEqualStrings(vector.value, value);
        }
    }.check);
}

const Callout = struct {
    name: []const u8,
    policy: []const u8,
    workload: []const u8,
    secret: []const u8,
    at: u64,
    check: struct {
        cluster: []const u8,
        authority: []const u8,
        timeout_ms: u32,
        token: []const u8 = "",
    },
    request: struct {
        method: []const u8,
        path: []const u8,
        authority: []const u8,
        headers: []const [2][]const u8,
        body: []const u8,
    },
    refused: ?[]const u8 = null,
    headers: []const [2][]const u8 = &.{},
};

test "a request makes the same callout in the shim" {
    try vectors.run(Callout, "callouts.json", struct {
        fn check(vector: Callout, memory: std.mem.Allocator) !void {
            const request = vector.request;
            const pseudo = [_][2][]const u8{
                .{ ":method", request.method },
                .{ ":authority", request.authority },
                .{ ":path", request.path },
            };
            const all = try std.mem.concat(memory, [2][]const u8, &.{ &pseudo, request.headers });
            const map = try vectors.mapOf(all, memory);
            var message: shim.message.Message = .{};
            defer message.forget();
            const is_told = if (shim.message.upgrades(map)) false else told: {
                message.remember(map) catch break :told false;
                break :told true;
            };
            if (!is_told) return testing.expect(vector.refused != null);
            try testing.expectEqual(null, vector.refused);
            const signed = shim.callout.signedText(vector.policy, vector.workload, &message);
            const signer: shim.sha256.Mac = .init(vector.secret);
            var value_buffer: [shim.sign.value_bytes_max]u8 = undefined;
            const signature = shim.sign.value(
                &value_buffer,
                &signer,
                &signed,
                &shim.sha256.hash(request.body),
                vector.at,
            );
            var buffer: [shim.callout.encoded_bytes_max]u8 = undefined;
            const encoded = try shim.callout.encode(&buffer, &.{
                .name = "check",
                .cluster = vector.check.cluster,
                .authority = vector.check.authority,
                .token = vector.check.token,
            }, &signed, signature, vector.check.timeout_ms, &message, "");
            try vectors.expectSame(vector.headers, try shim.headers.Map.parse(encoded), memory);
        }
    }.check);
}

const Denial = struct {
    name: []const u8,
    templates: []const shim.denial.Template,
    path: []const u8,
    reason: []const u8,
    check: ?[]const u8,
    content_type: []const u8,
    body: []const u8,
};

test "a denial reads the same from the shim" {
    try vectors.run(Denial, "denials.json", struct {
        fn check(vector: Denial, _: std.mem.Allocator) !void {
            defer shim.memory.sweep();
            const template = shim.denial.choose(vector.templates, vector.path);
            try testing.expectEqualStrings(vector.content_type, template.content_type);
            const reason = try reasonOf(vector.reason);
            const name = vector.check orelse shim.denial.nobody;
            const body = shim.denial.render(template.body, reason, name);
            try testing.expectEqualStrings(vector.body, body);
        }
    }.check);
}

fn reasonOf(code: []const u8) !shim.contract.Reason {
    for (shim.contract.reasons, 0..) |spec, index| {
        if (std.mem.eql(u8, spec.code, code)) return @fromBackingInt(@intCast(index));
    }
    return error.ReasonUnknown;
}

const Config = struct {
    name: []const u8,
    replace: []const u8,
    by: []const u8,
    refused: ?[]const u8,
};

test "a configuration loads, or is refused with the same words" {
    var all: vectors.Vectors(Config) = try .of("configs.json");
    defer all.parsed.deinit();
    const document = try std.mem.join(all.memory(), "\n", all.parsed.value.document);
    var failed = false;
    for (all.parsed.value.vectors) |vector| {
        expectLoads(vector, document, all.memory()) catch |err| {
            std.debug.print("configs.json: {s}: {t}\n", .{ vector.name, err });
            failed = true;
        };
    }
    try testing.expect(!failed);
}

fn expectLoads(vector: Config, document: []const u8, memory: std.mem.Allocator) !void {
    const at = std.mem.indexOf(u8, document, vector.replace).?;
    const rest = document[at + vector.replace.len ..];
    const changed = try std.mem.concat(memory, u8, &.{ document[0..at], vector.by, rest });
    if (changed.len == 0) return; // Refused before it is read (load.zig).
    const config = try memory.create(shim.config.Config);
    var reader: shim.json.Reader = .{ .document = changed };
    shim.reading.read(config, &reader) catch {
        return testing.expectEqualStrings(vector.refused orelse "", reader.message());
    };
    try testing.expectEqual(null, vector.refused);
}

test {
    _ = @import("native_keys.zig");
    _ = @import("native_responses.zig");
    _ = @import("native_scenarios.zig");
}
