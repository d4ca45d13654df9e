//! The signatures of callouts and of calls for keys, as functions/verdict/signature.py and keys.py
//! describe them: `v1,t=<Unix seconds>,h=<hex HMAC-SHA256>` over lines joined by line feeds.

const std = @import("std");
const sha256 = @import("sha256.zig");
const text = @import("text.zig");

/// What is signed of a callout besides time and body. An absent value is empty. No value holds a
/// line feed: whoever fills this has checked that (message.zig, config.zig).
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

    noinline fn lines(signed: *const Signed) [9][]const u8 {
        return .{
            signed.phase,     signed.policy,       signed.workload,
            signed.authority, signed.method,       signed.path,
            signed.stream,    signed.content_type, signed.content_encoding,
        };
    }
};

const prefix = "v1,t=";
const middle = ",h=";
pub const value_bytes_max = prefix.len + text.digits_max + middle.len + 2 * sha256.digest_bytes;

pub const Digest = sha256.Digest;

/// Tells messages apart that any check could judge differently: over all that is signed but time.
pub fn identity(signed: *const Signed, body: *const Digest) Digest {
    var hash: sha256.Hash = .begin();
    add(&hash, &signed.lines(), body);
    return hash.final();
}

/// Writes the value of a callout's header for a body of this digest and Unix time `at` (seconds)
/// into `buffer`. `keyed` has taken up the secret, and nothing else.
pub fn value(
    buffer: *[value_bytes_max]u8,
    keyed: *const sha256.Mac,
    signed: *const Signed,
    body: *const Digest,
    at: u64,
) []const u8 {
    return over(buffer, keyed, "meshward-callout-v1", &signed.lines(), body, at);
}

/// The same over a purpose and lines, in which no line feed may stand.
pub fn over(
    buffer: *[value_bytes_max]u8,
    keyed: *const sha256.Mac,
    purpose: []const u8,
    lines: []const []const u8,
    body: *const Digest,
    at: u64,
) []const u8 {
    var seconds_buffer: [text.digits_max]u8 = undefined;
    const seconds = text.decimal(&seconds_buffer, at);
    var mac = keyed.*;
    mac.update(purpose);
    mac.update("\n");
    mac.update(seconds);
    add(&mac.inner, lines, body);
    const tag = mac.final();

    var written: text.Text = .{ .buffer = buffer };
    written.add(prefix);
    written.add(seconds);
    written.add(middle);
    written.add(&hex(&tag));
    return written.written();
}

/// Each line on its own, and the body's digest on the last.
fn add(hash: *sha256.Hash, lines: []const []const u8, body: *const Digest) void {
    for (lines) |line| {
        hash.update("\n");
        hash.update(line);
    }
    hash.update("\n");
    hash.update(&hex(body));
}

fn hex(digest: *const Digest) [2 * sha256.digest_bytes]u8 {
    var digits: [2 * sha256.digest_bytes]u8 = undefined;
    for (digest, 0..) |byte, index| {
        digits[2 * index] = text.hexadecimal[byte >> 4];
        digits[2 * index + 1] = text.hexadecimal[byte & 0xf];
    }
    return digits;
}
