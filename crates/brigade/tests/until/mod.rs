//! Waiting for what can only be seen by looking.

/// Waits for something that others are about to bring about.
pub(crate) fn until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}
