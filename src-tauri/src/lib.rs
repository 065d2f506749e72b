//! The desktop shell: a window around the engine and the page that `weir serve` shows in a browser.
//!
//! It starts the engine in this process, leads the page's requests into the API's router without a port, and adds what
//! only a window can do. Everything else is in the engine, so that both programs can do the same.

#[cfg(feature = "desktop")]
mod desktop;

#[cfg(feature = "desktop")]
pub use desktop::run;
