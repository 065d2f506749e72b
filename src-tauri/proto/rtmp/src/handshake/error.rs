//! Why a handshake cannot go on.

/// Why a peer's first bytes are no RTMP handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The client speaks HTTP.
    #[error("a web browser or another HTTP client connected to the RTMP port; use an RTMP address (rtmp://) here")]
    Http,
    /// The client starts TLS.
    #[error("the client starts an encrypted connection (RTMPS) on the plain RTMP port; use rtmp:// or the RTMPS port")]
    Tls,
    /// The first byte is no RTMP version.
    #[error("the client's first byte is {0:#04x}, so it does not speak RTMP")]
    NotRtmp(u8),
    /// The server answers HTTP.
    #[error("the server answers HTTP, not RTMP; check host and port of the address")]
    HttpServer,
    /// The server answers TLS.
    #[error("the server expects an encrypted connection; use rtmps:// for this address")]
    TlsServer,
    /// The server's first byte is no version an RTMP 3 client may accept.
    #[error("the server's first byte is {0:#04x}, so it does not speak RTMP")]
    NotRtmpServer(u8),
}
