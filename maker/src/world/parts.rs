//! What the world is made of: events, connections and the gateway's settings.

use crate::Ns;
use crate::pcap::Frame;
use crate::scenario::{Action, IdlePlan, Reset};
use crate::tcp::Endpoint;
use crate::wire::Seg;
use std::net::IpAddr;

/// Something that will happen.
#[derive(Debug, Clone)]
pub enum Event {
    /// A segment reaches an end.
    Arrive(usize, usize, Box<Seg>),
    /// A timer of an end may be due.
    Timer(usize, usize),
    /// A call begins.
    Begin(usize),
    /// A call's name is resolved.
    Resolved(usize),
    /// The next part of a request is written.
    Chunk(usize),
    /// The read timer of a call, by its generation.
    ReadTimeout(usize, u32),
    /// The connect timer of a call on a connection.
    ConnectTimeout(usize, usize),
    /// An action of the server on a connection, for a call.
    Server(usize, usize, Action),
    /// The server's idle timer, by its generation.
    Idle(usize, u32),
    /// The gateway kills a call.
    GatewayAbort(usize),
    /// A device injects a reset.
    Inject(usize, Reset),
    /// Dig down the pool to a connection that has idled since a time.
    Dig(usize, Ns),
    /// The server's host forgets a connection that has idled since a time.
    Forget(usize, Ns, bool),
    /// A packet that is no TCP crosses the interface.
    Packet(Box<Frame>),
    /// A call fails without a connection.
    Local(usize),
    /// A keep-alive probe on a connection that has idled since a time.
    Probe(usize, Ns),
    /// The server answers a `ClientHello`.
    Hello(usize),
    /// The gateway's second handshake flight.
    Finish(usize, usize),
    /// The gateway drops the socket of a failed call, rudely or not.
    HangUp(usize, bool),
    /// A thread is free again.
    Free(u32),
    /// A retry of a call.
    Again(usize),
    /// A backend's processes restart.
    Restart(usize, bool),
    /// The gateway sweeps its pool; whether it empties it.
    Sweep(bool),
    /// An ICMP error reaches the gateway for the connection of a call.
    Icmp(usize, usize),
}

/// Why the server ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its idle timer.
    Idle,
    /// It forgot the connection without a packet.
    Forgot,
    /// A restart.
    Restart,
    /// What a call's fault plans.
    Fault,
    /// After the gateway's own end, or an announced close.
    Tail,
}

/// One connection with both its ends.
#[derive(Debug)]
pub struct Conn {
    /// Backend.
    pub backend: usize,
    /// Address connected to.
    pub addr: IpAddr,
    /// Gateway's port.
    pub port: u16,
    /// The two ends.
    pub ends: [Endpoint; 2],
    pub(super) armed: [Option<Ns>; 2],
    pub(super) last: [Ns; 2],
    pub(super) ids: [u16; 2],
    /// The way to the server is cut.
    pub drop_up: bool,
    /// The way to the gateway is cut.
    pub drop_down: bool,
    /// Data segments upward that will still be lost.
    pub lose_up: u32,
    /// Data segments downward that hold this position are lost.
    pub lose_down: Option<u64>,
    /// Longest payload that passes upward.
    pub hole: Option<usize>,
    /// When the device between last saw it.
    pub seen: Ns,
    /// The device has forgotten it.
    pub forgotten: bool,
    /// SYN is lost.
    pub syn_lost: bool,
    /// SYN is answered by an ICMP error of this code.
    pub icmp: Option<u8>,
    /// Refused on connecting.
    pub refused: bool,
    /// The call it serves.
    pub call: Option<usize>,
    /// When it returned to the pool.
    pub returned: Ns,
    /// It lies in the pool.
    pub pooled: bool,
    /// Requests carried.
    pub served: u32,
    /// Server's idle timer generation.
    pub idle_gen: u32,
    /// The server's end: why, when, and what it had received by then.
    pub ended: Option<(Ending, Ns, u64)>,
    /// Handshake is done.
    pub secure: bool,
    /// What shall come of the next idle time.
    pub plan: Option<IdlePlan>,
    /// Reset by the device between.
    pub device_reset: bool,
    /// Reset by an injector.
    pub injected: bool,
    /// The server works at a request.
    pub busy: bool,
    /// Times SYN-ACK was sent.
    pub syn_acks: u32,
    /// TLS session of the client's hello.
    pub session: Vec<u8>,
    pub(super) stamped: Ns,
    /// Since when the exchange of the present call runs.
    pub exchange: Ns,
}

/// The gateway's settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Idle time beyond which a pooled connection is tested before use.
    pub validate_after: Option<Ns>,
    /// Idle time after which the gateway closes a pooled connection.
    pub evict_after: Option<Ns>,
    /// Retries of `HttpClient`; 0 is no retry handler.
    pub retries: u32,
    /// Mean time between the calls of a burst.
    pub apart: Ns,
    /// JDK 8 wording.
    pub old_jdk: bool,
    /// Send buffer.
    pub sndbuf: u64,
    /// Unique URL for each call.
    pub unique: bool,
    /// Gateway's addresses.
    pub v4: IpAddr,
    /// Gateway's IPv6 address.
    pub v6: IpAddr,
    /// Name server.
    pub resolver: IpAddr,
    /// TCP keep-alive probes on idle connections, this far apart.
    pub keepalive: Option<Ns>,
    /// Large segments stand in the capture as the card takes and gives them.
    pub offload: bool,
    /// Local ports in use; few make tuples come again.
    pub ports: usize,
    /// When play ends.
    pub end: Ns,
    /// Read timeouts carry the limit in their text.
    pub limit_shown: bool,
}
