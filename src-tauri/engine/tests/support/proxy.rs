//! A network between Weir and a server that breaks when a test says so.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is wrong with the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Nothing gets through, either way; what is on its way arrives when it is over, as TCP repeats it.
    Stall,
    /// Every connection is reset, also each new one.
    Reset,
    /// So many kilobits a second towards the server.
    Slow(u64),
    /// The server's side is gone and Weir's does not hear of it; whoever comes from the old connections later is reset.
    HalfOpen,
    /// Running connections are reset; new ones are opened, and then nothing gets through until it is over.
    BlackHole,
    /// Running connections are reset; over new ones a few bytes a second get through.
    Trickle,
    /// Running connections are reset; over new ones the server hears what Weir says, and Weir nothing of what it answers. They
    /// are reset once the network is whole.
    Mute,
    /// Running connections are reset, and each new one when the server has said so many bytes.
    CutAfter(usize),
}

/// The network.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    fault: watch::Sender<Fault>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// In front of `server`.
    pub(crate) async fn before(server: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        // Segments as on a real network: those of loopback are larger than the buffer, and what is left of it is then filled
        // drop by drop, seconds after a stall has begun.
        #[cfg(unix)]
        socket2::SockRef::from(&socket).set_tcp_mss(1448).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener: TcpListener = socket.listen(16).unwrap();
        let address = listener.local_addr().unwrap();
        let (fault, faults) = watch::channel(Fault::None);
        let task = tokio::spawn(async move {
            let mut lines = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                lines.spawn(line(client, server, faults.clone()));
            }
        });
        Self { address, fault, task }
    }

    /// From now on this is wrong.
    pub(crate) fn break_with(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn line(client: TcpStream, server: SocketAddr, mut faults: watch::Receiver<Fault>) {
    let born_in = *faults.borrow_and_update();
    if born_in == Fault::Reset {
        reset(client);
        return;
    }
    let upstream = TcpStream::connect(server).await.unwrap();
    client.set_nodelay(true).unwrap();
    upstream.set_nodelay(true).unwrap();
    // These are dead for good, and reset once the network is whole.
    let dead = matches!(born_in, Fault::HalfOpen | Fault::Mute);
    let broken = {
        let mut faults = faults.clone();
        async move {
            loop {
                let fault = *faults.borrow_and_update();
                let cut = match fault {
                    Fault::Reset => true,
                    Fault::BlackHole | Fault::Trickle | Fault::Mute | Fault::CutAfter(_) => born_in != fault,
                    Fault::HalfOpen => return Fault::HalfOpen,
                    Fault::None => dead,
                    Fault::Stall | Fault::Slow(_) => false,
                };
                if cut || faults.changed().await.is_err() {
                    return Fault::Reset;
                }
            }
        }
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = upstream.into_split();
    let fault = tokio::select! {
        fault = pump(&mut from_client, &mut to_server, faults.clone(), true) => fault,
        fault = pump(&mut from_server, &mut to_client, faults.clone(), false) => fault,
        fault = broken => fault,
    };
    drop((from_server, to_server));
    let client = from_client.reunite(to_client).unwrap();
    match fault {
        Fault::Reset => reset(client),
        Fault::HalfOpen => {
            // Nobody reads and nobody answers until the network is whole.
            let _ = faults.wait_for(|fault| *fault == Fault::None).await;
            reset(client);
        }
        _ => drop(client),
    }
}

/// Passes on what `from` says until one side ends; returns how the connection of Weir is to end.
async fn pump(
    from: &mut OwnedReadHalf,
    to: &mut OwnedWriteHalf,
    mut faults: watch::Receiver<Fault>,
    outward: bool,
) -> Fault {
    let (mut buffer, mut passed) = (vec![0; 16 * 1024], 0);
    loop {
        let fault = *faults.borrow_and_update();
        let silent = matches!(fault, Fault::Stall | Fault::BlackHole) || fault == Fault::Mute && !outward;
        if silent {
            if faults.changed().await.is_err() {
                return Fault::None;
            }
            continue;
        }
        let most = match fault {
            Fault::Trickle => 8,
            Fault::Slow(_) => 2048,
            Fault::CutAfter(bytes) if !outward => bytes.saturating_sub(passed).clamp(1, buffer.len()),
            _ => buffer.len(),
        };
        let read = tokio::select! {
            read = from.read(&mut buffer[..most]) => read,
            changed = faults.changed() => {
                if changed.is_err() {
                    return Fault::None;
                }
                continue;
            }
        };
        let Ok(len @ 1..) = read else { return Fault::None };
        if to.write_all(&buffer[..len]).await.is_err() {
            return Fault::None;
        }
        passed += len;
        match fault {
            Fault::CutAfter(bytes) if !outward && passed >= bytes => return Fault::Reset,
            Fault::Slow(kilobits) if outward => {
                tokio::time::sleep(Duration::from_micros(len as u64 * 8 * 1000 / kilobits)).await;
            }
            Fault::Trickle => tokio::time::sleep(Duration::from_millis(500)).await,
            _ => {}
        }
    }
}

fn reset(stream: TcpStream) {
    let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
}
