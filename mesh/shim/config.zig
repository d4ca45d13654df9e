//! The plugin's configuration: read once, checked whole, never changed.
//!
//! Anything unknown, missing or out of bounds stops the load with a message that names the field:
//! a guard that half understands its configuration is not one.

const std = @import("std");
const contract = @import("contract.zig");
const hosts = @import("hosts.zig");
const Reader = @import("reader.zig").Reader;
const Error = @import("reader.zig").Error;

pub const hosts_max = 64;
pub const checks_max = 8;
pub const stages_max = 8;
pub const secrets_max = 4;
pub const denials_max = 8;
/// Below Envoy's usual buffer of 1 MiB, so that the answer to a larger body is ours.
pub const body_bytes_default = 1_000_000;
pub const body_bytes_max = 16 * 1024 * 1024;
const denial_body_bytes_max = 4096;
const key_bytes_max = 4096;
const token_bytes_max = 4096;
const secret_bytes_max = 256;

pub const Body = enum { portable, hold };

pub const Credential = struct { header: []const u8, prefix: []const u8, key: []const u8 };

/// The answer to a call that the shim itself denies, for paths that begin with `path_prefix`.
pub const Denial = struct { path_prefix: []const u8, content_type: []const u8, body: []const u8 };

pub const Host = struct { name: []const u8, credential: Credential, denials: []const Denial };

pub const OnError = enum { deny, allow };
pub const Mode = enum { enforce, monitor };

pub const Check = struct {
    name: []const u8,
    stage: u32,
    cluster: []const u8,
    authority: []const u8,
    timeout_ms: u32,
    on_error: OnError,
    mode: Mode,
    /// Sent as a bearer token; empty: none.
    token: []const u8,
};

pub const Config = struct {
    policy: []const u8,
    body: Body,
    body_bytes_max: u32,
    /// The first one signs.
    signing_secrets: []const []const u8,
    hosts: []const Host,
    checks: []const Check,

    /// The index of the guarded host that `authority` names, if it names one.
    pub fn host(config: *const Config, authority: []const u8) ?u32 {
        for (config.hosts, 0..) |each, index| if (hosts.same(authority, each.name)) return @intCast(index);
        return null;
    }
};

/// Read the configuration; on `error.BadConfig` the reader holds the message.
pub fn parse(r: *Reader) Error!Config {
    var version: ?u32 = null;
    var policy: ?[]const u8 = null;
    var body: ?Body = null;
    var limit: u32 = body_bytes_default;
    var secrets: ?[]const []const u8 = null;
    var host_list: ?[]const Host = null;
    var checks: ?[]const Check = null;
    try r.beginObject();
    while (try r.key()) |key| {
        if (is(key, "contract")) {
            version = try contractVersion(r);
        } else if (is(key, "policy")) {
            policy = try name(r);
        } else if (is(key, "body")) {
            body = try choice(r, Body, "must be portable or hold");
        } else if (is(key, "body_bytes_max")) {
            limit = try r.integer(1, body_bytes_max);
        } else if (is(key, "signing_secrets")) {
            secrets = try list([]const u8, secrets_max, r, secret);
        } else if (is(key, "hosts")) {
            host_list = try list(Host, hosts_max, r, readHost);
        } else if (is(key, "checks")) {
            checks = try list(Check, checks_max, r, readCheck);
        } else return r.unknown("contract, policy, body, body_bytes_max, signing_secrets, hosts, checks");
    }
    try r.end();
    if (version == null) return r.missing("contract");
    return .{
        .policy = policy orelse return r.missing("policy"),
        .body = body orelse return r.missing("body"),
        .body_bytes_max = limit,
        .signing_secrets = secrets orelse return r.missing("signing_secrets"),
        .hosts = host_list orelse return r.missing("hosts"),
        .checks = checks orelse return r.missing("checks"),
    };
}

fn readHost(r: *Reader) Error!Host {
    var host_name: ?[]const u8 = null;
    var credential: ?Credential = null;
    var denials: ?[]const Denial = null;
    try r.beginObject();
    while (try r.key()) |key| {
        if (is(key, "name")) {
            host_name = try text(r, 253);
            if (!hosts.canonical(host_name.?)) {
                return r.fail("must be a host name in lower case, without port and final dot");
            }
        } else if (is(key, "credential")) {
            credential = try readCredential(r);
        } else if (is(key, "denials")) {
            denials = try list(Denial, denials_max, r, readDenial);
            const all = denials.?;
            if (!is(all[all.len - 1].path_prefix, "/")) {
                return r.fail("must end with one for the path_prefix /");
            }
        } else return r.unknown("name, credential, denials");
    }
    return .{
        .name = host_name orelse return r.missing("name"),
        .credential = credential orelse return r.missing("credential"),
        .denials = denials orelse return r.missing("denials"),
    };
}

fn readCredential(r: *Reader) Error!Credential {
    var header: ?[]const u8 = null;
    var prefix: []const u8 = "";
    var secret_key: ?[]const u8 = null;
    try r.beginObject();
    while (try r.key()) |key| {
        if (is(key, "header")) {
            header = try text(r, contract.name_bytes_max);
            if (!headerName(header.?)) return r.fail("must be a header name in lower case");
        } else if (is(key, "prefix")) {
            prefix = try visible(r, 0, contract.name_bytes_max);
        } else if (is(key, "key")) {
            secret_key = try visible(r, 0, key_bytes_max);
        } else return r.unknown("header, prefix, key");
    }
    return .{
        .header = header orelse return r.missing("header"),
        .prefix = prefix,
        .key = secret_key orelse return r.missing("key"),
    };
}

fn readDenial(r: *Reader) Error!Denial {
    var path_prefix: ?[]const u8 = null;
    var content_type: ?[]const u8 = null;
    var body: ?[]const u8 = null;
    try r.beginObject();
    while (try r.key()) |key| {
        if (is(key, "path_prefix")) {
            path_prefix = try visible(r, 1, contract.path_header_bytes_max);
            if (path_prefix.?[0] != '/') return r.fail("must begin with /");
        } else if (is(key, "content_type")) {
            content_type = try visible(r, 1, 128);
        } else if (is(key, "body")) {
            body = try text(r, denial_body_bytes_max);
        } else return r.unknown("path_prefix, content_type, body");
    }
    return .{
        .path_prefix = path_prefix orelse return r.missing("path_prefix"),
        .content_type = content_type orelse return r.missing("content_type"),
        .body = body orelse return r.missing("body"),
    };
}

fn readCheck(r: *Reader) Error!Check {
    var check: Check = .{
        .name = "",
        .stage = 0,
        .cluster = "",
        .authority = "",
        .timeout_ms = 0,
        .on_error = .deny,
        .mode = .enforce,
        .token = "",
    };
    try r.beginObject();
    while (try r.key()) |key| {
        if (is(key, "name")) {
            check.name = try name(r);
        } else if (is(key, "stage")) {
            check.stage = try r.integer(1, stages_max);
        } else if (is(key, "cluster")) {
            check.cluster = try visible(r, 1, 512);
        } else if (is(key, "authority")) {
            check.authority = try visible(r, 1, contract.authority_header_bytes_max);
        } else if (is(key, "timeout_ms")) {
            check.timeout_ms = try r.integer(1, contract.deadline_ms_max);
        } else if (is(key, "on_error")) {
            check.on_error = try choice(r, OnError, "must be deny or allow");
        } else if (is(key, "mode")) {
            check.mode = try choice(r, Mode, "must be enforce or monitor");
        } else if (is(key, "token")) {
            check.token = try visible(r, 1, token_bytes_max);
        } else return r.unknown("name, stage, cluster, authority, timeout_ms, on_error, mode, token");
    }
    if (check.name.len == 0) return r.missing("name");
    if (check.stage == 0) return r.missing("stage");
    if (check.cluster.len == 0) return r.missing("cluster");
    if (check.authority.len == 0) return r.missing("authority");
    if (check.timeout_ms == 0) return r.missing("timeout_ms");
    return check;
}

fn contractVersion(r: *Reader) Error!u32 {
    const supported = comptime std.fmt.parseUnsigned(u32, contract.version, 10) catch unreachable;
    const version = try r.integer(0, std.math.maxInt(u32));
    if (version != supported) return r.fail("must be " ++ contract.version ++ ", the version that this shim speaks");
    return version;
}

/// A list of 1 to `limit` elements.
fn list(comptime T: type, comptime limit: usize, r: *Reader, read: fn (*Reader) Error!T) Error![]const T {
    var buffer: [limit]T = undefined;
    var count: usize = 0;
    try r.beginArray();
    while (try r.element(count)) {
        if (count == limit) return r.fail("is one more than the list may hold");
        buffer[count] = try read(r);
        count += 1;
    }
    if (count == 0) return r.fail("must not be empty");
    return r.arena.dupe(T, buffer[0..count]) catch r.fail("does not fit into memory");
}

fn choice(r: *Reader, comptime T: type, what: []const u8) Error!T {
    return std.meta.stringToEnum(T, try r.string()) orelse r.fail(what);
}

fn text(r: *Reader, limit: usize) Error![]const u8 {
    const value = try r.string();
    if (value.len == 0) return r.fail("must not be empty");
    if (value.len > limit) return r.fail("is too long");
    return value;
}

/// Text that can stand in a header: printable ASCII.
fn visible(r: *Reader, low: usize, limit: usize) Error![]const u8 {
    const value = try r.string();
    if (value.len < low) return r.fail("must not be empty");
    if (value.len > limit) return r.fail("is too long");
    for (value) |byte| if (byte < 0x20 or byte > 0x7e) return r.fail("must be printable ASCII");
    return value;
}

fn secret(r: *Reader) Error![]const u8 {
    const value = try r.string();
    if (value.len < contract.secret_bytes_min) return r.fail("must have at least 32 bytes");
    if (value.len > secret_bytes_max) return r.fail("is too long");
    return value;
}

fn name(r: *Reader) Error![]const u8 {
    const value = try text(r, contract.name_bytes_max);
    for (value, 0..) |byte, at| switch (byte) {
        'a'...'z', '0'...'9' => {},
        '.', '_', '-' => if (at == 0) return r.fail("must begin with a letter or a digit"),
        else => return r.fail("must be of lower-case letters, digits, '.', '_' and '-'"),
    };
    return value;
}

fn headerName(value: []const u8) bool {
    for (value) |byte| switch (byte) {
        'a'...'z', '0'...'9', '-', '_' => {},
        else => return false,
    };
    return true;
}

fn is(key: []const u8, expected: []const u8) bool {
    return std.mem.eql(u8, key, expected);
}
