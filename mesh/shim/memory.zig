//! Memory: what the host asks for, to hand something over, and what a stream keeps.
//!
//!     callback begins ─▶ allocate() for each value that the host gives ─▶ callback ends: sweep()
//!
//! Nothing that the host wrote outlives the callback in which it came, so nothing of it can leak;
//! what is kept is copied, and freed with its stream. The allocator keeps freed blocks for what
//! comes next: the memory in use settles at what the largest callback needs, which the limits on
//! bodies bound.

const std = @import("std");
const builtin = @import("builtin");

pub const allocator = if (builtin.cpu.arch.isWasm())
    std.heap.wasm_allocator
else
    std.testing.allocator;

/// Most values of a callback fit in here: headers, a small body. Each size of block that is asked
/// of the allocator costs it 64 KiB.
var scratch: [16 * 1024]u8 align(alignment) = undefined;
var scratch_used: usize = 0;
const alignment = 8;

/// A callback reads a handful of values that do not. The host gets no memory for more, and says so
/// to the shim.
const blocks_max = 64;

var blocks: [blocks_max][]u8 = undefined;
var count: usize = 0;

/// A block that lives until `sweep`, or null: the host then fails the call that needed it.
pub fn allocate(size: usize) ?[*]u8 {
    if (size <= scratch.len - scratch_used) {
        defer scratch_used = std.mem.alignForward(usize, scratch_used + size, alignment);
        return scratch[scratch_used..].ptr;
    }
    if (count == blocks_max) return null;
    const block = allocator.alloc(u8, size) catch return null;
    blocks[count] = block;
    count += 1;
    return block.ptr;
}

/// Frees what `allocate` gave; called at the end of every callback, and between the streams that one
/// callback is about: there may be a thousand.
pub fn sweep() void {
    for (blocks[0..count]) |block| allocator.free(block);
    count = 0;
    scratch_used = 0;
}

test "what fits nowhere else comes from the allocator, and all goes with the callback" {
    defer sweep();
    const first = allocate(1).?;
    try std.testing.expect(allocate(1).? != first);
    for (0..blocks_max) |_| try std.testing.expect(allocate(scratch.len) != null);
    try std.testing.expectEqual(null, allocate(scratch.len));
    sweep();
    try std.testing.expectEqual(first, allocate(scratch.len).?);
}
