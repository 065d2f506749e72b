//! What must be there before anything begins: each port, and the certificate. What is wrong with them is said in one line. The
//! engine alone would go on without them, as the window wants it.

use tokio::net::TcpListener;
use weir_api::http::Place;
use weir_engine::net::{self, ListenAddress};
use weir_engine::status::ListenerState;
use weir_engine::{Config, tls};

use crate::exit::Exit;
use crate::page;

/// Opens every address of the settings for a moment, all at once, so that one that is there twice shows. Returns what is open for
/// the page and the numbers.
pub(crate) async fn open(config: &Config) -> Result<Vec<(Place, Vec<TcpListener>)>, Exit> {
    certificate(config)?;
    let _rtmp = try_tcp(config.rtmp.addresses(), "RTMP").await?;
    let _rtmps = try_tcp(config.rtmps.addresses(), "RTMPS").await?;
    for address in config.srt.addresses() {
        net::try_udp(*address).await.map_err(|state| Exit::Failed(not_open("SRT", *address, &state)))?;
    }
    page::open(config).await
}

/// The certificate that the settings name; one that Weir makes is made later.
fn certificate(config: &Config) -> Result<(), Exit> {
    let (Some(certificate), Some(key)) = (&config.tls.cert, &config.tls.key) else { return Ok(()) };
    if config.rtmps.addresses().is_empty() {
        return Ok(());
    }
    tls::check_files(certificate, key).map_err(|error| {
        Exit::Failed(format!(
            "there is no certificate for RTMPS: {error}; correct tls.cert and tls.key in the settings, or leave both out: then \
             Weir makes one"
        ))
    })
}

async fn try_tcp(addresses: &[ListenAddress], protocol: &str) -> Result<Vec<TcpListener>, Exit> {
    let mut sockets = Vec::new();
    for address in addresses {
        let opened = net::open(*address).await;
        sockets.extend(opened.map_err(|state| Exit::Failed(not_open(protocol, *address, &state)))?);
    }
    Ok(sockets)
}

/// One line for a listener that is not open: why, by whose fault, and what to do.
pub(crate) fn not_open(what: &str, address: ListenAddress, state: &ListenerState) -> String {
    match state {
        ListenerState::Failed { message, hint, owner, .. } => {
            // Of Weir itself the message says enough.
            let other = owner.as_ref().filter(|owner| owner.pid != std::process::id());
            let other = other.map(|owner| format!(" (process {})", owner.pid)).unwrap_or_default();
            format!("cannot listen on {address} for {what}: {message}{other} {hint}")
        }
        ListenerState::Off | ListenerState::Listening { .. } => format!("cannot listen on {address} for {what}"),
    }
}
