//! The callout's signature, as functions/verdict/signature.py describes and verifies it.

const std = @import("std");
const Text = @import("reader.zig").Text;
const Hmac = std.crypto.auth.hmac.sha2.HmacSha256;
const Sha256 = std.crypto.hash.sha2.Sha256;

pub const value_bytes_max = "v1,t=".len + 20 + ",h=".len + 64;

/// The parts of a callout that are signed, in the order of the signed text.
pub const Signed = struct {
    phase: []const u8,
    policy: []const u8,
    workload: []const u8,
    authority: []const u8,
    method: []const u8,
    path: []const u8,
    stream: []const u8,
    content_type: []const u8,
    content_encoding: []const u8,
};

/// The value of the signature header at Unix time `at` in seconds, in `buffer`.
pub fn sign(buffer: *[value_bytes_max]u8, secret: []const u8, at: u64, signed: Signed, body: []const u8) []const u8 {
    var digits_buffer: [20]u8 = undefined;
    var digits: Text = .{ .buffer = &digits_buffer };
    digits.addNumber(at);
    var body_digest: [Sha256.digest_length]u8 = undefined;
    Sha256.hash(body, &body_digest, .{});
    const body_hex = std.fmt.bytesToHex(body_digest, .lower);

    var mac: Hmac = .init(secret);
    mac.update("meshward-callout-v1");
    for ([_][]const u8{
        digits.written(),        signed.phase,     signed.policy,
        signed.workload,         signed.authority, signed.method,
        signed.path,             signed.stream,    signed.content_type,
        signed.content_encoding, &body_hex,
    }) |line| {
        mac.update("\n");
        mac.update(line);
    }
    var digest: [Hmac.mac_length]u8 = undefined;
    mac.final(&digest);
    const digest_hex = std.fmt.bytesToHex(digest, .lower);

    var value: Text = .{ .buffer = buffer };
    value.add("v1,t=");
    value.add(digits.written());
    value.add(",h=");
    value.add(&digest_hex);
    return value.written();
}
