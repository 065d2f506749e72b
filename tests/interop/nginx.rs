//! nginx with its RTMP module, as a server that somebody else wrote.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use crate::process::{Outcome, Process};
use crate::socket;

pub(crate) struct Nginx {
    _process: Process,
    _folder: tempfile::TempDir,
    port: u16,
}

/// Where nginx and its module are: the system, or the copy that `npm test` unpacks; or why there is none.
pub(crate) fn home() -> Outcome<PathBuf> {
    let cached = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/nginx");
    let homes = [PathBuf::from("/"), cached];
    let found = homes.into_iter().find(|home| program(home).exists() && module(home).exists());
    found.ok_or("nginx with its RTMP module is not installed; npm test fetches it on Debian".to_owned())
}

fn program(home: &Path) -> PathBuf {
    home.join("usr/sbin/nginx")
}

fn module(home: &Path) -> PathBuf {
    home.join("usr/lib/nginx/modules/ngx_rtmp_module.so")
}

impl Nginx {
    pub(crate) fn start() -> Outcome<Self> {
        let home = home()?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let port = socket::free_port()?;
        let module = module(&home);
        let path = folder.path();
        // A worker of another user could not write below root's temporary folder.
        let configuration = format!(
            "load_module {module};\n\
             daemon off; master_process off; worker_processes 1; pid {path}/pid; error_log stderr notice;\n\
             events {{ worker_connections 64; }}\n\
             rtmp {{ access_log off; server {{ listen 127.0.0.1:{port}; chunk_size 4096;\n\
             application live {{ live on; wait_key on; wait_video on; publish_notify on; }} }} }}\n",
            module = module.display(),
            path = path.display(),
        );
        let file = path.join("nginx.conf");
        std::fs::write(&file, configuration).map_err(|error| error.to_string())?;
        let arguments = ["-p".as_ref(), path.as_os_str(), "-c".as_ref(), file.as_os_str()];
        let process = Process::start("nginx", program(&home), arguments)?;
        socket::wait_for_listener(port, &process)?;
        Ok(Self { _process: process, _folder: folder, port })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("rtmp://127.0.0.1:{}/live/{name}", self.port)
    }
}
