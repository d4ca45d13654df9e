//! What single fields of the configuration may hold, so that no value can break a header, a signed
//! line, a log line or an error body later.

const std = @import("std");
const contract = @import("contract.zig");
const json = @import("json.zig");
const strings = @import("text.zig");

const Reader = json.Reader;

/// A DNS name (RFC 1035, section 2.3.4, in its text form).
const host_bytes_max = 253;
const header_bytes_max = 64;

const name_form = "must be lower-case letters and digits, and inside also '.', '_' and '-'";
const host_form = "must be a host name in lower case, without port and final dot, or *.suffix";

/// Headers that carry the message itself; a key in one of them would break it.
const framing_headers = [_][]const u8{
    "connection", "content-encoding", "content-length", "content-type", "host", "transfer-encoding",
};

pub fn version(reader: *Reader) void {
    const number = reader.integer(u32, 0, std.math.maxInt(u32));
    const own = comptime std.fmt.parseInt(u32, contract.version, 10) catch unreachable;
    if (number == own) return;
    const spoken = contract.version ++ ", the contract that this shim speaks";
    reader.refuse(&.{"must be " ++ spoken});
}

/// A policy's or check's name: safe in headers, logs and error bodies.
pub fn name(reader: *Reader) []const u8 {
    const value = reader.string(1, contract.name_bytes_max);
    if (!strings.isName(value)) reader.refuse(&.{name_form});
    return value;
}

/// A name that none of `others` has.
pub fn newName(reader: *Reader, others: anytype) []const u8 {
    return unique(reader, others, name(reader));
}

/// A host's name as `hosts.match` needs it: lower case, without port and final dot.
pub fn host(reader: *Reader, others: anytype) []const u8 {
    const value = reader.string(1, host_bytes_max);
    const bare = if (strings.startsWith(value, "*.")) value[2..] else value;
    const is_fit = bare.len > 0 and bare[0] != '.' and bare[bare.len - 1] != '.' and
        strings.isLower(bare, ".-_");
    if (!is_fit) reader.refuse(&.{host_form});
    return unique(reader, others, value);
}

/// The name of the header or parameter that holds a key.
pub fn credentialName(reader: *Reader) []const u8 {
    const value = reader.string(1, header_bytes_max);
    if (!strings.isLower(value, "-_")) reader.refuse(&.{"must be a name in lower case"});
    for (framing_headers) |each| {
        if (strings.eql(each, value)) reader.refuse(&.{ "must not be ", each });
    }
    return value;
}

pub fn pathPrefix(reader: *Reader, bytes_max: usize) []const u8 {
    const value = visible(reader, 1, bytes_max);
    if (!strings.startsWith(value, "/")) reader.refuse(&.{"must begin with /"});
    return value;
}

/// Visible ASCII characters and spaces.
pub fn text(reader: *Reader, bytes_min: usize, bytes_max: usize) []const u8 {
    return within(reader, ' ', bytes_min, bytes_max);
}

/// Visible ASCII characters.
pub fn visible(reader: *Reader, bytes_min: usize, bytes_max: usize) []const u8 {
    return within(reader, '!', bytes_min, bytes_max);
}

fn within(reader: *Reader, least: u8, bytes_min: usize, bytes_max: usize) []const u8 {
    const value = reader.string(bytes_min, bytes_max);
    for (value) |byte| {
        if (byte >= least and byte <= '~') continue;
        reader.refuse(&.{"must hold visible ASCII characters only"});
    }
    return value;
}

fn unique(reader: *Reader, others: anytype, value: []const u8) []const u8 {
    for (others) |other| {
        if (strings.eql(other.name, value)) reader.refuse(&.{"stands twice"});
    }
    return value;
}
