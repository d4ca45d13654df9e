//! Text in fixed room, and numbers as text. (`std.fmt` and `std.Io.Writer` do more, and would be a
//! fifth of the built plugin.)

const std = @import("std");

/// A u64 has at most twenty digits.
pub const digits_max = 20;

pub const hexadecimal = "0123456789abcdef";

/// Text that is cut where `buffer` ends: for what is shown to people, or was measured before.
pub const Text = struct {
    buffer: []u8,
    len: usize = 0,

    /// Not inlined: it is called all over, and would be a tenth of a KB each time.
    pub noinline fn add(text: *Text, piece: []const u8) void {
        const fitting = piece[0..@min(piece.len, text.buffer.len - text.len)];
        @memcpy(text.buffer[text.len..][0..fitting.len], fitting);
        text.len += fitting.len;
    }

    /// Copying runs through the host's runtime, however little it is; this does not.
    pub fn addByte(text: *Text, byte: u8) void {
        if (text.len == text.buffer.len) return;
        text.buffer[text.len] = byte;
        text.len += 1;
    }

    pub fn addNumber(text: *Text, number: u64) void {
        var digits: [digits_max]u8 = undefined;
        text.add(decimal(&digits, number));
    }

    /// Adds `template`, each byte below `values.len` replaced by the value of that number.
    pub noinline fn fill(text: *Text, template: []const u8, values: []const []const u8) void {
        for (template) |byte| {
            if (byte < values.len) text.add(values[byte]) else text.addByte(byte);
        }
    }

    pub fn written(text: *const Text) []const u8 {
        return text.buffer[0..text.len];
    }
};

// The library's comparisons and searches are made for long inputs, and unrolled; what is compared
// here is short.

pub fn eql(one: []const u8, other: []const u8) bool {
    if (one.len != other.len) return false;
    for (one, other) |a, b| {
        if (a != b) return false;
    }
    return true;
}

pub fn startsWith(whole: []const u8, start: []const u8) bool {
    return whole.len >= start.len and eql(whole[0..start.len], start);
}

/// Where `byte` stands first.
pub fn indexOf(bytes: []const u8, byte: u8) ?usize {
    for (bytes, 0..) |each, index| {
        if (each == byte) return index;
    }
    return null;
}

pub fn contains(bytes: []const u8, byte: u8) bool {
    return until(bytes, byte).len < bytes.len;
}

/// What stands before the first `byte`, or all.
pub fn until(bytes: []const u8, byte: u8) []const u8 {
    for (bytes, 0..) |each, index| {
        if (each == byte) return bytes[0..index];
    }
    return bytes;
}

/// Whether all bytes are lower-case letters, digits or one of `marks`.
pub fn isLower(bytes: []const u8, marks: []const u8) bool {
    for (bytes) |byte| {
        const is_fit = std.ascii.isLower(byte) or std.ascii.isDigit(byte) or
            contains(marks, byte);
        if (!is_fit) return false;
    }
    return true;
}

/// `functions.verdict.models.Name`, but for its length.
pub fn isName(bytes: []const u8) bool {
    const marks = "._-";
    return bytes.len > 0 and isLower(bytes, marks) and !contains(marks, bytes[0]);
}

/// Takes the next line off `rest`, which is null after the last one.
pub fn nextLine(rest: *?[]const u8) ?[]const u8 {
    const bytes = rest.* orelse return null;
    const line = until(bytes, '\n');
    rest.* = null;
    if (line.len < bytes.len) rest.* = bytes[line.len + 1 ..];
    return line;
}

/// Which of `lines` is `line`.
pub fn lineOf(lines: []const u8, line: []const u8) ?usize {
    var rest: ?[]const u8 = lines;
    var index: usize = 0;
    while (nextLine(&rest)) |each| : (index += 1) {
        if (eql(each, line)) return index;
    }
    return null;
}

/// The names of an enumeration, one a line: smaller than a table of them.
pub fn names(comptime Enum: type) []const u8 {
    const all = std.meta.fieldNames(Enum);
    var lines: []const u8 = all[0];
    for (all[1..]) |name| lines = lines ++ "\n" ++ name;
    return lines;
}

/// `number` in decimal digits.
pub fn decimal(buffer: *[digits_max]u8, number: u64) []const u8 {
    var rest = number;
    var start = buffer.len;
    while (true) {
        start -= 1;
        buffer[start] = '0' + @as(u8, @intCast(rest % 10));
        rest /= 10;
        if (rest == 0) return buffer[start..];
    }
}

/// A whole number without sign and leading zeros; null for anything else, and beyond 18 digits.
pub fn parse(digits: []const u8) ?u64 {
    if (digits.len == 0 or digits.len > 18) return null;
    if (digits[0] == '0' and digits.len > 1) return null;
    var number: u64 = 0;
    for (digits) |byte| {
        if (!std.ascii.isDigit(byte)) return null;
        number = number * 10 + (byte - '0');
    }
    return number;
}

test "a number reads back as it was written" {
    var buffer: [digits_max]u8 = undefined;
    const largest = decimal(&buffer, std.math.maxInt(u64));
    try std.testing.expectEqualStrings("18446744073709551615", largest);
    for ([_]u64{ 0, 7, 10, 999_999_999_999_999_999 }) |number| {
        try std.testing.expectEqual(number, parse(decimal(&buffer, number)));
    }
}

test "only plain whole numbers are read" {
    const others = [_][]const u8{
        "", "+1", "-1", "01", "1 ", "0x1", "1e1", "1.0", "1000000000000000000",
    };
    for (others) |digits| {
        try std.testing.expectEqual(null, parse(digits));
    }
}

test "a template is filled" {
    var buffer: [16]u8 = undefined;
    var text: Text = .{ .buffer = &buffer };
    text.fill("a=\x01, b=\x00;", &.{ "zero", "one" });
    try std.testing.expectEqualStrings("a=one, b=zero;", text.written());
}

test "text is cut where its room ends" {
    var buffer: [8]u8 = undefined;
    var text: Text = .{ .buffer = &buffer };
    text.add("abcde");
    text.addNumber(123_456);
    text.add("more");
    try std.testing.expectEqualStrings("abcde123", text.written());
}

test "lines are taken one by one, empty ones too" {
    var rest: ?[]const u8 = "a\n\nb\n";
    for ([_][]const u8{ "a", "", "b", "" }) |line| {
        try std.testing.expectEqualStrings(line, nextLine(&rest).?);
    }
    try std.testing.expectEqual(null, nextLine(&rest));
}
