//! Reading the plugin's configuration: its document into the records of config.zig.
//!
//! What is unknown, missing, of another type or out of bounds stops the load with a message that
//! names the field (json.zig). No message holds a key, a secret or a token.

const std = @import("std");
const config = @import("config.zig");
const contract = @import("contract.zig");
const core = @import("core.zig");
const denial = @import("denial.zig");
const fields = @import("fields.zig");
const json = @import("json.zig");
const text = @import("text.zig");
const Config = config.Config;
const Host = config.Host;

const secret_bytes_max = 256;
const path_prefix_bytes_max = 256;
const content_type_bytes_max = 128;
/// Below Envoy's buffer of 1 MiB, so that the shim's own answer comes first.
const body_bytes_max_default = 1_000_000;
const body_bytes_max_most = 16 * 1024 * 1024;
/// Some hundred tokens: long enough that a check sees whole sentences, short enough to read along.
const window_default: config.Window = .{ .bytes = 16 * 1024, .ms = 200 };
const window_ms_max = 60_000;

/// Read the whole document. On `Refused`, the reader's message says what is wrong, and nothing of
/// the configuration may be used. (Not inlined: that would count all from the plugin's beginning.)
pub noinline fn read(into: *Config, reader: *json.Reader) error{Refused}!void {
    into.body_bytes_max = body_bytes_max_default;
    into.response_bytes_max = body_bytes_max_default;
    into.window = window_default;
    into.cache = .{};
    into.broker = .{};
    into.hosts_count = 0;
    const Field = enum {
        contract,
        policy,
        body,
        body_bytes_max,
        response_bytes_max,
        window,
        cache,
        signing_secrets,
        broker,
        hosts,
        checks,
    };
    var object = reader.object(Field);
    while (object.next()) |field| switch (field) {
        .contract => fields.version(reader),
        .policy => into.policy = fields.name(reader),
        .body => into.body = reader.choice(config.Body),
        .body_bytes_max => into.body_bytes_max = readLimit(reader),
        .response_bytes_max => into.response_bytes_max = readLimit(reader),
        .window => into.window = readWindow(reader),
        .cache => into.cache = readCache(reader),
        .signing_secrets => into.signing_secret = readSecrets(reader),
        .broker => readBroker(&into.broker, reader),
        .hosts => readHosts(into, reader),
        .checks => readChecks(into, reader),
    };
    object.require(&.{ .contract, .policy, .body, .signing_secrets, .hosts, .checks });
    if (into.broker.cluster.len == 0) requireKeys(into, reader);
    try reader.end();
}

/// Without a broker, every host has its keys here.
fn requireKeys(from: *const Config, reader: *json.Reader) void {
    for (from.hosts()) |*host| {
        if (host.credential.keys.len > 0) continue;
        reader.refuse(&.{"hosts: one has no key, and there is no broker"});
    }
}

fn readBroker(broker: *config.Broker, reader: *json.Reader) void {
    const Field = enum { cluster, authority, token, timeout_ms, refresh_seconds };
    var object = reader.object(Field);
    while (object.next()) |field| switch (field) {
        .cluster => broker.cluster = fields.visible(reader, 1, config.cluster_bytes_max),
        .authority => broker.authority = readAuthority(reader),
        .token => broker.token = fields.visible(reader, 1, config.token_bytes_max),
        .timeout_ms => broker.timeout_ms = reader.integer(u32, 1, config.timeout_ms_max),
        .refresh_seconds => broker.refresh_seconds =
            reader.integer(u32, 1, config.refresh_seconds_max),
    };
    object.require(&.{ .cluster, .authority });
}

fn readAuthority(reader: *json.Reader) []const u8 {
    return fields.visible(reader, 1, contract.authority_header_bytes_max);
}

fn readLimit(reader: *json.Reader) u32 {
    return reader.integer(u32, 1, body_bytes_max_most);
}

fn readWindow(reader: *json.Reader) config.Window {
    var window = window_default;
    var object = reader.object(enum { bytes, ms });
    while (object.next()) |field| switch (field) {
        .bytes => window.bytes = reader.integer(u32, 1, contract.window_bytes_max),
        .ms => window.ms = reader.integer(u32, 1, window_ms_max),
    };
    return window;
}

fn readCache(reader: *json.Reader) config.Cache {
    var cache: config.Cache = .{};
    var object = reader.object(enum { entries, seconds });
    while (object.next()) |field| switch (field) {
        .entries => cache.entries = reader.integer(u32, 1, config.cache_entries_max),
        .seconds => cache.seconds = reader.integer(u32, 1, contract.cache_seconds_max),
    };
    object.require(&.{ .entries, .seconds });
    return cache;
}

fn readSecrets(reader: *json.Reader) []const u8 {
    var first: []const u8 = "";
    var array = reader.array(config.secrets_max);
    while (array.next()) |index| {
        const secret = reader.string(contract.secret_bytes_min, secret_bytes_max);
        if (index == 0) first = secret;
    }
    return first;
}

fn readHosts(into: *Config, reader: *json.Reader) void {
    into.hosts_count = 0;
    var array = reader.array(config.hosts_max);
    while (array.next()) |index| {
        const host = &into.hosts_buffer[index];
        host.upgrades = .deny;
        host.unchecked_count = 0;
        const Field = enum { name, credential, denials, unchecked, upgrades };
        var object = reader.object(Field);
        while (object.next()) |field| switch (field) {
            .name => host.name = fields.host(reader, into.hosts()),
            .credential => host.credential.read(reader),
            .denials => readDenials(host, reader),
            .unchecked => readUnchecked(host, reader),
            .upgrades => host.upgrades = reader.choice(@FieldType(Host, "upgrades")),
        };
        object.require(&.{ .name, .credential, .denials });
        into.hosts_count = index + 1;
    }
}

fn readUnchecked(host: *Host, reader: *json.Reader) void {
    var array = reader.array(config.unchecked_max);
    while (array.next()) |index| {
        host.unchecked[index] = fields.pathPrefix(reader, path_prefix_bytes_max);
        host.unchecked_count = index + 1;
    }
}

fn readDenials(host: *Host, reader: *json.Reader) void {
    var array = reader.array(config.denials_max);
    while (array.next()) |index| {
        const template = &host.denials[index];
        template.events = "";
        var object = reader.object(enum { path_prefix, content_type, body, events });
        while (object.next()) |field| switch (field) {
            .path_prefix => template.path_prefix = fields.pathPrefix(
                reader,
                path_prefix_bytes_max,
            ),
            .content_type => template.content_type = fields.text(
                reader,
                1,
                content_type_bytes_max,
            ),
            .body => template.body = reader.string(1, denial.template_bytes_max),
            .events => template.events = reader.string(1, denial.template_bytes_max),
        };
        object.require(&.{ .path_prefix, .content_type, .body });
        host.denials_count = index + 1;
    }
    if (reader.hasFailed()) return;
    if (!text.eql(host.denials[host.denials_count - 1].path_prefix, "/")) {
        reader.refuse(&.{"the last must have the path_prefix /"});
    }
}

fn readChecks(into: *Config, reader: *json.Reader) void {
    into.checks_count = 0;
    var array = reader.array(core.checks_max);
    while (array.next()) |index| {
        const check = &into.checks_buffer[index];
        const rule = &into.rules_buffer[index];
        check.token = "";
        rule.on_error = .deny;
        rule.mode = .enforce;
        rule.phases = .initOne(.request);
        const Field = enum {
            name,
            stage,
            cluster,
            authority,
            timeout_ms,
            on_error,
            mode,
            phases,
            token,
        };
        var object = reader.object(Field);
        while (object.next()) |field| switch (field) {
            .name => check.name = fields.newName(reader, into.checks()),
            .stage => rule.stage = reader.integer(u8, 1, config.stages_max),
            .cluster => check.cluster = fields.visible(reader, 1, config.cluster_bytes_max),
            .authority => check.authority = readAuthority(reader),
            .timeout_ms => rule.timeout_ms = reader.integer(u32, 1, config.timeout_ms_max),
            .on_error => rule.on_error = reader.choice(@FieldType(core.Rule, "on_error")),
            .mode => rule.mode = reader.choice(@FieldType(core.Rule, "mode")),
            .phases => rule.phases = readPhases(reader),
            .token => check.token = fields.visible(reader, 1, config.token_bytes_max),
        };
        object.require(&.{ .name, .stage, .cluster, .authority, .timeout_ms });
        into.checks_count = index + 1;
    }
}

fn readPhases(reader: *json.Reader) @FieldType(core.Rule, "phases") {
    var phases: @FieldType(core.Rule, "phases") = .empty;
    var array = reader.array(std.enums.values(contract.Phase).len);
    while (array.next()) |_| phases.insert(reader.choice(contract.Phase));
    return phases;
}
