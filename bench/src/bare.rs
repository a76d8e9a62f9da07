//! The bare server: hyper with the service's runtime and nothing behind it, as the measure of what HTTP alone costs.
//!
//! It reads each request with its body and answers 200 with a constant. It runs as a process of its own, so that its CPU time
//! is its own: the bench program starts itself with the command `bare`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::Stdio;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

use crate::failure::Failure;

/// Serves until the process is killed; the address is printed first.
pub fn serve() -> Result<(), Failure> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    // As many threads as the service has.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(cores.clamp(2, 4)).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)),
            );
        }
    })
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // A body that breaks off ends the connection anyway.
    let _ = request.into_body().collect().await;
    Ok(Response::new(Full::new(Bytes::from_static(b"ok"))))
}

/// A running bare server.
#[derive(Debug)]
pub struct Bare {
    /// Where it listens.
    pub address: SocketAddr,
    process: Child,
}

impl Bare {
    /// Starts it.
    pub async fn start() -> Result<Bare, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--binary", "/dev/null", "bare"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = process.stdout.take().ok_or_else(|| Failure::new("the bare server has no standard output"))?;
        let line = BufReader::new(stdout).lines().next_line().await?.unwrap_or_default();
        let address = line.parse().map_err(|_| Failure::new(format!("the bare server said {line:?}")))?;
        Ok(Bare { address, process })
    }

    /// Its process.
    pub fn pid(&self) -> Result<u32, Failure> {
        self.process.id().ok_or_else(|| Failure::new("the bare server has ended"))
    }

    /// Ends it.
    pub async fn end(mut self) -> Result<(), Failure> {
        Ok(self.process.kill().await?)
    }
}
