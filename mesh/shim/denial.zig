//! The answers that the shim gives itself: a host's template with reason and check filled in.

const std = @import("std");
const config = @import("config.zig");
const Text = @import("reader.zig").Text;

/// The template for `path`: the first whose prefix fits. The last one always does.
pub fn choose(denials: []const config.Denial, path: []const u8) config.Denial {
    for (denials) |denial| if (std.mem.startsWith(u8, path, denial.path_prefix)) return denial;
    return denials[denials.len - 1];
}

/// The body with every `{reason}` and `{check}` replaced; cut where `buffer` ends.
pub fn fill(buffer: []u8, template: []const u8, reason: []const u8, check: []const u8) []const u8 {
    var text: Text = .{ .buffer = buffer };
    var at: usize = 0;
    while (at < template.len) {
        const rest = template[at..];
        if (std.mem.startsWith(u8, rest, "{reason}")) {
            text.add(reason);
            at += "{reason}".len;
        } else if (std.mem.startsWith(u8, rest, "{check}")) {
            text.add(check);
            at += "{check}".len;
        } else {
            text.add(rest[0..1]);
            at += 1;
        }
    }
    return text.written();
}
