//! Envoy's own refusal of a body, put into the words of a denial.
//!
//!     body ─▶ one read passes the shim's limit and Envoy's buffer ─▶ Envoy answers a bare 413
//!                                                                      └▶ reworded on its way out
//!
//! Whatever the shim says at that moment, Envoy's answer is the one that goes out (tried with
//! 1.40); and it says nothing that a client library understands.

const std = @import("std");
const text = @import("text.zig");
const abi = @import("abi.zig");
const contract = @import("contract.zig");
const denial = @import("denial.zig");
const reply = @import("reply.zig");
const Stream = @import("streams.zig").Stream;

const reason: contract.Reason = .request_too_large;

/// Whether the answer on its way out is Envoy's refusal of this request's body: not the provider's,
/// and unlike the shim's it bears no reason.
pub fn isEnvoys(stream: *const Stream) bool {
    if (stream.call.state != .reading and stream.call.state != .denied) return false;
    const map = abi.pairs(.response) catch return false;
    return text.eql(map.first(":status"), "413") and
        map.first(contract.header.reason).len == 0 and !reply.isProviders();
}

/// A host that refuses any of this leaves Envoy's own words: a denial too, if a bare one.
pub fn rewordHeaders(stream: *const Stream) void {
    abi.remove(.response, "content-length") catch return;
    abi.set(.response, "content-type", stream.template.content_type) catch return;
    abi.set(.response, contract.header.reason, reason.spec().code) catch return;
}

pub fn rewordBody(stream: *const Stream) void {
    const body = denial.render(stream.template.body, reason, denial.nobody);
    abi.replace(.response_body, body) catch return;
}
