//! Strings of JSON (RFC 8259, section 7), resolved where they stand.
//!
//!     …"caf\u00e9"…  ─▶  …"café…      what is resolved is never longer than what was written

const std = @import("std");
const text = @import("text.zig");

/// The string whose opening quote lies before `at`, without its quotes; `at` then lies behind it.
/// Null where it is none, and `at` lies where it is not.
pub fn string(document: []u8, at: *usize) ?[]const u8 {
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
            to += escape(document, at, to) orelse return null;
        } else {
            document[to] = byte;
            at.* += 1;
            to += 1;
        }
    }
    return null;
}

/// Resolves the escape at hand into the document at `to`; the number of bytes that it makes.
fn escape(document: []u8, at: *usize, to: usize) ?usize {
    if (document.len - at.* < 2) return null;
    const plain: u8 = switch (document[at.* + 1]) {
        'u' => return escapedCodepoint(document, at, to),
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        'b' => 0x08,
        'f' => 0x0c,
        '"', '\\', '/' => |same| same,
        else => return null,
    };
    at.* += 2;
    document[to] = plain;
    return 1;
}

/// Code points beyond 16 bits are written as two units (a surrogate pair).
fn escapedCodepoint(document: []u8, at: *usize, to: usize) ?usize {
    const unit = escapedUnit(document, at) orelse return null;
    if (unit < 0xd800 or unit > 0xdfff) return encode(unit, document[to..]);
    if (unit > 0xdbff) return null;
    const low = escapedUnit(document, at) orelse return null;
    if (low < 0xdc00 or low > 0xdfff) return null;
    return encode(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), document[to..]);
}

/// Writes `codepoint` as UTF-8 (RFC 3629, section 3); the number of its bytes.
fn encode(codepoint: u32, into: []u8) usize {
    if (codepoint < 0x80) {
        into[0] = @intCast(codepoint);
        return 1;
    }
    const count: usize = if (codepoint < 0x800) 2 else if (codepoint < 0x10000) 3 else 4;
    var rest = codepoint;
    var index = count - 1;
    while (index > 0) : (index -= 1) {
        into[index] = 0x80 | @as(u8, @truncate(rest & 0x3f));
        rest >>= 6;
    }
    into[0] = @truncate((@as(u32, 0xf00) >> @intCast(count)) | rest);
    return count;
}

/// `\uXXXX`
fn escapedUnit(document: []const u8, at: *usize) ?u32 {
    const rest = document[at.*..];
    if (rest.len < 6 or !text.startsWith(rest, "\\u")) return null;
    var unit: u32 = 0;
    for (rest[2..6]) |digit| {
        const value = text.indexOf(text.hexadecimal, std.ascii.toLower(digit)) orelse return null;
        unit = unit << 4 | @as(u32, @intCast(value));
    }
    at.* += 6;
    return unit;
}

fn expectResolved(comptime written: []const u8, expected: ?[]const u8) !void {
    var document = written.*;
    var at: usize = 0;
    if (expected) |resolved| {
        try std.testing.expectEqualStrings(resolved, string(&document, &at).?);
        try std.testing.expectEqual(document.len, at);
    } else try std.testing.expectEqual(null, string(&document, &at));
}

test "escapes are resolved" {
    try expectResolved("\"", "");
    try expectResolved("a\\n\\t\\r\\b\\f\\\"\\\\\\/z\"", "a\n\t\r\x08\x0c\"\\/z");
    try expectResolved("\\u0041\\u00e9\\u8d26\\ud83d\\ude00\"", "Aé账😀");
    try expectResolved("\\u007f\\u0080\\u07FF\\u0800\\uFFFF\"", "\x7f\u{80}\u{7ff}\u{800}\u{ffff}");
    try expectResolved("\\ud800\\udc00\\udbff\\udfff\"", "\u{10000}\u{10ffff}");
}

test "what is no string is malformed" {
    inline for (.{
        "",                 "a",         "\n\"",      "\\",        "\\\"",       "\\x41\"",
        "\\u004\"",         "\\u00g1\"", "\\ud83d\"", "\\ude00\"", "\\ud83dx\"", "\\ud83d\\n\"",
        "\\ud83d\\u0041\"",
    }) |written| try expectResolved(written, null);
}
