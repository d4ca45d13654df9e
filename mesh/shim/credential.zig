//! A guarded host's credential in the configuration: where it goes, and what of the caller's goes.
//!
//!     credential {header | query, prefix, key | keys[] | neither with a broker, drop[]}
//!
//! Lists stay in the document, joined in place by line feeds, which no entry can hold.

const std = @import("std");
const contract = @import("contract.zig");
const fields = @import("fields.zig");
const json = @import("json.zig");
const text = @import("text.zig");

pub const prefix_bytes_max = 64;
const drops_max = 32;
const drop_bytes_max = 64;

/// Where clients of all known providers put their own keys. The list is long on purpose: what is
/// left standing may be what the provider goes by.
const known_drops =
    // OpenAI and all that are compatible; proxies
    "authorization\nproxy-authorization\n" ++
    // Anthropic; Azure, and its API management; Google; Amazon; Tencent
    "x-api-key\napi-key\nocp-apim-subscription-key\nx-goog-api-key\nx-amz-security-token\n" ++
    "x-tc-token\n" ++
    // Google, Baidu, Azure's API management, and usual spellings
    "?key\n?access_token\n?subscription-key\n?api_key\n?api-key\n?apikey\n?x-amz-security-token";

pub const Credential = struct {
    place: enum { header, query } = .header,
    /// Of the header or the parameter.
    name: []const u8 = "",
    prefix: []const u8 = "",
    /// Keys of the configuration itself, joined; "": the broker's.
    keys: []const u8 = "",
    /// What of the caller's goes no further: names of headers and, marked, of parameters; joined.
    drop: []const u8 = known_drops,
    drop_marks: Marks = .of(known_drops),

    pub fn read(credential: *Credential, reader: *json.Reader) void {
        credential.* = .{};
        const Field = enum { header, query, prefix, key, keys, drop };
        var object = reader.object(Field);
        while (object.next()) |field| switch (field) {
            .header, .query => {
                if (credential.name.len > 0) reader.refuse(&.{"stands beside the other"});
                credential.place = if (field == .header) .header else .query;
                credential.name = fields.credentialName(reader);
            },
            .prefix => credential.prefix = fields.text(reader, 0, prefix_bytes_max),
            .key, .keys => {
                if (credential.keys.len > 0) reader.refuse(&.{"stands beside the other"});
                credential.keys = if (field == .key)
                    fields.visible(reader, 1, contract.key_bytes_max)
                else
                    joined(reader, contract.host_keys_max, contract.key_bytes_max);
            },
            .drop => {
                credential.drop = joined(reader, drops_max, drop_bytes_max);
                credential.drop_marks = .of(credential.drop);
            },
        };
        if (credential.name.len == 0) object.require(&.{.header});
    }

    /// Whether a header of the caller goes no further.
    pub fn drops(credential: *const Credential, header: []const u8) bool {
        if (credential.place == .header and text.eql(credential.name, header)) return true;
        if (!credential.drop_marks.mayHave(header)) return false;
        var rest: ?[]const u8 = credential.drop;
        while (text.nextLine(&rest)) |known| {
            if (std.ascii.eqlIgnoreCase(known, header)) return true;
        }
        return false;
    }
};

/// The lengths and initials of the headers in a list, a bit for each: most headers have others.
const Marks = struct {
    lengths: u32 = 0,
    initials: u32 = 0,

    fn of(names: []const u8) Marks {
        @setEvalBranchQuota(10_000);
        var marks: Marks = .{};
        var rest: ?[]const u8 = names;
        while (text.nextLine(&rest)) |name| {
            if (name.len == 0 or name[0] == '?') continue;
            marks.lengths |= bit(name.len);
            marks.initials |= bit(name[0]);
        }
        return marks;
    }

    fn mayHave(marks: Marks, header: []const u8) bool {
        return header.len > 0 and marks.lengths & bit(header.len) != 0 and
            marks.initials & bit(header[0]) != 0;
    }

    /// Of a letter, the same in either case.
    fn bit(number: usize) u32 {
        return @as(u32, 1) << @truncate(number);
    }
};

/// The strings of an array as one, with line feeds between them. It never outgrows the array, whose
/// quotes and commas it does without.
fn joined(reader: *json.Reader, entries_max: usize, bytes_max: usize) []const u8 {
    var array = reader.array(entries_max);
    const start = reader.at;
    var to = start;
    while (array.next()) |index| {
        const entry = fields.visible(reader, 1, bytes_max);
        if (index > 0) {
            reader.document[to] = '\n';
            to += 1;
        }
        std.mem.copyForwards(u8, reader.document[to..], entry);
        to += entry.len;
    }
    return reader.document[start..to];
}

const testing = std.testing;

fn readFrom(comptime document: []const u8) !Credential {
    const kept = struct {
        var bytes: [document.len]u8 = undefined;
    };
    kept.bytes = document[0..document.len].*;
    var reader: json.Reader = .{ .document = &kept.bytes };
    var credential: Credential = undefined;
    credential.read(&reader);
    try reader.end();
    return credential;
}

test "lists are joined where they stand" {
    const credential = try readFrom(
        \\{"query": "key", "keys": [ "a\u0062", "c"  , "d\"e" ], "drop": ["Cookie", "?q"]}
    );
    try testing.expectEqualStrings("ab\nc\nd\"e", credential.keys);
    try testing.expectEqualStrings("Cookie\n?q", credential.drop);
    try testing.expectEqual(.query, credential.place);
    try testing.expect(credential.drops("cookie"));
    try testing.expect(!credential.drops("authorization"));
}

test "all known credentials are dropped unless the configuration says otherwise" {
    const credential = try readFrom("{\"header\": \"authorization\", \"prefix\": \"Bearer \"}");
    try testing.expectEqualStrings("", credential.keys);
    for ([_][]const u8{ "authorization", "x-api-key", "x-goog-api-key", "api-key" }) |name| {
        try testing.expect(credential.drops(name));
    }
    for ([_][]const u8{ "accept", "cookie", "key" }) |name| {
        try testing.expect(!credential.drops(name));
    }
}
