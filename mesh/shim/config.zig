//! The plugin's configuration: one JSON object, read and checked once, when Envoy loads the plugin.
//!
//!     contract, policy, body, body_bytes_max, response_bytes_max, signing_secrets
//!     window {bytes, ms}, cache {entries, seconds}
//!     broker     cluster, authority, token, timeout_ms, refresh_seconds
//!     hosts[]    name, unchecked[], upgrades, credential {…} (credential.zig)
//!                denials[]   path_prefix, content_type, body, events
//!     checks[]   name, stage, cluster, authority, timeout_ms, on_error, mode, phases[], token
//!
//! reading.zig fills it.

const std = @import("std");
const contract = @import("contract.zig");
const credential = @import("credential.zig");
const core = @import("core.zig");
const denial = @import("denial.zig");
const text = @import("text.zig");

/// Bounds that only keep the plugin's memory small; nobody should meet them.
pub const hosts_max = contract.hosts_max;
pub const denials_max = 8;
pub const unchecked_max = 16;
pub const cache_entries_max = 65_536;
pub const secrets_max = 4;
pub const document_bytes_max = 256 * 1024;
/// With it, a callout's headers stay under the contract's 6 KB (callout.zig counts them).
pub const token_bytes_max = 2048;
pub const cluster_bytes_max = 512;
pub const stages_max = 8;
pub const timeout_ms_max = contract.deadline_ms_max;
/// A key that was rotated a day ago and is still used is nobody's wish.
pub const refresh_seconds_max = 86_400;

pub const Body = enum {
    /// Headers go on at once, the body waits: runs on any Envoy.
    portable,
    /// All waits for the verdict: needs `allow_on_headers_stop_iteration`.
    hold,
};

/// Where keys are asked for.
pub const Broker = struct {
    /// "": all keys stand in the configuration.
    cluster: []const u8 = "",
    authority: []const u8 = "",
    token: []const u8 = "",
    timeout_ms: u32 = 2000,
    refresh_seconds: u32 = 60,
};

/// A window of a streamed response is closed by whichever comes first.
pub const Window = struct { bytes: u32, ms: u32 };

/// No entries: allows are not remembered.
pub const Cache = struct { entries: u32 = 0, seconds: u32 = 0 };

pub const Host = struct {
    name: []const u8,
    credential: credential.Credential,
    /// Whether connections may be upgraded; what then runs over them no check can see.
    upgrades: enum { deny, allow },
    unchecked: [unchecked_max][]const u8,
    unchecked_count: usize,
    denials: [denials_max]denial.Template,
    denials_count: usize,

    pub fn denialFor(host: *const Host, path: []const u8) *const denial.Template {
        return denial.choose(host.denials[0..host.denials_count], path);
    }

    /// Whether a call to `path` needs no check, if it brings no body. The path as a whole must be
    /// one of the list: any other spelling of it, escaped or with dots, is checked.
    pub fn isUnchecked(host: *const Host, path: []const u8) bool {
        const bare = text.until(path, '?');
        for (host.unchecked[0..host.unchecked_count]) |each| {
            if (text.eql(each, bare)) return true;
        }
        return false;
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
    response_bytes_max: u32,
    window: Window,
    cache: Cache,
    /// Signs; further secrets of the configuration are only there to be rotated in.
    signing_secret: []const u8,
    broker: Broker,
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
};
