//! The callout's headers: what the shim tells a check about the message, and who it is.
//!
//!     POST /v1/verdict    accept, x-meshward-…, content-type, content-encoding, authorization, ids
//!
//! The same headers as `functions.verdict.callout.Callout.to_headers` makes, and the signature.

const std = @import("std");
const config = @import("config.zig");
const contract = @import("contract.zig");
const headers = @import("headers.zig");
const sign = @import("sign.zig");
const text = @import("text.zig");
const Message = @import("message.zig").Message;
const text_bytes_max = @import("message.zig").text_bytes_max;

/// `namespace/name`; a longer one is not told.
pub const workload_bytes_max = 255;
const deadline_bytes_max = 5;
const bearer_prefix = "Bearer ";
pub const bearer_bytes_max = bearer_prefix.len + config.token_bytes_max;

const headers_max = 20;
pub const List = headers.List(headers_max);

/// Room for the headers as the host reads them: also 8 bytes of lengths and 2 zeros for each.
pub const encoded_bytes_max = contract.header_bytes_max + 4 + 10 * headers_max;

/// `seq=<n>;final=<0 or 1>`
pub const stream_bytes_max = 32;

comptime {
    // Names, pseudo-headers and fixed values come to less than this.
    const fixed_bytes_max = 640;
    const largest = fixed_bytes_max + text_bytes_max + contract.name_bytes_max +
        workload_bytes_max + deadline_bytes_max + sign.value_bytes_max + stream_bytes_max +
        contract.authority_header_bytes_max + bearer_bytes_max;
    // Sealed state may come on top: where it does not fit, `encode` says so.
    std.debug.assert(largest <= contract.header_bytes_max);
}

/// What is signed for a request; the same for all checks of a stage. A response differs in some.
pub fn signedText(policy: []const u8, workload: []const u8, message: *const Message) sign.Signed {
    return .{
        .phase = @tagName(contract.Phase.request),
        .policy = policy,
        .workload = workload,
        .authority = message.get(.authority),
        .method = message.get(.method),
        .path = message.get(.path),
        .stream = "",
        .content_type = message.get(.content_type),
        .content_encoding = message.get(.content_encoding),
    };
}

/// Where a window of a stream stands.
pub fn position(buffer: *[stream_bytes_max]u8, seq: u32, is_final: bool) []const u8 {
    var line: text.Text = .{ .buffer = buffer };
    line.add("seq=");
    line.addNumber(seq);
    line.add(if (is_final) ";final=1" else ";final=0");
    return line.written();
}

/// Writes the headers for `check` into `buffer`, as the host reads them.
pub fn encode(
    buffer: *[encoded_bytes_max]u8,
    check: *const config.Check,
    signed: *const sign.Signed,
    signature: []const u8,
    deadline_ms: u32,
    message: *const Message,
    state: []const u8,
) error{NoRoom}![]const u8 {
    var deadline: [text.digits_max]u8 = undefined;
    var authorization: [bearer_bytes_max]u8 = undefined;
    var list: List = undefined;
    list.begin();
    list.append(":method", "POST");
    list.append(":path", contract.verdict_path);
    list.append(":authority", check.authority);
    list.append("accept", contract.callout_media_type);
    list.append(contract.header.contract, contract.version);
    list.append(contract.header.phase, signed.phase);
    list.append(contract.header.policy, signed.policy);
    list.append(contract.header.authority, signed.authority);
    list.append(contract.header.path, signed.path);
    list.append(contract.header.method, signed.method);
    list.appendFilled(contract.header.workload, signed.workload);
    list.append(contract.header.deadline_ms, text.decimal(&deadline, deadline_ms));
    list.append(contract.header.signature, signature);
    list.appendFilled(contract.header.stream, signed.stream);
    list.appendFilled(contract.header.state, state);
    list.appendFilled("content-type", signed.content_type);
    list.appendFilled("content-encoding", signed.content_encoding);
    list.appendFilled("x-request-id", message.get(.request_id));
    list.appendFilled("traceparent", message.get(.traceparent));
    list.appendFilled("authorization", bearer(&authorization, check.token));
    return headers.encode(list.items(), buffer);
}

/// What proves to the platform that the function may be called; "" without a token.
pub fn bearer(buffer: *[bearer_bytes_max]u8, token: []const u8) []const u8 {
    var value: text.Text = .{ .buffer = buffer };
    if (token.len > 0) value.add(bearer_prefix);
    value.add(token);
    return value.written();
}
