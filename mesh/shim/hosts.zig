//! Which requests are guarded: those whose authority names a guarded host, or one below `*.suffix`.
//!
//!     Host: DashScope.aliyuncs.com.:80 ─▶ guarded   letter case, port, one final dot do not matter
//!     Host: api.example.com            ─▶ free
//!     Host: me@dashscope.aliyuncs.com  ─▶ refused   two readings, and one of them is guarded
//!
//! Everything from the first colon on is port: Envoy finds its routes without what stands behind the
//! last one, whether that is a number or not (tried with 1.40). A host that routes there, and is no
//! match here, would be a way around.

const std = @import("std");
const text = @import("text.zig");

pub const Match = union(enum) {
    free,
    /// Index of the guarded host.
    guarded: usize,
    /// The authority can be read in several ways, and in one of them it names this host.
    refused: usize,
};

/// What `authority` is to `named`, which have names in lower case, without port and final dot. A
/// name of its own comes before a suffix, a longer suffix before a shorter one.
pub fn match(named: anytype, authority: []const u8) Match {
    var rest = authority;
    while (true) {
        const part = text.until(text.until(rest, '@'), ',');
        const host = bare(part);
        var index: usize = 0;
        var nearest: usize = 0;
        for (named, 0..) |*each, at| {
            const near = nearness(each.name, host);
            if (near <= nearest) continue;
            nearest = near;
            index = at;
        }
        const is_whole = part.len == authority.len;
        if (nearest > 0 and is_whole) return .{ .guarded = index };
        if (nearest > 0) return .{ .refused = index };
        if (part.len == rest.len) return .free;
        rest = rest[part.len + 1 ..];
    }
}

/// How much of `host` a name says; 0 where it does not name it.
fn nearness(name: []const u8, host: []const u8) usize {
    if (name[0] != '*') return if (std.ascii.eqlIgnoreCase(name, host)) name.len else 0;
    const suffix = name[1..];
    const is_below = host.len > suffix.len and std.ascii.endsWithIgnoreCase(host, suffix);
    return if (is_below) suffix.len else 0;
}

/// An authority without its port, blanks around it and one final dot.
fn bare(authority: []const u8) []const u8 {
    var host = text.until(authority, ':');
    while (host.len > 0 and isBlank(host[0])) host = host[1..];
    while (host.len > 0 and isBlank(host[host.len - 1])) host.len -= 1;
    if (host.len > 0 and host[host.len - 1] == '.') host.len -= 1;
    return host;
}

fn isBlank(byte: u8) bool {
    return byte == ' ' or byte == '\t';
}
