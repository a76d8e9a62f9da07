//! Memory whose end faults: bytes are put before a page that may not be touched, so that a read past them is found.
#![expect(unsafe_code, reason = "pages that may not be touched take calls to the kernel and slices of what they map")]

use std::ffi::c_void;
use std::ptr;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// A multiple of every page size in use.
pub(crate) const PAGE_BYTES: usize = 1 << 16;

/// Room before a page that faults.
pub(crate) struct Pages(*mut c_void);

impl Pages {
    pub(crate) fn new() -> Pages {
        // SAFETY: the kernel chooses a place where nothing is.
        let pages = unsafe {
            mmap_anonymous(ptr::null_mut(), 2 * PAGE_BYTES, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        };
        let pages = pages.expect("two pages");
        // SAFETY: nobody has a reference to the second half.
        unsafe { mprotect(pages.byte_add(PAGE_BYTES), PAGE_BYTES, MprotectFlags::empty()) }.expect("it is ours");
        Pages(pages)
    }

    /// The bytes, at the very end of what may be read.
    pub(crate) fn at_the_end<'a>(&'a mut self, bytes: &[u8]) -> &'a [u8] {
        assert!(bytes.len() <= PAGE_BYTES);
        // SAFETY: these are the last bytes of the readable half; the borrow of self keeps them mapped and unshared.
        let place =
            unsafe { std::slice::from_raw_parts_mut(self.0.cast::<u8>().add(PAGE_BYTES - bytes.len()), bytes.len()) };
        place.copy_from_slice(bytes);
        place
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: borrows of the bytes have ended.
        unsafe { munmap(self.0, 2 * PAGE_BYTES) }.expect("it is mapped");
    }
}
