//! What the shim has to know of a request's headers, and what it changes in them.

const std = @import("std");
const answer = @import("answer.zig");
const contract = @import("contract.zig");
const pairs = @import("pairs.zig");

/// Headers that carry a credential of the caller; none of them reaches the provider.
pub const caller_credentials = [_][]const u8{
    "authorization", "x-api-key", "api-key", "x-goog-api-key", "proxy-authorization",
};

pub const own_prefix = "x-meshward-";

pub const Head = struct {
    method: []const u8 = "",
    path: []const u8 = "",
    authority: []const u8 = "",
    content_type: []const u8 = "",
    content_encoding: []const u8 = "",
    request_id: []const u8 = "",
    traceparent: []const u8 = "",
    content_length: []const u8 = "",
    /// A header that says how to read the body stands twice: two readers could differ.
    ambiguous: bool = false,
    upgrade: bool = false,

    pub fn read(serialised: []const u8) Head {
        var head: Head = .{};
        var it: pairs.Iterator = .init(serialised);
        while (it.next()) |pair| {
            if (is(pair.name, "upgrade")) head.upgrade = true;
            const place = head.slot(pair.name) orelse continue;
            if (place.len > 0) head.ambiguous = true;
            place.* = pair.value;
        }
        return head;
    }

    fn slot(head: *Head, name: []const u8) ?*[]const u8 {
        if (is(name, ":method")) return &head.method;
        if (is(name, ":path")) return &head.path;
        if (is(name, ":authority")) return &head.authority;
        if (is(name, "content-type")) return &head.content_type;
        if (is(name, "content-encoding")) return &head.content_encoding;
        if (is(name, "content-length")) return &head.content_length;
        if (is(name, "x-request-id")) return &head.request_id;
        if (is(name, "traceparent")) return &head.traceparent;
        return null;
    }

    /// Whether a check can read what such a call carries.
    pub fn supported(head: *const Head) bool {
        return !head.upgrade and !head.ambiguous and !is(head.method, "CONNECT") and
            head.path.len > 0 and head.authority.len <= contract.authority_header_bytes_max;
    }

    /// Whether the caller says itself that the body is larger than `limit`.
    pub fn exceeds(head: *const Head, limit: u32) bool {
        return head.content_length.len > 0 and answer.number(head.content_length, limit) == null;
    }

    /// The path as the callout carries it.
    pub fn cutPath(head: *const Head) []const u8 {
        return head.path[0..@min(head.path.len, contract.path_header_bytes_max)];
    }
};

fn is(a: []const u8, b: []const u8) bool {
    return std.mem.eql(u8, a, b);
}
