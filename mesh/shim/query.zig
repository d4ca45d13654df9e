//! Credentials in the query of a path: the caller's are taken out, the guard's is put in.
//!
//!     /v1/models?a=1&k%65y=app  ─▶  /v1/models?key=own&a=1
//!
//! A parameter ends at `&` or, to some servers, at `;`: what either of them would find is found
//! here. What stays keeps its bytes and its order. (Envoy refuses paths with a fragment.)

const std = @import("std");
const text = @import("text.zig");
const Text = text.Text;

/// In front of the names of query parameters, in lists that also name headers.
pub const parameter_mark = "?";

/// A parameter to be set; prefix and key stand one behind the other and are percent-encoded.
pub const Parameter = struct {
    name: []const u8,
    prefix: []const u8,
    key: []const u8,

    pub fn bytesMax(parameter: Parameter) usize {
        return parameter.name.len + 3 * (parameter.prefix.len + parameter.key.len) + 2;
    }
};

/// Writes `path` into `buffer`, which has room for it, without the parameter `own` and those in
/// `names`, a list joined by line feeds. What is dropped is shorter.
pub fn without(buffer: []u8, path: []const u8, names: []const u8, own: []const u8) []const u8 {
    var written: Text = .{ .buffer = buffer };
    var at = beginOf(path);
    written.add(path[0..at]);
    var separator: []const u8 = "?";
    while (at < path.len) {
        const start = at + 1;
        var next = start;
        while (next < path.len and path[next] != '&' and path[next] != ';') next += 1;
        const piece = path[start..next];
        if (!isNamed(piece, own) and !isListed(piece, names)) {
            written.add(if (separator.len > 0) separator else path[at..start]);
            written.add(piece);
            separator = "";
        }
        at = next;
    }
    return written.written();
}

/// Writes `path` with `own` in front of its query into `buffer`, which has room for both.
pub fn with(buffer: []u8, path: []const u8, own: Parameter) []const u8 {
    var written: Text = .{ .buffer = buffer };
    const query = beginOf(path);
    written.add(path[0..query]);
    written.add("?");
    written.add(own.name);
    written.add("=");
    encode(&written, own.prefix);
    encode(&written, own.key);
    if (query == path.len) return written.written();
    written.add("&");
    written.add(path[query + 1 ..]);
    return written.written();
}

/// Where the query with its question mark begins, or where it would.
pub fn beginOf(path: []const u8) usize {
    return text.until(path, '?').len;
}

fn isListed(piece: []const u8, names: []const u8) bool {
    var rest: ?[]const u8 = names;
    while (text.nextLine(&rest)) |name| {
        if (text.startsWith(name, parameter_mark) and isNamed(piece, name[1..])) return true;
    }
    return false;
}

/// Whether a server may read `name`, which is not empty, as the name of this piece of a query:
/// escapes are resolved, letter case does not matter.
fn isNamed(piece: []const u8, name: []const u8) bool {
    var at: usize = 0;
    for (name) |wanted| {
        if (at == piece.len) return false;
        var byte = piece[at];
        at += 1;
        if (byte == '%' and piece.len - at >= 2) {
            byte = hexDigit(piece[at]) << 4 | hexDigit(piece[at + 1]);
            at += 2;
        }
        // Of letters, the same but for their case; a mark that is taken for another is dropped.
        if ((byte ^ wanted) & ~@as(u8, 0x20) != 0) return false;
    }
    return name.len > 0 and (at == piece.len or piece[at] == '=');
}

/// Of what is no digit some value: a name that is not understood is at worst dropped.
fn hexDigit(byte: u8) u8 {
    return (if (byte <= '9') byte else byte + 9) & 15;
}

/// Escapes what would end the parameter, or be taken for an escape or a space.
fn encode(written: *Text, value: []const u8) void {
    for (value) |byte| {
        if (byte > ' ' and !text.contains("%&+;#", byte)) {
            written.add(&.{byte});
        } else {
            const digits = "0123456789ABCDEF";
            written.add(&.{ '%', digits[byte >> 4], digits[byte & 15] });
        }
    }
}

const testing = std.testing;

fn expectLeft(expected: []const u8, path: []const u8) !void {
    var buffer: [256]u8 = undefined;
    const names = "authorization\n?key\n?access_token";
    try testing.expectEqualStrings(expected, without(buffer[0..path.len], path, names, "own"));
}

test "what names no credential stays as it is" {
    for ([_][]const u8{
        "/",         "/p?",        "/p?a=1&b=2",       "/p?a=1;b=2",    "/p?a=key&b",
        "/p?keys=1", "/p?a=1?key", "/p?monkey=1",      "/p?ke=1&y=2",   "/key=1",
        "",          "/p?%6bex=1", "/p??a=1",          "*",             "/p?a=%zz&b=1",
        "/p?&&a",    "/p?=key",    "/p?authorization", "/p?k=ey&own%",  "/p?%",
        "/p?k%=1",   "/p?k%6=1",   "/p?a=1&&b=2",      "/p?key%00=nil", "/p?acces=1",
    }) |path| try expectLeft(path, path);
}

test "the caller's are taken out, however they are written" {
    try expectLeft("/p", "/p?key=app");
    try expectLeft("/p", "/p?key");
    try expectLeft("/p", "/p?key=a&KEY=b&Access_Token=c");
    try expectLeft("/p", "/p?own=1");
    try expectLeft("/p?a=1", "/p?a=1&key=app");
    try expectLeft("/p?a=1", "/p?key=app&a=1");
    try expectLeft("/p?a=1;b=2", "/p?a=1;key=app;b=2");
    try expectLeft("/p?b=2", "/p?key=app;b=2");
    try expectLeft("/p", "/p?k%65y=app");
    try expectLeft("/p?a=1", "/p?a=1&%6B%45%59=app?x");
    try expectLeft("/p", "/p?access%5ftoken=x");
}

fn expectSet(expected: []const u8, path: []const u8, own: Parameter) !void {
    var buffer: [256]u8 = undefined;
    const room = buffer[0 .. path.len + own.bytesMax()];
    try testing.expectEqualStrings(expected, with(room, path, own));
}

test "ours is put in front, encoded" {
    const own: Parameter = .{ .name = "key", .prefix = "", .key = "sk-1" };
    try expectSet("/p?key=sk-1", "/p", own);
    try expectSet("/p?key=sk-1&a=1", "/p?a=1", own);
    try expectSet("/p?key=sk-1&a=1;b=2", "/p?a=1;b=2", own);
    try expectSet("/p?key=sk-1&", "/p?", own);
    const odd: Parameter = .{ .name = "token", .prefix = "Bearer ", .key = "a&b=c/~%" };
    try expectSet("/p?token=Bearer%20a%26b=c/~%25&x", "/p?x", odd);
    const most: Parameter = .{ .name = "k", .prefix = "  ", .key = "&&&" };
    try expectSet("/?k=%20%20%26%26%26&", "/?", most);
}
