//! SHA-256 (FIPS 180-4) and HMAC over it (FIPS 198-1).
//!
//!     bytes ─▶ update ─▶ blocks of 64 ─▶ compress: schedule of 64 words ─▶ 64 rounds ─▶ final
//!
//! As loops, in a third of the room of `std.crypto`, whose rounds are written out one by one; and
//! as fast, because what is hashed is small (docs/decisions/0087-sha-256-in-loops.md).

const std = @import("std");
const int = @import("int.zig");

pub const digest_bytes = 32;
pub const Digest = [digest_bytes]u8;

const block_bytes = 64;
const length_bytes = 8;
const State = [8]u32;

const initial: State = .{
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};
const constants = [block_bytes]u32{
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

pub fn hash(bytes: []const u8) Digest {
    var hasher: Hash = .begin();
    hasher.update(bytes);
    return hasher.final();
}

pub const Hash = struct {
    state: State,
    /// What does not fill a block yet.
    block: [block_bytes]u8,
    bytes: u64,

    /// Field by field and not inlined: as a constant, it would bring an empty block along each
    /// time.
    pub noinline fn begin() Hash {
        var hasher: Hash = undefined;
        hasher.state = initial;
        hasher.bytes = 0;
        return hasher;
    }

    pub fn update(self: *Hash, bytes: []const u8) void {
        var rest = bytes;
        const held: usize = @intCast(self.bytes % block_bytes);
        self.bytes += bytes.len;
        if (held > 0) {
            const taken = @min(rest.len, block_bytes - held);
            @memcpy(self.block[held..][0..taken], rest[0..taken]);
            if (held + taken < block_bytes) return;
            compress(&self.state, &self.block);
            rest = rest[taken..];
        }
        while (rest.len >= block_bytes) : (rest = rest[block_bytes..]) {
            compress(&self.state, rest[0..block_bytes]);
        }
        @memcpy(self.block[0..rest.len], rest);
    }

    pub fn final(self: *Hash) Digest {
        const held: usize = @intCast(self.bytes % block_bytes);
        @memset(self.block[held..], 0);
        self.block[held] = 0x80;
        if (held + 1 > block_bytes - length_bytes) {
            compress(&self.state, &self.block);
            @memset(&self.block, 0);
        }
        int.write(u64, self.block[block_bytes - length_bytes ..], self.bytes * 8, .big);
        compress(&self.state, &self.block);
        var digest: Digest = undefined;
        for (&self.state, 0..) |word, index| {
            int.write(u32, digest[4 * index ..][0..4], word, .big);
        }
        return digest;
    }
};

/// A key's HMAC under way.
pub const Mac = struct {
    inner: Hash,
    outer: Hash,

    pub fn init(key: []const u8) Mac {
        var padded: [block_bytes]u8 = @splat(0);
        if (key.len <= block_bytes) {
            @memcpy(padded[0..key.len], key);
        } else padded[0..digest_bytes].* = hash(key);
        var mac: Mac = .{ .inner = .begin(), .outer = .begin() };
        for (&padded) |*byte| byte.* ^= 0x36;
        mac.inner.update(&padded);
        for (&padded) |*byte| byte.* ^= 0x36 ^ 0x5c;
        mac.outer.update(&padded);
        return mac;
    }

    pub fn update(self: *Mac, bytes: []const u8) void {
        self.inner.update(bytes);
    }

    pub fn final(self: *Mac) Digest {
        const digest = self.inner.final();
        self.outer.update(&digest);
        return self.outer.final();
    }
};

/// Four words side by side, which Wasm adds, turns and mixes at once.
const Four = @Vector(4, u32);

fn compress(state: *State, block: *const [block_bytes]u8) void {
    var words: [block_bytes]u32 = undefined;
    var all = state.*;
    var at: usize = 0;
    while (at < words.len) : (at += 4) {
        const four = if (at < 16)
            given(block[4 * at ..][0..16])
        else
            mixed(words[at - 16 ..][0..16]);
        words[at..][0..4].* = four;
        const ready: [4]u32 = four +% @as(Four, constants[at..][0..4].*);
        inline for (0..4) |turn| round(&all, turn, ready[turn]);
        // Four rounds have moved every variable by four places.
        const half = all[0..4].*;
        all[0..4].* = all[4..8].*;
        all[4..8].* = half;
    }
    for (state, all) |*word, added| word.* +%= added;
}

/// The schedule's words, as far as the block gives them.
inline fn given(bytes: *const [16]u8) Four {
    const four: Four = @bitCast(@as(@Vector(16, u8), bytes.*));
    return std.mem.bigToNative(Four, four);
}

/// The schedule's next four words, from the sixteen before them. Two of them need the other two.
inline fn mixed(before: *const [16]u32) Four {
    const late: Four = before[1..5].*;
    const sum = @as(Four, before[0..4].*) +% @as(Four, before[9..13].*) +%
        (turned(late, 7) ^ turned(late, 18) ^ late >> @splat(3));
    const zeros: Four = @splat(0);
    const soon: Four = before[12..16].*;
    const half = sum +% mixedSoon(@shuffle(u32, soon, zeros, [4]i32{ 2, 3, -1, -1 }));
    return half +% mixedSoon(@shuffle(u32, half, zeros, [4]i32{ -1, -1, 0, 1 }));
}

inline fn mixedSoon(soon: Four) Four {
    return turned(soon, 17) ^ turned(soon, 19) ^ soon >> @splat(10);
}

inline fn turned(four: Four, comptime bits: u32) Four {
    return four >> @splat(bits) | four << @splat(32 - bits);
}

/// A round renames all eight variables and changes two. Here they stay where they are and the names
/// move: before round `turn`, the standard's `a` is `all[(0 - turn) mod 8]`.
inline fn round(all: *State, comptime turn: usize, word: u32) void {
    const a = all[(8 - turn) % 8];
    const b = all[(9 - turn) % 8];
    const c = all[(10 - turn) % 8];
    const d = &all[(11 - turn) % 8];
    const e = all[(12 - turn) % 8];
    const f = all[(13 - turn) % 8];
    const g = all[(14 - turn) % 8];
    const h = &all[(15 - turn) % 8];
    const first = h.* +% word +%
        (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) +% (g ^ (e & (f ^ g)));
    d.* +%= first;
    h.* = first +%
        (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) +% ((a & b) | (c & (a | b)));
}

inline fn rotated(word: u32, comptime bits: u5) u32 {
    return std.math.rotr(u32, word, bits);
}

const testing = std.testing;

fn expectHex(wanted: []const u8, digest: Digest) !void {
    try testing.expectEqualStrings(wanted, &std.fmt.bytesToHex(digest, .lower));
}

test "the examples of FIPS 180-4" {
    // csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values
    try expectHex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", hash("abc"));
    try expectHex(
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        hash("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
    );
    var hasher: Hash = .begin();
    const many: [100]u8 = @splat('a');
    for (0..10_000) |_| hasher.update(&many);
    try expectHex(
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        hasher.final(),
    );
}

test "the examples of RFC 4231, with a short key and one that is longer than a block" {
    var short: Mac = .init("Jefe");
    short.update("what do ya want for nothing?");
    try expectHex(
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        short.final(),
    );
    const key: [131]u8 = @splat(0xaa);
    var long: Mac = .init(&key);
    long.update("Test Using Larger Than Block-Size Key - Hash Key First");
    try expectHex(
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        long.final(),
    );
}

test "any bytes, cut anywhere, give what the standard library gives" {
    const Sha256 = std.crypto.hash.sha2.Sha256;
    const Hmac = std.crypto.auth.hmac.sha2.HmacSha256;
    var random: std.Random.DefaultPrng = .init(256);
    var bytes: [4 * block_bytes + 1]u8 = undefined;
    random.random().bytes(&bytes);
    for (0..bytes.len) |length| {
        const text = bytes[0..length];
        var wanted: Digest = undefined;
        Sha256.hash(text, &wanted, .{});
        for (0..length + 1) |cut| {
            var hasher: Hash = .begin();
            hasher.update(text[0..cut]);
            hasher.update(text[cut..]);
            try testing.expectEqual(wanted, hasher.final());
        }
        Hmac.create(&wanted, &bytes, text);
        var mac: Mac = .init(text);
        mac.update(&bytes);
        try testing.expectEqual(wanted, mac.final());
    }
}
