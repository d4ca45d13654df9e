//! Loading: a plugin's configuration and the name of the workload, read once.
//!
//! A configuration that cannot be understood whole is not loaded at all: Envoy then refuses the
//! plugin, and with it the listener or its change.

const abi = @import("abi.zig");
const cache = @import("cache.zig");
const broker = @import("broker.zig");
const config = @import("config.zig");
const json = @import("json.zig");
const log = @import("log.zig");
const memory = @import("memory.zig");
const metrics = @import("metrics.zig");
const reading = @import("reading.zig");
const streams = @import("streams.zig");
const Text = @import("text.zig").Text;

/// Whether the plugin of `context` has its configuration now; what is wrong with it is logged.
pub fn configure(context: u32, bytes: u32) bool {
    const plugin = streams.addPlugin(context) orelse
        return refuse("more configurations are alive in this worker than the shim holds");
    if (bytes == 0) return refuse("it is empty");
    if (bytes > config.document_bytes_max) return refuse("it is larger than 256 KiB");
    const document = abi.read(.plugin_configuration) catch
        return refuse("the host does not give it");
    const kept = memory.allocator.dupe(u8, document) catch
        return refuse("there is no memory for it");
    if (plugin.is_configured) metrics.forget();
    streams.unload(plugin);
    plugin.document = kept;
    var reader: json.Reader = .{ .document = kept };
    reading.read(&plugin.config, &reader) catch return refuse(reader.message());
    plugin.signer = .init(plugin.config.signing_secret);
    if (plugin.config.cache.entries > 0) {
        plugin.cache = cache.Cache.create(plugin.config.cache.entries) catch
            return refuse("there is no memory for its cache");
    }
    plugin.workload_bytes = readWorkload(&plugin.workload_buffer);
    broker.begin(plugin) catch return refuse("there is no memory for its keys");
    plugin.is_configured = true;
    log.loaded(plugin);
    return true;
}

fn refuse(message: []const u8) bool {
    log.refused(message);
    return false;
}

/// `namespace/name` as Istio tells Envoy; nothing where it does not, or no header could hold it.
fn readWorkload(buffer: []u8) usize {
    const namespace = metadata("NAMESPACE");
    const workload = metadata("WORKLOAD_NAME");
    const name = if (workload.len > 0) workload else metadata("NAME");
    if (namespace.len == 0 or name.len == 0) return 0;
    if (namespace.len + 1 + name.len > buffer.len) return 0;
    var both: Text = .{ .buffer = buffer };
    both.add(namespace);
    both.add("/");
    both.add(name);
    for (both.written()) |byte| {
        if (byte <= ' ' or byte > '~') return 0;
    }
    return both.len;
}

fn metadata(name: []const u8) []const u8 {
    var buffer: [64]u8 = undefined;
    var path: Text = .{ .buffer = &buffer };
    path.add("xds\x00node\x00metadata\x00");
    path.add(name);
    // Envoy 1.40 knows the first path only, old ones the second.
    return abi.property(path.written()) orelse
        abi.property(path.written()["xds\x00".len..]) orelse "";
}
