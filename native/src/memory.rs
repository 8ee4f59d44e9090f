//! Counts the bytes that the current thread has allocated and not freed.
//!
//! The difference over a call is the memory that the call keeps, if another thread frees nothing of it meanwhile.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

pub struct CountingAllocator;

thread_local! {
    static ALLOCATED: Cell<i64> = const { Cell::new(0) };
    static MOST: Cell<i64> = const { Cell::new(0) };
}

fn add(bytes: i64) {
    // A thread that ends has no counter any more; its last frees are not counted.
    let _ = ALLOCATED.try_with(|counter| {
        let now = counter.get() + bytes;
        counter.set(now);
        let _ = MOST.try_with(|most| most.set(most.get().max(now)));
    });
}

/// Bytes that this thread has allocated, less those that it has freed.
pub fn allocated() -> i64 {
    ALLOCATED.with(Cell::get)
}

/// The most that it has been since the thread started.
pub fn most_allocated() -> i64 {
    MOST.with(Cell::get)
}

extern "C" {
    fn malloc_trim(pad: usize) -> std::ffi::c_int;
}

/// Gives the free pages of all arenas of the C library back to the system.
pub fn give_back() {
    // Safety: it takes the locks of the arenas, as malloc does.
    unsafe { malloc_trim(0) };
}

unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as i64);
        System.alloc(layout)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        add(-(layout.size() as i64));
        System.dealloc(pointer, layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size() as i64);
        System.alloc_zeroed(layout)
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        add(size as i64 - layout.size() as i64);
        System.realloc(pointer, layout, size)
    }
}
