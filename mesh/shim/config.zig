//! The plugin's configuration: one JSON object, read and checked once, when Envoy loads the plugin.
//!
//!     contract, policy, body, body_bytes_max, signing_secrets
//!     hosts[]    name, credential {header, prefix, key}
//!                denials[]   path_prefix, content_type, body
//!     checks[]   name, stage, cluster, authority, timeout_ms, on_error, mode, token
//!
//! What is unknown, missing, of another type or out of bounds stops the load with a message that
//! names the field. No message holds a key, a secret or a token.

const std = @import("std");
const contract = @import("contract.zig");
const core = @import("core.zig");
const denial = @import("denial.zig");
const fields = @import("fields.zig");
const json = @import("json.zig");

/// Bounds that only keep the plugin's memory small; nobody should meet them.
pub const hosts_max = 64;
pub const denials_max = 8;
pub const secrets_max = 4;
pub const document_bytes_max = 256 * 1024;
const secret_bytes_max = 256;
pub const prefix_bytes_max = 64;
pub const key_bytes_max = 4096;
/// With it, a callout's headers stay under the contract's 6 KB (callout.zig counts them).
pub const token_bytes_max = 2048;
pub const cluster_bytes_max = 512;
pub const stages_max = 8;
pub const timeout_ms_max = contract.deadline_ms_max;
const path_prefix_bytes_max = 256;
const content_type_bytes_max = 128;

/// Below Envoy's buffer of 1 MiB, so that the shim's own answer comes first.
const body_bytes_max_default = 1_000_000;
const body_bytes_max_most = 16 * 1024 * 1024;

pub const Body = enum {
    /// Headers go on at once, the body waits: runs on any Envoy.
    portable,
    /// All waits for the verdict: needs `allow_on_headers_stop_iteration`.
    hold,
};

pub const Credential = struct { header: []const u8, prefix: []const u8, key: []const u8 };

pub const Host = struct {
    name: []const u8,
    credential: Credential,
    denials: [denials_max]denial.Template,
    denials_count: usize,

    pub fn denialFor(host: *const Host, path: []const u8) *const denial.Template {
        return denial.choose(host.denials[0..host.denials_count], path);
    }
};

/// Where a check is asked; when, and what follows, is in its `core.Rule`.
pub const Check = struct {
    name: []const u8,
    cluster: []const u8,
    authority: []const u8,
    token: []const u8,
};

pub const Config = struct {
    policy: []const u8,
    body: Body,
    body_bytes_max: u32,
    /// Signs; further secrets of the configuration are only there to be rotated in.
    signing_secret: []const u8,
    hosts_buffer: [hosts_max]Host,
    hosts_count: usize,
    checks_buffer: [core.checks_max]Check,
    /// In the order of the checks.
    rules_buffer: [core.checks_max]core.Rule,
    checks_count: usize,

    pub fn hosts(config: *const Config) []const Host {
        return config.hosts_buffer[0..config.hosts_count];
    }

    pub fn checks(config: *const Config) []const Check {
        return config.checks_buffer[0..config.checks_count];
    }

    pub fn rules(config: *const Config) []const core.Rule {
        return config.rules_buffer[0..config.checks_count];
    }

    /// Read the whole document. On `Refused`, the reader's message says what is wrong.
    pub fn read(config: *Config, reader: *json.Reader) json.Error!void {
        config.body_bytes_max = body_bytes_max_default;
        const Field = enum {
            contract,
            policy,
            body,
            body_bytes_max,
            signing_secrets,
            hosts,
            checks,
        };
        var object = try reader.object(Field);
        while (try object.next()) |field| switch (field) {
            .contract => try fields.version(reader),
            .policy => config.policy = try fields.name(reader),
            .body => config.body = try reader.choice(Body),
            .body_bytes_max => config.body_bytes_max = try reader.integer(
                u32,
                1,
                body_bytes_max_most,
            ),
            .signing_secrets => config.signing_secret = try readSecrets(reader),
            .hosts => try readHosts(config, reader),
            .checks => try readChecks(config, reader),
        };
        try object.require(&.{ .contract, .policy, .body, .signing_secrets, .hosts, .checks });
        try reader.end();
    }
};

fn readSecrets(reader: *json.Reader) json.Error![]const u8 {
    var first: []const u8 = "";
    var array = try reader.array(secrets_max);
    while (try array.next()) |index| {
        const secret = try reader.string(contract.secret_bytes_min, secret_bytes_max);
        if (index == 0) first = secret;
    }
    return first;
}

fn readHosts(config: *Config, reader: *json.Reader) json.Error!void {
    config.hosts_count = 0;
    var array = try reader.array(hosts_max);
    while (try array.next()) |index| {
        const host = &config.hosts_buffer[index];
        var object = try reader.object(enum { name, credential, denials });
        while (try object.next()) |field| switch (field) {
            .name => host.name = try fields.host(reader, config.hosts()),
            .credential => host.credential = try readCredential(reader),
            .denials => try readDenials(host, reader),
        };
        try object.require(&.{ .name, .credential, .denials });
        config.hosts_count = index + 1;
    }
}

fn readCredential(reader: *json.Reader) json.Error!Credential {
    var credential: Credential = .{ .header = "", .prefix = "", .key = "" };
    var object = try reader.object(enum { header, prefix, key });
    while (try object.next()) |field| switch (field) {
        .header => credential.header = try fields.credentialHeader(reader),
        .prefix => credential.prefix = try fields.text(reader, 0, prefix_bytes_max),
        .key => credential.key = try fields.visible(reader, 0, key_bytes_max),
    };
    try object.require(&.{ .header, .key });
    return credential;
}

fn readDenials(host: *Host, reader: *json.Reader) json.Error!void {
    var array = try reader.array(denials_max);
    while (try array.next()) |index| {
        const template = &host.denials[index];
        var object = try reader.object(enum { path_prefix, content_type, body });
        while (try object.next()) |field| switch (field) {
            .path_prefix => template.path_prefix = try fields.pathPrefix(
                reader,
                path_prefix_bytes_max,
            ),
            .content_type => template.content_type = try fields.text(
                reader,
                1,
                content_type_bytes_max,
            ),
            .body => template.body = try reader.string(1, denial.template_bytes_max),
        };
        try object.require(&.{ .path_prefix, .content_type, .body });
        host.denials_count = index + 1;
    }
    if (!std.mem.eql(u8, host.denials[host.denials_count - 1].path_prefix, "/")) {
        return reader.refuse(&.{"the last must have the path_prefix /"});
    }
}

fn readChecks(config: *Config, reader: *json.Reader) json.Error!void {
    config.checks_count = 0;
    var array = try reader.array(core.checks_max);
    while (try array.next()) |index| {
        const check = &config.checks_buffer[index];
        const rule = &config.rules_buffer[index];
        check.token = "";
        rule.on_error = .deny;
        rule.mode = .enforce;
        const Field = enum { name, stage, cluster, authority, timeout_ms, on_error, mode, token };
        var object = try reader.object(Field);
        while (try object.next()) |field| switch (field) {
            .name => check.name = try fields.newName(reader, config.checks()),
            .stage => rule.stage = try reader.integer(u8, 1, stages_max),
            .cluster => check.cluster = try fields.visible(reader, 1, cluster_bytes_max),
            .authority => check.authority = try fields.visible(
                reader,
                1,
                contract.authority_header_bytes_max,
            ),
            .timeout_ms => rule.timeout_ms = try reader.integer(u32, 1, timeout_ms_max),
            .on_error => rule.on_error = try reader.choice(@FieldType(core.Rule, "on_error")),
            .mode => rule.mode = try reader.choice(@FieldType(core.Rule, "mode")),
            .token => check.token = try fields.visible(reader, 1, token_bytes_max),
        };
        try object.require(&.{ .name, .stage, .cluster, .authority, .timeout_ms });
        config.checks_count = index + 1;
    }
}
