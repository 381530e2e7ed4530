//! Calls of the gateway: what they want, what befalls them, how they end.

use crate::Ns;
use crate::scenario::{Fault, IdlePlan};

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Not begun, or between attempts.
    Idle,
    /// Opening a connection.
    Connecting,
    /// Asking a proxy for a tunnel.
    Tunnel,
    /// TLS handshake.
    Handshake,
    /// Writing the request.
    Writing,
    /// Request written, no response byte read.
    Waiting,
    /// Inside the response.
    Reading,
    /// Over.
    Done,
}

/// How a failed call failed, as the gateway's socket met it.
#[derive(Debug, Clone, PartialEq)]
pub enum Symptom {
    /// RST met on reading.
    Reset,
    /// RST met on writing.
    ResetByPeer,
    /// Write after FIN and RST.
    BrokenPipe,
    /// FIN before the status line.
    NoResponse,
    /// FIN inside the body.
    PrematureEnd(usize, usize),
    /// FIN inside a chunked body.
    PrematureChunk,
    /// Read timer.
    ReadTimeout,
    /// Connect timer.
    ConnectTimeout,
    /// RST to the SYN.
    Refused,
    /// ICMP: no route.
    NoRoute,
    /// ICMP: network unreachable.
    NetUnreachable,
    /// Name unknown; whether for good.
    UnknownHost(bool),
    /// Fatal alert received.
    Alert(u8),
    /// FIN in the handshake.
    HandshakeEnd,
    /// The gateway refused the certificate.
    BadCertificate,
    /// No connection from the pool.
    PoolTimeout,
    /// No local port.
    NoLocalPort,
    /// No descriptor.
    TooManyFiles,
    /// The gateway closed the socket.
    SocketClosed,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Backend.
    pub backend: usize,
    /// Number in the URL.
    pub number: u64,
    /// What shall befall it.
    pub fault: Fault,
    /// What shall befall its connection once idle.
    pub then: Option<IdlePlan>,
    /// Must open a connection of its own.
    pub fresh: bool,
    /// Body bytes of the request.
    pub body: usize,
    /// Time between the chunks of an upload.
    pub chunk_pause: Ns,
    /// Body bytes of the response.
    pub answer: usize,
    /// Time the server takes.
    pub service: Ns,
    /// The response is sent in chunks without a length.
    pub chunked: bool,
    /// Server announces the close.
    pub last: bool,
    /// URL.
    pub url: String,
    /// Thread.
    pub thread: u32,
    /// Begin.
    pub begun: Ns,
    /// Phase.
    pub phase: Phase,
    /// Attempt, from 0.
    pub attempt: u32,
    /// Address tried.
    pub addr: usize,
    /// Its connection.
    pub conn: Option<usize>,
    /// Generation of its read timer.
    pub timer: u32,
    /// Request bytes not yet written.
    pub unwritten: Vec<Vec<u8>>,
    /// Whether the last write waits for room.
    pub blocked: bool,
    /// Pieces of the response: body bytes and wire bytes.
    pub pieces: Vec<(usize, Vec<u8>)>,
    /// Pieces sent.
    pub sent: usize,
    /// Gateway's read position when the request began.
    pub read_from: u64,
    /// Gateway's stream position when the request began.
    pub wrote_from: u64,
    /// Whether the connection had served before.
    pub reused: bool,
    /// Idle time before.
    pub idle_before: Ns,
    /// TLS `close_notify` read.
    pub notified: bool,
    /// Failure: symptom and true causes.
    pub failure: Option<(Symptom, String)>,
    /// When it failed.
    pub failed: Ns,
    /// When it succeeded.
    pub done: Ns,
}

impl Call {
    /// A healthy call; the caller sets what differs.
    pub fn new(backend: usize, number: u64) -> Self {
        Self {
            backend,
            number,
            fault: Fault::None,
            then: None,
            fresh: false,
            body: 0,
            chunk_pause: 0,
            answer: 300,
            service: 1_000_000,
            chunked: false,
            last: false,
            url: String::new(),
            thread: 0,
            begun: 0,
            phase: Phase::Idle,
            attempt: 0,
            addr: 0,
            conn: None,
            timer: 0,
            unwritten: Vec::new(),
            blocked: false,
            pieces: Vec::new(),
            sent: 0,
            read_from: 0,
            wrote_from: 0,
            reused: false,
            idle_before: 0,
            notified: false,
            failure: None,
            failed: 0,
            done: 0,
        }
    }
}
