//! What the shim tells the operator: one line for each denial and failure, and one for each load.
//!
//!     meshward: denied reason=check.timeout check=llm-guard policy=default host=api.test ms=1001
//!
//! Lines are about the request, never the request: no path, no body, no key.

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

pub fn noted(note: core.Note, plugin: *const streams.Plugin, host: []const u8, ms: u64) void {
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
    field(&line, "host", host);
    number(&line, "ms", ms);
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
