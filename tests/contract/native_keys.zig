//! The vectors about keys against the shim's own code, compiled natively.

const std = @import("std");
const shim = @import("shim");
const vectors = @import("vectors.zig");
const testing = std.testing;

const Call = struct {
    name: []const u8,
    secret: []const u8,
    workload: []const u8,
    body: []const u8,
    at: u64,
    signature: []const u8,
    document: []const u8,
    nonce: []const u8,
    sealed: []const u8,
};

test "a call for keys is signed the same in the shim, and its answer opens" {
    try vectors.run(Call, "keys.json", struct {
        fn check(vector: Call, memory: std.mem.Allocator) !void {
            const signer: shim.sha256.Mac = .init(vector.secret);
            var buffer: [shim.sign.value_bytes_max]u8 = undefined;
            const digest = shim.sha256.hash(vector.body);
            const purpose = shim.contract.keys_purpose;
            const lines = [_][]const u8{vector.workload};
            const signature =
                shim.sign.over(&buffer, &signer, purpose, &lines, &digest, vector.at);
            try testing.expectEqualStrings(vector.signature, signature);
            const sealed = try bytesOf(vector.sealed, memory);
            const opened = shim.seal.open(&signer, signature, sealed);
            try testing.expectEqualStrings(vector.document, opened orelse return error.Unopened);
        }
    }.check);
}

const Refused = struct {
    name: []const u8,
    secret: []const u8,
    signature: []const u8,
    sealed: []const u8,
};

test "what was changed does not open in the shim, and stays as it was" {
    try vectors.run(Refused, "keys_refused.json", struct {
        fn check(vector: Refused, memory: std.mem.Allocator) !void {
            const signer: shim.sha256.Mac = .init(vector.secret);
            const sealed = try bytesOf(vector.sealed, memory);
            try testing.expectEqual(null, shim.seal.open(&signer, vector.signature, sealed));
            try testing.expectEqualSlices(u8, try bytesOf(vector.sealed, memory), sealed);
        }
    }.check);
}

fn bytesOf(hex: []const u8, memory: std.mem.Allocator) ![]u8 {
    return std.fmt.hexToBytes(try memory.alloc(u8, hex.len / 2), hex);
}
