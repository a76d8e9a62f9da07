//! A receiver of callbacks that answers 200 to everything and tells when each one came.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::failure::Failure;

/// A listening receiver.
#[derive(Debug)]
pub struct Callbacks {
    /// Where callbacks go.
    pub url: String,
    /// Where it listens, at every address of loopback.
    pub port: u16,
    /// The moment at which the body of each was complete.
    pub arrived: mpsc::UnboundedReceiver<Instant>,
}

impl Callbacks {
    /// Listens on a free port until the program ends.
    pub async fn listen() -> Result<Callbacks, Failure> {
        let listener = TcpListener::bind("0.0.0.0:0").await?;
        let port = listener.local_addr()?.port();
        let url = format!("http://127.0.0.1:{port}/");
        let (tell, arrived) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer(connection, tell.clone()));
            }
        });
        Ok(Callbacks { url, port, arrived })
    }
}

/// Serves one connection: head, body of the stated length, 200, again.
async fn answer(mut connection: TcpStream, tell: mpsc::UnboundedSender<Instant>) -> std::io::Result<()> {
    let mut received = Vec::new();
    loop {
        let request_bytes = loop {
            if let Some(bytes) = request_bytes(&received) {
                break bytes;
            }
            if connection.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
        };
        if received.len() < request_bytes {
            let mut rest = vec![0; request_bytes - received.len()];
            connection.read_exact(&mut rest).await?;
            received.extend(rest);
        }
        received.drain(..request_bytes);
        // Nobody listens any more when the measurement is over.
        let _ = tell.send(Instant::now());
        connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await?;
    }
}

/// The length of head and body together, once the head is complete.
fn request_bytes(received: &[u8]) -> Option<usize> {
    let head_end = received.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&received[..head_end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    Some(head_end + length.unwrap_or(0))
}
