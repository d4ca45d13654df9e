//! All parts of the shim that know no host: what can be run and tested natively.
//!
//!     zig test mesh/shim/pure.zig        their own tests
//!     tests/contract/native.zig          the contract's vectors against them

pub const answer = @import("answer.zig");
pub const cache = @import("cache.zig");
pub const callout = @import("callout.zig");
pub const config = @import("config.zig");
pub const contract = @import("contract.zig");
pub const core = @import("core.zig");
pub const credential = @import("credential.zig");
pub const denial = @import("denial.zig");
pub const headers = @import("headers.zig");
pub const hosts = @import("hosts.zig");
pub const json = @import("json.zig");
pub const keys = @import("keys.zig");
pub const lease = @import("lease.zig");
pub const memory = @import("memory.zig");
pub const message = @import("message.zig");
pub const query = @import("query.zig");
pub const reading = @import("reading.zig");
pub const seal = @import("seal.zig");
pub const seen = @import("seen.zig");
pub const series = @import("series.zig");
pub const sha256 = @import("sha256.zig");
pub const sign = @import("sign.zig");
pub const streams = @import("streams.zig");
pub const text = @import("text.zig");
pub const windows = @import("windows.zig");

test {
    @import("std").testing.refAllDecls(@This());
    _ = @import("core_test.zig");
    _ = @import("streams_test.zig");
    _ = @import("int.zig");
    _ = @import("unescape.zig");
}
