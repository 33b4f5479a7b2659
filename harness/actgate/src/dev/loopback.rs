//! A server of raw connections on a loopback port of its own, one thread for each connection.
//!
//! Absent on purpose: any protocol. Whoever needs HTTP as it should be has the other servers here; this is for answers that break it.

use std::io::Result;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Such a server; it ends with this value.
#[derive(Debug)]
pub struct Loopback {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Loopback {
    /// Hands each connection to `serve`.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let (serve, stopped) = (Arc::new(serve), Arc::clone(&stop));
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let serve = Arc::clone(&serve);
                thread::spawn(move || serve(connection));
            }
        });
        Ok(Self { address, stop })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its port, served until the process ends.
    pub fn for_good(self) -> u16 {
        let port = self.port();
        std::mem::forget(self);
        port
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the listener, so that its thread sees the flag.
        drop(TcpStream::connect(self.address));
    }
}
