//! Serving: bind, say where, and end when told to or when nobody is left to tell.
//!
//! Guaranteed: a process ends on SIGTERM and when its standard input closes, which happens at the
//! latest when its parent is gone. No orphan remains.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// The word before the address a process serves on.
pub const LISTENING: &str = "LISTENING";

/// Binds `address` and prints `word` and the address really bound, on one line.
pub async fn announce(word: &str, address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address).await?;
    writeln!(io::stdout(), "{word} {}", listener.local_addr()?)?;
    Ok(listener)
}

/// Serves a router until the process is to end.
pub async fn serve_until_told(listener: TcpListener, router: Router) -> io::Result<()> {
    until_told(async { axum::serve(listener, router).await }).await
}

/// Runs any server until the process is to end.
pub async fn until_told(server: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let closed = input_closed();
    tokio::select! {
        served = server => served,
        _ = terminated.recv() => Ok(()),
        _ = closed => Ok(()),
    }
}

/// Completes when standard input ends. The thread stays blocked in its read until the process exits.
fn input_closed() -> oneshot::Receiver<()> {
    let (closed, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        let mut byte = [0];
        while matches!(io::stdin().read(&mut byte), Ok(1)) {}
        let _ = closed.send(());
    });
    receiver
}
