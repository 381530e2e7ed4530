//! What can befall a call, by family; each family's file plays its faults and says when they fit a backend.

pub mod connect;
pub mod exchange;
pub mod idle;
pub mod local;
pub mod path;

use crate::Ns;

/// What a server does on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Sends (the rest of) the response.
    Respond,
    /// Sends the response up to so many body bytes.
    Part(usize),
    /// Closes: FIN, or RST with unread data.
    Close,
    /// RST.
    Abort,
}

/// A failing TLS handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFault {
    /// The server's fatal alert.
    Alert(u8),
    /// The server's RST.
    Rst,
    /// The server's FIN.
    Fin,
    /// The gateway does not trust the certificate.
    Untrusted,
}

/// A reset that a device injects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reset {
    /// TTL at the gateway; `None` copies the server's.
    pub ttl: Option<u8>,
    /// With ACK.
    pub acked: bool,
    /// Sent so many times.
    pub copies: u8,
    /// The server is reset too, so that nothing more comes from it.
    pub both: bool,
    /// After the request, in thousandths of the round trip.
    pub delay: u32,
    /// Raw window.
    pub window: u16,
}

/// What happens to a connection that lies idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdlePlan {
    /// Used again about when the server's idle timer ends it; the offset in µs, negative before.
    Server(i64),
    /// Used again after the device between has forgotten it.
    Device(i64),
    /// The server's host forgets it.
    HostForgets,
    /// The server resets it while idle.
    ResetWhileIdle,
}

/// What shall befall a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Nothing.
    None,
    /// FIN so long after the request.
    CloseAwait(Ns),
    /// RST so long after the request.
    AbortAwait(Ns),
    /// FIN after a share of the response and a pause.
    CloseMid(f64, Ns),
    /// RST after a share of the response and a pause.
    AbortMid(f64, Ns),
    /// Response so long after the read timeout.
    Slow(Ns),
    /// Silence after a share of the response.
    SlowMid(f64),
    /// The gateway closes its socket so long after the request.
    GatewayAbort(Ns),
    /// The server ends after a share of an upload, by FIN or with unread data.
    AbortUpload {
        /// Share of the body read.
        at: f64,
        /// With nothing unread.
        fin: bool,
    },
    /// The server stops reading an upload, and ends the connection after a time or not at all.
    Stalled {
        /// When it ends the connection.
        end: Option<Ns>,
    },
    /// A device resets.
    Injected(Reset),
    /// Nothing passes upward any more; `both`: downward neither.
    SilentDrop {
        /// Downward neither.
        both: bool,
        /// The server gives up waiting for a request.
        server_ends: Option<(Action, Ns)>,
    },
    /// So many sendings of the request are lost, and the server ends before or after one arrives.
    PathLoss {
        /// Sendings lost.
        lost: u32,
        /// The server's end after it got the request.
        end: Option<(Action, Ns)>,
        /// The server's end so long after the request was first sent.
        before: Option<(Action, Ns)>,
    },
    /// The first segment of the response is always lost.
    LossyAnswer,
    /// Full-size segments do not pass.
    Hole(usize),
    /// Accept queue full.
    Overflow,
    /// FIN right after the handshake.
    RejectFin(Ns),
    /// RST right after the handshake.
    RejectRst(Ns),
    /// The kernel's RST right after the handshake.
    RejectOverflow,
    /// RST to the SYN.
    Refused,
    /// SYN lost.
    SynLost,
    /// ICMP error to the SYN.
    Icmp(u8),
    /// TLS handshake fails.
    Tls(TlsFault),
    /// The name does not resolve: NXDOMAIN or silence.
    NoName(bool),
    /// No connection from the pool; told as a read timeout or not.
    PoolEmpty(bool),
    /// No local port, or no descriptor.
    NoResource(bool),
}

impl Fault {
    /// Whether it strikes on connecting, so that a connection of its own is needed.
    pub fn connects(&self) -> bool {
        matches!(
            self,
            Self::Overflow
                | Self::RejectFin(_)
                | Self::RejectRst(_)
                | Self::RejectOverflow
                | Self::Refused
                | Self::SynLost
                | Self::Icmp(_)
                | Self::Tls(_)
        )
    }

    /// Whether it needs an upload.
    pub fn uploads(&self) -> bool {
        matches!(self, Self::AbortUpload { .. } | Self::Stalled { .. } | Self::Hole(_))
    }

    /// Whether it cuts the response in parts.
    pub fn cuts_response(&self) -> bool {
        matches!(self, Self::CloseMid(..) | Self::AbortMid(..) | Self::SlowMid(_) | Self::GatewayAbort(_))
    }
}
