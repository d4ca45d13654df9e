//! The configurations in force, one for each root context of this VM.
//!
//!     on_configure(root) ──parse──▶ in force until on_delete(root)
//!                           └─ bad ─▶ one log line, false: the host keeps what it had
//!
//! A VM may serve several plugins, and while a configuration is replaced the old one still has
//! streams; so none of this can be a single global.

const std = @import("std");
const abi = @import("abi.zig");
const config = @import("config.zig");
const contract = @import("contract.zig");
const Reader = @import("reader.zig").Reader;
const Text = @import("reader.zig").Text;

const plugins_max = 16;

pub const Plugin = struct {
    /// 0: the place is free.
    root: u32 = 0,
    arena: std.heap.ArenaAllocator = undefined,
    config: config.Config = undefined,
    workload: []const u8 = "",
};

var plugins: [plugins_max]Plugin = @splat(.{});

/// The plugin of a root context, if it is configured.
pub fn of(root: u32) ?*const Plugin {
    for (&plugins) |*plugin| if (root != 0 and plugin.root == root) return plugin;
    return null;
}

/// Read the plugin's configuration; false stops the load, and the log says why.
pub fn load(root: u32) bool {
    const text = abi.bufferBytes(.plugin_configuration) orelse "";
    defer abi.release(text);
    remove(root);
    const plugin = for (&plugins) |*each| {
        if (each.root == 0) break each;
    } else {
        abi.log(.critical, "meshward: configuration refused: more plugins in one VM than it can hold");
        return false;
    };
    plugin.arena = .init(std.heap.wasm_allocator);
    // The reader keeps slices of what it reads, so the text has to live as long as they do.
    const kept = plugin.arena.allocator().dupe(u8, text) catch return refuse(plugin, "it does not fit into memory");
    var reader: Reader = .init(plugin.arena.allocator(), kept);
    plugin.config = config.parse(&reader) catch return refuse(plugin, reader.message());
    plugin.workload = workload(plugin.arena.allocator());
    plugin.root = root;
    announce(plugin);
    return true;
}

pub fn remove(root: u32) void {
    for (&plugins) |*plugin| if (root != 0 and plugin.root == root) {
        plugin.arena.deinit();
        plugin.root = 0;
    };
}

fn refuse(plugin: *Plugin, why: []const u8) bool {
    var buffer: [640]u8 = undefined;
    var line: Text = .{ .buffer = &buffer };
    line.add("meshward: configuration refused: ");
    line.add(why);
    abi.log(.critical, line.written());
    plugin.arena.deinit();
    return false;
}

fn announce(plugin: *const Plugin) void {
    var buffer: [256]u8 = undefined;
    var line: Text = .{ .buffer = &buffer };
    line.add("meshward: guarding hosts=");
    line.addNumber(plugin.config.hosts.len);
    line.add(" checks=");
    line.addNumber(plugin.config.checks.len);
    line.add(" policy=");
    line.add(plugin.config.policy);
    line.add(" body=");
    line.add(@tagName(plugin.config.body));
    line.add(" contract=" ++ contract.version);
    abi.log(.info, line.written());
}

/// `namespace/name` of the workload, from the sidecar's node as Istio fills it; empty if unknown.
fn workload(arena: std.mem.Allocator) []const u8 {
    const namespace = abi.property("node\x00metadata\x00NAMESPACE") orelse return "";
    defer abi.release(namespace);
    const name = abi.property("node\x00metadata\x00WORKLOAD_NAME") orelse
        abi.property("node\x00metadata\x00NAME") orelse return "";
    defer abi.release(name);
    const both = std.mem.concat(arena, u8, &.{ namespace, "/", name }) catch return "";
    for (both) |byte| if (byte <= 0x20 or byte > 0x7e) return "";
    return both[0..@min(both.len, 255)];
}
