//! Which host a request is for, whatever way it is written.
//!
//!     Dashscope.AliyunCS.com:80   dashscope.aliyuncs.com.   →   dashscope.aliyuncs.com
//!
//! Letter case, a port and one final dot make no difference to where a request goes, so they must
//! make none to whether it is guarded.

const std = @import("std");

/// The authority without port and final dot. Letter case is left to `same`.
pub fn bare(authority: []const u8) []const u8 {
    var host = authority;
    // `user@host` is not allowed in HTTP; where a proxy lets it pass, the host is what follows.
    if (std.mem.findScalarLast(u8, host, '@')) |at| host = host[at + 1 ..];
    if (std.mem.findScalarLast(u8, host, ':')) |colon| {
        const inside_brackets = std.mem.findScalarPos(u8, host, colon, ']') != null;
        if (!inside_brackets) host = host[0..colon];
    }
    if (std.mem.endsWith(u8, host, ".")) host = host[0 .. host.len - 1];
    return host;
}

/// Whether `authority` names the host `name` (lower case, no port, no final dot).
pub fn same(authority: []const u8, name: []const u8) bool {
    return std.ascii.eqlIgnoreCase(bare(authority), name);
}

/// Whether `name` is written as a configuration has to write it.
pub fn canonical(name: []const u8) bool {
    if (name.len == 0 or name.len > 253) return false;
    for (name) |byte| switch (byte) {
        'a'...'z', '0'...'9', '-', '.' => {},
        else => return false,
    };
    return name[name.len - 1] != '.';
}
