//! The host's functions and words, as proxy-wasm 0.2.1 declares them. Only abi.zig calls them.
//!
//! Source: github.com/proxy-wasm/spec/tree/main/abi-versions/v0.2.1

/// What a stream callback tells the host: let the message go on, hold it, or keep nothing of it.
pub const Flow = enum(u32) { go = 0, hold = 1, drop = 3 };

pub const Level = enum(u32) { info = 2, warn = 3, critical = 5 };

pub const Buffer = enum(u32) {
    request_body = 0,
    response_body = 1,
    callout_body = 4,
    plugin_configuration = 7,
};

pub const Map = enum(u32) {
    request = 0,
    request_trailers = 1,
    response = 2,
    response_trailers = 3,
    callout = 6,
};

pub const StreamKind = enum(u32) { request = 0, response = 1 };

pub const Metric = enum(u32) { counter = 0, histogram = 2 };

pub const Status = enum(u32) { ok = 0, not_found = 1, bad_argument = 2, cas_mismatch = 8, _ };

pub extern "env" fn proxy_log(level: Level, text: [*]const u8, size: usize) Status;
pub extern "env" fn proxy_get_current_time_nanoseconds(nanoseconds: *u64) Status;
pub extern "env" fn proxy_get_property(
    path: [*]const u8,
    path_size: usize,
    value: *?[*]u8,
    value_size: *usize,
) Status;
pub extern "env" fn proxy_get_buffer_bytes(
    buffer: Buffer,
    start: usize,
    length: usize,
    bytes: *?[*]u8,
    size: *usize,
) Status;
pub extern "env" fn proxy_set_buffer_bytes(
    buffer: Buffer,
    start: usize,
    length: usize,
    bytes: [*]const u8,
    size: usize,
) Status;
pub extern "env" fn proxy_get_header_map_pairs(map: Map, bytes: *?[*]u8, size: *usize) Status;
pub extern "env" fn proxy_set_header_map_pairs(map: Map, bytes: [*]const u8, size: usize) Status;
pub extern "env" fn proxy_add_header_map_value(
    map: Map,
    name: [*]const u8,
    name_size: usize,
    value: [*]const u8,
    value_size: usize,
) Status;
pub extern "env" fn proxy_remove_header_map_value(
    map: Map,
    name: [*]const u8,
    name_size: usize,
) Status;
pub extern "env" fn proxy_http_call(
    cluster: [*]const u8,
    cluster_size: usize,
    pairs: [*]const u8,
    pairs_size: usize,
    body: [*]const u8,
    body_size: usize,
    trailers: [*]const u8,
    trailers_size: usize,
    timeout_ms: u32,
    token: *u32,
) Status;
pub extern "env" fn proxy_send_local_response(
    status: u32,
    details: [*]const u8,
    details_size: usize,
    body: [*]const u8,
    body_size: usize,
    pairs: [*]const u8,
    pairs_size: usize,
    grpc_status: u32,
) Status;
pub extern "env" fn proxy_set_property(
    path: [*]const u8,
    path_size: usize,
    value: [*]const u8,
    value_size: usize,
) Status;
pub extern "env" fn proxy_define_metric(
    metric: Metric,
    name: [*]const u8,
    name_size: usize,
    id: *u32,
) Status;
pub extern "env" fn proxy_increment_metric(id: u32, by: i64) Status;
pub extern "env" fn proxy_record_metric(id: u32, value: u64) Status;
pub extern "env" fn proxy_continue_stream(stream: StreamKind) Status;
pub extern "env" fn proxy_set_tick_period_milliseconds(period_ms: u32) Status;
pub extern "env" fn proxy_get_shared_data(
    name: [*]const u8,
    name_size: usize,
    value: *?[*]u8,
    value_size: *usize,
    cas: *u32,
) Status;
pub extern "env" fn proxy_set_shared_data(
    name: [*]const u8,
    name_size: usize,
    value: [*]const u8,
    value_size: usize,
    cas: u32,
) Status;
pub extern "env" fn proxy_set_effective_context(context: u32) Status;
