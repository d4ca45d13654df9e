//! What the shim tells the operator: one line for each denial and failure, and one for each load.
//!
//!     meshward: denied reason=check.timeout check=llm-guard policy=default host=api.test ms=1001
//!     meshward: masked reason=rule.matched check=deny-pattern … ms=9310 windows=7
//!
//! A check's verdicts on windows of a stream that go on all the same have one line, at its end.
//! Lines are about the request, never the request: no path, no body, no key.

const std = @import("std");
const abi = @import("abi.zig");
const core = @import("core.zig");
const keys = @import("keys.zig");
const streams = @import("streams.zig");
const Text = @import("text.zig").Text;

const line_bytes_max = 1024;

var buffer: [line_bytes_max]u8 = undefined;

pub fn loaded(plugin: *const streams.Plugin) void {
    const config = &plugin.config;
    var line = begin("loaded");
    field(&line, "policy", config.policy);
    field(&line, "body", @tagName(config.body));
    number(&line, "body_bytes_max", config.body_bytes_max);
    number(&line, "hosts", config.hosts().len);
    number(&line, "checks", config.checks().len);
    field(&line, "workload", plugin.workload());
    abi.log(.info, line.written());
}

pub fn refused(message: []const u8) void {
    var line = begin("configuration refused: ");
    line.add(message);
    abi.log(.critical, line.written());
}

/// What became of a message of `stream`; or of so many windows of it, where it is more than 0.
pub fn noted(note: core.Note, stream: *const streams.Stream, windows: u32) void {
    const plugin = stream.plugin orelse return;
    var line = begin(switch (note.effect) {
        .denied => "denied",
        .masked => "masked",
        .failed_but_allowed => "failed but allowed",
        .monitored => "monitored only",
    });
    const spec = note.reason.spec();
    field(&line, "reason", spec.code);
    if (note.check) |index| field(&line, "check", plugin.config.checks()[index].name);
    field(&line, "policy", plugin.config.policy);
    field(&line, "host", stream.host.name);
    number(&line, "ms", abi.nowNanoseconds() / std.time.ns_per_ms -| stream.began_ms);
    if (windows > 0) number(&line, "windows", windows);
    // A verdict's reason is everyday business; any other says that something is broken.
    abi.log(if (spec.decisions == 0) .warn else .info, line.written());
}

/// The key-broker was asked in vain, and the keys stay as they are. A status of 200 means that its
/// answer does not open: it has other signing secrets.
pub fn keysMissed(status: []const u8) void {
    var line = begin("keys not renewed");
    field(&line, "status", status);
    abi.log(.warn, line.written());
}

/// A provider does not want a key for now.
pub fn keyRests(host: []const u8, opinion: keys.Opinion) void {
    var line = begin("key rests");
    field(&line, "why", @tagName(opinion));
    field(&line, "host", host);
    abi.log(.warn, line.written());
}

/// A line that does not fit is cut.
fn begin(event: []const u8) Text {
    var line: Text = .{ .buffer = &buffer };
    line.add("meshward: ");
    line.add(event);
    return line;
}

fn field(line: *Text, name: []const u8, value: []const u8) void {
    line.add(" ");
    line.add(name);
    line.add("=");
    line.add(value);
}

fn number(line: *Text, name: []const u8, value: u64) void {
    field(line, name, "");
    line.addNumber(value);
}
