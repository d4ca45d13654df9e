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
};

const prefix = "v1,t=";
const middle = ",h=";
pub const value_bytes_max = prefix.len + text.digits_max + middle.len + 2 * sha256.digest_bytes;

/// Writes the value of a callout's header for Unix time `at` (seconds) into `buffer`.
pub fn value(
    buffer: *[value_bytes_max]u8,
    secret: []const u8,
    signed: Signed,
    body: []const u8,
    at: u64,
) []const u8 {
    const names = comptime std.meta.fieldNames(Signed);
    var lines: [names.len][]const u8 = undefined;
    inline for (names, &lines) |name, *line| line.* = @field(signed, name);
    return over(buffer, secret, "meshward-callout-v1", &lines, body, at);
}

/// The same over a purpose and lines, in which no line feed may stand.
pub fn over(
    buffer: *[value_bytes_max]u8,
    secret: []const u8,
    purpose: []const u8,
    lines: []const []const u8,
    body: []const u8,
    at: u64,
) []const u8 {
    var seconds_buffer: [text.digits_max]u8 = undefined;
    const seconds = text.decimal(&seconds_buffer, at);
    var mac: sha256.Mac = .init(secret);
    mac.update(purpose);
    mac.update("\n");
    mac.update(seconds);
    for (lines) |line| {
        mac.update("\n");
        mac.update(line);
    }
    mac.update("\n");
    mac.update(&std.fmt.bytesToHex(sha256.hash(body), .lower));
    const tag = mac.final();

    var written: text.Text = .{ .buffer = buffer };
    written.add(prefix);
    written.add(seconds);
    written.add(middle);
    written.add(&std.fmt.bytesToHex(tag, .lower));
    return written.written();
}
