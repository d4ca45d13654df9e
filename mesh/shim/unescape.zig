//! Strings of JSON (RFC 8259, section 7), resolved where they stand.
//!
//!     …"caf\u00e9"…  ─▶  …"café…      what is resolved is never longer than what was written

const std = @import("std");
const text = @import("text.zig");

pub const Error = error{Malformed};

/// The string whose opening quote lies before `at`, without its quotes; `at` then lies behind it.
/// On an error it lies where the string is none.
pub fn string(document: []u8, at: *usize) Error![]const u8 {
    const start = at.*;
    var to = start;
    while (at.* < document.len) {
        const byte = document[at.*];
        if (byte == '"') {
            at.* += 1;
            return document[start..to];
        }
        if (byte < ' ') break;
        if (byte == '\\') {
            to += try escape(document, at, to);
        } else {
            document[to] = byte;
            at.* += 1;
            to += 1;
        }
    }
    return error.Malformed;
}

/// Resolves the escape at hand into the document at `to`; the number of bytes that it makes.
fn escape(document: []u8, at: *usize, to: usize) Error!usize {
    if (document.len - at.* < 2) return error.Malformed;
    const plain: u8 = switch (document[at.* + 1]) {
        'u' => return escapedCodepoint(document, at, to),
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => 0x08,
        'f' => 0x0c,
        '"', '\\', '/' => |same| same,
        else => return error.Malformed,
    };
    at.* += 2;
    document[to] = plain;
    return 1;
}

/// Code points beyond 16 bits are written as two units (a surrogate pair).
fn escapedCodepoint(document: []u8, at: *usize, to: usize) Error!usize {
    var codepoint: u21 = try escapedUnit(document, at);
    if (codepoint >= 0xd800 and codepoint <= 0xdfff) {
        const low: u21 = if (codepoint < 0xdc00) try escapedUnit(document, at) else 0;
        if (low < 0xdc00 or low > 0xdfff) return error.Malformed;
        codepoint = 0x10000 + ((codepoint - 0xd800) << 10) + (low - 0xdc00);
    }
    var bytes: [4]u8 = undefined;
    const count = std.unicode.utf8Encode(codepoint, &bytes) catch return error.Malformed;
    @memcpy(document[to..][0..count], bytes[0..count]);
    return count;
}

/// `\uXXXX`
fn escapedUnit(document: []const u8, at: *usize) Error!u16 {
    const rest = document[at.*..];
    if (rest.len < 6 or !text.startsWith(rest, "\\u")) return error.Malformed;
    var unit: u16 = 0;
    for (rest[2..6]) |digit| {
        const value = std.fmt.charToDigit(digit, 16) catch return error.Malformed;
        unit = unit << 4 | value;
    }
    at.* += 6;
    return unit;
}

fn expectResolved(comptime written: []const u8, expected: Error![]const u8) !void {
    var document = written.*;
    var at: usize = 0;
    if (expected) |resolved| {
        try std.testing.expectEqualStrings(resolved, try string(&document, &at));
        try std.testing.expectEqual(document.len, at);
    } else |err| try std.testing.expectError(err, string(&document, &at));
}

test "escapes are resolved" {
    try expectResolved("\"", "");
    try expectResolved("a\\n\\t\\r\\b\\f\\\"\\\\\\/z\"", "a\n\t\r\x08\x0c\"\\/z");
    try expectResolved("\\u0041\\u00e9\\u8d26\\ud83d\\ude00\"", "Aé账😀");
}

test "what is no string is malformed" {
    inline for (.{
        "",                 "a",         "\n\"",      "\\",        "\\\"",       "\\x41\"",
        "\\u004\"",         "\\u00g1\"", "\\ud83d\"", "\\ude00\"", "\\ud83dx\"", "\\ud83d\\n\"",
        "\\ud83d\\u0041\"",
    }) |written| try expectResolved(written, error.Malformed);
}
