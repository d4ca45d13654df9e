//! Which requests are guarded: those whose authority names a guarded host, or one below `*.suffix`.
//!
//!     Host: DashScope.aliyuncs.com.:80 ─▶ guarded   letter case, port, one final dot do not matter
//!     Host: api.example.com            ─▶ free
//!     Host: me@dashscope.aliyuncs.com  ─▶ refused   two readings, and one of them is guarded
//!
//! The port is cut as Envoy cuts it for its routes: digits behind the last colon, however many. A
//! shorter list here than there would be a way around.

const std = @import("std");

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
    var parts = std.mem.splitAny(u8, authority, "@,");
    while (parts.next()) |part| {
        const host = bare(std.mem.trim(u8, part, " \t"));
        var index: usize = 0;
        var nearest: usize = 0;
        for (named, 0..) |each, at| {
            if (nearness(each.name, host) <= nearest) continue;
            nearest = nearness(each.name, host);
            index = at;
        }
        if (nearest == 0) continue;
        return if (part.len == authority.len) .{ .guarded = index } else .{ .refused = index };
    }
    return .free;
}

/// How much of `host` a name says; 0 where it does not name it.
fn nearness(name: []const u8, host: []const u8) usize {
    if (name[0] != '*') return if (std.ascii.eqlIgnoreCase(name, host)) name.len else 0;
    const suffix = name[1..];
    const is_below = host.len > suffix.len and std.ascii.endsWithIgnoreCase(host, suffix);
    return if (is_below) suffix.len else 0;
}

/// An authority without its port and one final dot.
fn bare(authority: []const u8) []const u8 {
    var host = authority;
    if (std.mem.lastIndexOfScalar(u8, host, ':')) |colon| {
        const port = host[colon + 1 ..];
        for (port) |byte| {
            if (!std.ascii.isDigit(byte)) break;
        } else host = host[0..colon];
    }
    return if ((host.len > 0 and host[host.len - 1] == '.')) host[0 .. host.len - 1] else host;
}
