//! The answers that the shim gives by itself, from the templates of the configuration: the shim
//! knows no provider's error shape.
//!
//!     {"code":"{reason}","by":"{check}"} ─▶ {"code":"check.timeout","by":"llm-guard"}
//!
//! Reason codes and check names hold only letters, digits, `.`, `_` and `-`, so they may stand in a
//! quoted string of any format.

const std = @import("std");
const contract = @import("contract.zig");
const memory = @import("memory.zig");
const text = @import("text.zig");

pub const Template = struct {
    path_prefix: []const u8,
    content_type: []const u8,
    body: []const u8,
    /// The events that end a stream in the same words; "": the body as an event named `error`.
    events: []const u8 = "",

    /// What ends a stream that has begun: its pieces, to be rendered one behind another.
    pub fn closing(template: *const Template) [3][]const u8 {
        if (template.events.len > 0) return .{ template.events, "", "" };
        return .{ "event: error\ndata: ", template.body, "\n\n" };
    }
};

/// Templates are error documents of a few hundred bytes.
pub const template_bytes_max = 4096;

/// Stands for the check where none is to blame.
pub const nobody = "meshward";

const reason_mark = "{reason}";
const check_mark = "{check}";

/// The longest body: a template of nothing but marks, each replaced by the longest name.
const body_bytes_max =
    template_bytes_max / check_mark.len * contract.name_bytes_max + check_mark.len;

comptime {
    std.debug.assert(check_mark.len <= reason_mark.len);
    for (contract.reasons) |spec| std.debug.assert(spec.code.len <= contract.name_bytes_max);
}

/// The first template whose prefix fits; a loaded configuration ends with one that fits all paths.
pub fn choose(templates: []const Template, path: []const u8) *const Template {
    for (templates) |*template| {
        if (text.startsWith(path, template.path_prefix)) return template;
    }
    return &templates[templates.len - 1];
}

/// The body, as long as the callback lasts. Without memory for it, the template as it is.
pub fn render(template: []const u8, reason: contract.Reason, check: []const u8) []const u8 {
    const room = memory.allocate(body_bytes_max) orelse return template;
    var body: text.Text = .{ .buffer = room[0..body_bytes_max] };
    var rest = template;
    while (rest.len > 0) {
        const piece, const taken = if (text.startsWith(rest, reason_mark))
            .{ reason.spec().code, reason_mark.len }
        else if (text.startsWith(rest, check_mark))
            .{ check, check_mark.len }
        else
            .{ rest[0..1], 1 };
        body.add(piece);
        rest = rest[taken..];
    }
    return body.written();
}

test "the longest template fits its buffer" {
    defer memory.sweep();
    const marks = template_bytes_max / check_mark.len;
    const template: [marks][check_mark.len]u8 = @splat(check_mark.*);
    const name: [contract.name_bytes_max]u8 = @splat('n');
    const body = render(@ptrCast(&template), .check_timeout, &name);
    try std.testing.expectEqual(marks * name.len, body.len);
}
