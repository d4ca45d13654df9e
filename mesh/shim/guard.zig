//! Carries out what the state machine decides: callouts, denials, masks, release.
//!
//!     event ──▶ core.Stream ──Step──▶ perform ──▶ abi
//!                   ▲                    │ a callout that cannot even be sent is an answer too
//!                   └────────────────────┘
//!
//! A host call that fails ends the stream in a denial with `shim.fault`. Should even that denial
//! fail, the stream stays paused until the caller or the proxy gives up: nothing is let through.

const std = @import("std");
const abi = @import("abi.zig");
const answers = @import("answer.zig");
const config = @import("config.zig");
const contract = @import("contract.zig");
const core = @import("core.zig");
const denial = @import("denial.zig");
const pairs = @import("pairs.zig");
const plugins = @import("plugins.zig");
const request = @import("request.zig");
const sign = @import("sign.zig");
const Table = @import("table.zig").Table;
const Text = @import("reader.zig").Text;

/// Guarded requests that one worker holds at a time.
const sessions_max = 2048;
const calls_max = 4096;
/// The host's timer may fire a little early against its clock.
const clock_slack_ms = 5;
const headers_bytes_max = 16 * 1024;
const answer_body_bytes_max = 8 * 1024;

pub const Session = struct {
    root: u32,
    host: u32,
    stream: core.Stream = .{},
    /// False: the request has no body, and none can be put into it.
    has_body: bool,
    asked_at_ms: u64 = 0,
};

const Call = struct { context: u32, check: u8 };

var sessions: Table(Session, sessions_max) = undefined;
var calls: Table(Call, calls_max) = undefined;
// One VM is one thread, and none of these outlives the call that fills it.
var headers_buffer: [headers_bytes_max]u8 = undefined;
var body_buffer: [answer_body_bytes_max]u8 = undefined;

pub fn start() void {
    sessions.clear();
    calls.clear();
}

pub fn find(context: u32) ?*Session {
    return sessions.get(context);
}

/// Take a guarded request in; null where there is no room.
pub fn open(context: u32, session: Session) ?*Session {
    return sessions.put(context, session);
}

pub fn close(context: u32) void {
    sessions.remove(context);
}

/// The message has come whole: begin with the checks.
pub fn onEnd(context: u32, session: *Session) void {
    const plugin = plugins.of(session.root) orelse return fault(context, session);
    perform(context, session, plugin, session.stream.onEnd(plugin.config.checks), .none);
}

/// So much of the message has come.
pub fn onBody(context: u32, session: *Session, len: usize) void {
    const plugin = plugins.of(session.root) orelse return fault(context, session);
    perform(context, session, plugin, session.stream.onBody(len, plugin.config.body_bytes_max), .none);
}

/// Deny for a reason of the shim's own.
pub fn refuse(context: u32, session: *Session, reason: contract.Reason) void {
    const plugin = plugins.of(session.root) orelse return fault(context, session);
    perform(context, session, plugin, session.stream.onFault(reason, null), .none);
}

/// A callout's answer; `body_len` bytes of body came with it.
pub fn onAnswer(token: u32, body_len: usize) void {
    const call = (calls.get(token) orelse return).*;
    calls.remove(token);
    const session = sessions.get(call.context) orelse return;
    const plugin = plugins.of(session.root) orelse return fault(call.context, session);
    const headers = abi.headerPairs(.callout_headers) orelse "";
    defer abi.release(headers);
    const limit = if (session.has_body) plugin.config.body_bytes_max else 0;
    var answer = answers.decode(headers, body_len, limit);
    const check = plugin.config.checks[call.check];
    const left = remainingMs(session, check);
    if (answer == .failed and answer.failed == .check_reset and left <= clock_slack_ms) {
        answer = .{ .failed = .check_timeout };
    }
    note(plugin, session, check, answer);
    const body = if (body_len > 0) abi.bufferBytes(.callout_body) orelse "" else "";
    defer abi.release(body);
    if (body.len != body_len) answer = .{ .failed = .shim_fault };
    // The answer arrives on the plugin's context; what follows is about the stream.
    if (abi.setContext(call.context) != .ok) return;
    const step = session.stream.onAnswer(plugin.config.checks, call.check, answer, left * 10 > check.timeout_ms);
    perform(call.context, session, plugin, step, switch (answer) {
        .verdict => |verdict| .{ .verdict = .{ .verdict = verdict, .body = body } },
        .failed => .none,
    });
}

/// The answer at hand while a step is carried out.
const AtHand = union(enum) { none, verdict: struct { verdict: answers.Verdict, body: []const u8 } };

fn perform(context: u32, session: *Session, plugin: *const plugins.Plugin, step: core.Step, at_hand: AtHand) void {
    if (step.mask and !mask(plugin, at_hand)) return fault(context, session);
    if (step.deny) |why| return deny(session, plugin, why, at_hand);
    if (step.release) {
        if (abi.continueRequest() != .ok) abi.log(.warn, "meshward: the host did not continue a request");
        return;
    }
    if (step.ask.count() > 0) ask(context, session, plugin, step.ask);
}

fn mask(plugin: *const plugins.Plugin, at_hand: AtHand) bool {
    if (at_hand == .none) return false;
    const body = at_hand.verdict.body;
    if (abi.replaceBody(body) != .ok) return false;
    if (plugin.config.body == .portable) return true; // The length went when the headers passed on.
    var digits_buffer: [20]u8 = undefined;
    var digits: Text = .{ .buffer = &digits_buffer };
    digits.addNumber(body.len);
    return abi.replaceHeader("content-length", digits.written()) == .ok;
}

fn ask(context: u32, session: *Session, plugin: *const plugins.Plugin, set: core.CheckSet) void {
    const headers = abi.headerPairs(.request_headers) orelse return fault(context, session);
    defer abi.release(headers);
    const head: request.Head = .read(headers);
    const body = if (session.has_body) abi.bufferBytes(.request_body) orelse return fault(context, session) else "";
    defer abi.release(body);
    if (!std.meta.eql(set, session.stream.retried.intersectWith(set))) session.asked_at_ms = abi.nowMs();
    var checks = set.iterator(.{});
    while (checks.next()) |index| {
        const failed = send(context, session, plugin, @intCast(index), head, body) orelse continue;
        const answer: answers.Answer = .{ .failed = failed };
        note(plugin, session, plugin.config.checks[index], answer);
        perform(context, session, plugin, session.stream.onAnswer(plugin.config.checks, @intCast(index), answer, false), .none);
        if (session.stream.state != .checking) return;
    }
}

/// Send one callout; the reason why it could not be sent, if so.
fn send(context: u32, session: *Session, plugin: *const plugins.Plugin, index: u8, head: request.Head, body: []const u8) ?contract.Reason {
    const check = plugin.config.checks[index];
    var token_buffer: [64 + 4096]u8 = undefined;
    var signature_buffer: [sign.value_bytes_max]u8 = undefined;
    var digits_buffer: [20]u8 = undefined;
    const timeout_ms = remainingMs(session, check);
    if (timeout_ms == 0) return .check_timeout;
    var bearer: Text = .{ .buffer = &token_buffer };
    bearer.add("Bearer ");
    bearer.add(check.token);
    var digits: Text = .{ .buffer = &digits_buffer };
    digits.addNumber(timeout_ms);
    const signature = sign.sign(&signature_buffer, plugin.config.signing_secrets[0], abi.nowMs() / std.time.ms_per_s, .{
        .phase = @tagName(contract.Phase.request),
        .policy = plugin.config.policy,
        .workload = plugin.workload,
        .authority = head.authority,
        .method = head.method,
        .path = head.cutPath(),
        .stream = "",
        .content_type = head.content_type,
        .content_encoding = head.content_encoding,
    }, body);

    var headers: pairs.Writer = .{};
    headers.add(":method", "POST");
    headers.add(":path", contract.verdict_path);
    headers.add(":authority", check.authority);
    headers.add("accept", contract.callout_media_type);
    headers.add(contract.header.contract, contract.version);
    headers.add(contract.header.phase, @tagName(contract.Phase.request));
    headers.add(contract.header.policy, plugin.config.policy);
    headers.add(contract.header.authority, head.authority);
    headers.add(contract.header.path, head.cutPath());
    headers.add(contract.header.method, head.method);
    headers.addUnlessEmpty(contract.header.workload, plugin.workload);
    headers.add(contract.header.deadline_ms, digits.written());
    headers.add(contract.header.signature, signature);
    headers.addUnlessEmpty("content-type", head.content_type);
    headers.addUnlessEmpty("content-encoding", head.content_encoding);
    headers.addUnlessEmpty("x-request-id", head.request_id);
    headers.addUnlessEmpty("traceparent", head.traceparent);
    if (check.token.len > 0) headers.add("authorization", bearer.written());
    const serialised = headers.serialise(&headers_buffer) orelse return .shim_fault;

    var token: u32 = 0;
    const status = abi.callout(.{
        .cluster = check.cluster,
        .headers = serialised,
        .body = body,
        .timeout_ms = timeout_ms,
    }, &token);
    switch (status) {
        .ok => {},
        .bad_argument => return .check_unreachable,
        else => return .check_reset,
    }
    return if (calls.put(token, .{ .context = context, .check = index }) == null) .shim_overloaded else null;
}

fn deny(session: *const Session, plugin: *const plugins.Plugin, why: core.Denial, at_hand: AtHand) void {
    const code = why.reason.spec().code;
    var headers: pairs.Writer = .{};
    var status = why.reason.spec().status;
    var body: []const u8 = undefined;
    if (why.relay and at_hand == .verdict) {
        status = at_hand.verdict.verdict.status;
        body = at_hand.verdict.body;
        headers.add("content-type", at_hand.verdict.verdict.content_type);
    } else {
        const check = if (why.check) |index| plugin.config.checks[index].name else "meshward";
        const path = abi.headerValue(.request_headers, ":path") orelse "";
        defer abi.release(path);
        const template = denial.choose(plugin.config.hosts[session.host].denials, path);
        body = denial.fill(&body_buffer, template.body, code, check);
        headers.add("content-type", template.content_type);
    }
    headers.add(contract.header.reason, code);
    const serialised = headers.serialise(&headers_buffer) orelse "\x00\x00\x00\x00";
    if (abi.respond(status, code, body, serialised) != .ok) {
        abi.log(.critical, "meshward: the host did not answer for a denied request; it stays held");
    }
    record(plugin, session, why);
}

/// The plugin is gone or the host refused: no way on, and none that lets the request through.
fn fault(context: u32, session: *Session) void {
    const step = session.stream.onFault(.shim_fault, null);
    if (step.deny == null) return;
    abi.log(.critical, "meshward: shim.fault");
    if (plugins.of(session.root)) |plugin| return perform(context, session, plugin, step, .none);
    const spec = contract.Reason.shim_fault.spec();
    _ = abi.respond(spec.status, spec.code, spec.code, "\x00\x00\x00\x00");
}

fn remainingMs(session: *const Session, check: config.Check) u32 {
    const passed = abi.nowMs() -| session.asked_at_ms;
    return check.timeout_ms -| @as(u32, @intCast(@min(passed, std.math.maxInt(u32))));
}

/// What the log tells of a denial: about the request, never the request.
fn record(plugin: *const plugins.Plugin, session: *const Session, why: core.Denial) void {
    var buffer: [512]u8 = undefined;
    var line: Text = .{ .buffer = &buffer };
    line.add("meshward: deny reason=");
    line.add(why.reason.spec().code);
    line.add(" check=");
    line.add(if (why.check) |index| plugin.config.checks[index].name else "-");
    line.add(" policy=");
    line.add(plugin.config.policy);
    line.add(" host=");
    line.add(plugin.config.hosts[session.host].name);
    abi.log(.info, line.written());
}

/// What the log tells of an answer that changed nothing although it could have.
fn note(plugin: *const plugins.Plugin, session: *const Session, check: config.Check, answer: answers.Answer) void {
    const enforced = check.mode == .enforce;
    const reason = switch (answer) {
        .failed => |reason| if (enforced and check.on_error == .deny) return else reason,
        .verdict => |verdict| if (enforced or verdict.decision == .allow) return else verdict.reason,
    };
    var buffer: [512]u8 = undefined;
    var line: Text = .{ .buffer = &buffer };
    line.add(if (enforced) "meshward: passed although failed reason=" else "meshward: monitor reason=");
    line.add(reason.spec().code);
    line.add(" check=");
    line.add(check.name);
    line.add(" policy=");
    line.add(plugin.config.policy);
    line.add(" host=");
    line.add(plugin.config.hosts[session.host].name);
    abi.log(.warn, line.written());
}
