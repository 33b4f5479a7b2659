//! `memcmp`, eight bytes at a time: every comparison of texts, maps and slices of the module ends in it.
//!
//! The C library of the wasm target compares byte by byte, some twenty instructions each. The linker takes this one in its place, because a
//! library's function is looked for only where nobody else has one of that name.
//! So it is among the module's exports, where `tests/compared.rs` calls it. Nothing is read beyond the end of either text.
#![expect(unsafe_code, reason = "a function of the C library, with its signature")]

/// Below zero, zero, or above, as the first byte in which the two differ is lower, nowhere, or higher in the first.
///
/// # Safety
///
/// As in C: `size` bytes can be read behind both pointers.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, size: usize) -> i32 {
    let mut at = 0_usize;
    let mut left = size;
    // SAFETY, for all four: as many bytes as are read are left before the end.
    while left >= 8 {
        let (a, b) = unsafe { (read::<u64>(one, at), read::<u64>(other, at)) };
        if a != b {
            return order(u64::from_be(a) < u64::from_be(b));
        }
        at = at.wrapping_add(8);
        left = left.wrapping_sub(8);
    }
    if left >= 4 {
        let (a, b) = unsafe { (read::<u32>(one, at), read::<u32>(other, at)) };
        if a != b {
            return order(u32::from_be(a) < u32::from_be(b));
        }
        at = at.wrapping_add(4);
        left = left.wrapping_sub(4);
    }
    if left >= 2 {
        let (a, b) = unsafe { (read::<u16>(one, at), read::<u16>(other, at)) };
        if a != b {
            return order(u16::from_be(a) < u16::from_be(b));
        }
        at = at.wrapping_add(2);
        left = left.wrapping_sub(2);
    }
    if left == 0 {
        return 0;
    }
    let (a, b) = unsafe { (read::<u8>(one, at), read::<u8>(other, at)) };
    if a == b { 0 } else { order(a < b) }
}

/// # Safety
///
/// As many bytes as a `T` has can be read from `at` on.
const unsafe fn read<T>(bytes: *const u8, at: usize) -> T {
    // SAFETY: as of the caller.
    unsafe { bytes.wrapping_add(at).cast::<T>().read_unaligned() }
}

const fn order(less: bool) -> i32 {
    if less { -1 } else { 1 }
}
