//! Opens the key-broker's answer, sealed as functions/verdict/keys.py describes it:
//!
//!     1 │ nonce │ encrypted document │ tag      ─open─▶  1 │ nonce │ document │ tag
//!
//! HMAC-SHA256 does all of it, since it is here anyway: the standard library's ciphers with
//! authentication would add 9 to 30 KB (docs/decisions/0080-keys-sealed-with-hmac.md).

const std = @import("std");
const contract = @import("contract.zig");
const int = @import("int.zig");
const sha256 = @import("sha256.zig");

const version = 1;
const nonce_bytes = 16;
const tag_bytes = sha256.digest_bytes;
const head_bytes = 1 + nonce_bytes;

/// The document, decrypted where it stands; null where `sealed` was not made with the secret that
/// `signer` has taken up, for the call with this signature, and then nothing of it is changed.
pub fn open(signer: *const sha256.Mac, signature: []const u8, sealed: []u8) ?[]u8 {
    if (sealed.len < head_bytes + tag_bytes or sealed[0] != version) return null;
    const covered = sealed[0 .. sealed.len - tag_bytes];
    var mac = derived(signer, contract.keys_authenticating);
    mac.update(signature);
    mac.update(covered);
    if (!same(&mac.final(), sealed[covered.len..][0..tag_bytes])) return null;
    const document = covered[head_bytes..];
    decrypt(derived(signer, contract.keys_encrypting), sealed[1..][0..nonce_bytes], document);
    return document;
}

fn decrypt(keyed_mac: sha256.Mac, nonce: *const [nonce_bytes]u8, document: []u8) void {
    var block: sha256.Digest = undefined;
    for (document, 0..) |*byte, at| {
        if (at % block.len == 0) {
            var number: [4]u8 = undefined;
            int.write(u32, &number, @intCast(at / block.len), .big);
            var mac = keyed_mac;
            mac.update(nonce);
            mac.update(&number);
            block = mac.final();
        }
        byte.* ^= block[at % block.len];
    }
}

/// HMAC under the key that `functions.verdict.signature.Secret.derived` makes for `purpose`.
fn derived(signer: *const sha256.Mac, purpose: []const u8) sha256.Mac {
    var mac = signer.*;
    mac.update(purpose);
    mac.update("\x01");
    return .init(&mac.final());
}

/// Looks at every byte, wherever the first difference is.
fn same(one: *const sha256.Digest, other: *const sha256.Digest) bool {
    var difference: u8 = 0;
    for (one, other) |a, b| difference |= a ^ b;
    return difference == 0;
}

test "what is too short to be sealed does not open" {
    const signer: sha256.Mac = .init("secret");
    var sealed: [head_bytes + tag_bytes]u8 = @splat(1);
    for (0..sealed.len + 1) |length| {
        try std.testing.expectEqual(null, open(&signer, "signature", sealed[0..length]));
    }
}
