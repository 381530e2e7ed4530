//! The virtual world: a clock, a queue of events, connections and the ways between their ends.

use crate::backend::Backend;
use crate::call::Call;
use crate::draw::Draw;
use crate::log::{Line, Style};
use crate::pcap::Frame;
use crate::scenario::{Action, IdlePlan, Reset};
use crate::stack::{IdPolicy, Kind};
use crate::tcp::{Endpoint, News, Out, State};
use crate::wire::{Ip, Seg, flag, tcp_packet};
use crate::{MS, Ns, US};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::IpAddr;

/// Index of the gateway's end.
pub const GW: usize = 0;
/// Index of the server's end.
pub const SRV: usize = 1;

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
    armed: [Option<Ns>; 2],
    last: [Ns; 2],
    ids: [u16; 2],
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
    stamped: Ns,
    /// Since when the exchange of the present call runs.
    pub exchange: Ns,
}

/// The world.
#[derive(Debug)]
pub struct World {
    /// Now.
    pub now: Ns,
    /// Draws.
    pub d: Draw,
    queue: BinaryHeap<Reverse<(Ns, u64, usize)>>,
    slots: Vec<Option<Event>>,
    counter: u64,
    /// Backends.
    pub backends: Vec<Backend>,
    /// Whether and until when each backend refuses.
    pub down: Vec<Ns>,
    global_ids: Vec<u16>,
    /// Connections, ever.
    pub conns: Vec<Conn>,
    /// Calls, ever.
    pub calls: Vec<Call>,
    /// Packets captured.
    pub frames: Vec<Frame>,
    /// Idle connections by backend, the most recently returned last.
    pub pool: Vec<Vec<usize>>,
    /// Log lines.
    pub lines: Vec<Line>,
    /// Gateway settings.
    pub settings: Settings,
    /// How the log is written.
    pub style: Style,
    /// Names resolved, until when.
    pub names: HashMap<String, Ns>,
    threads: Vec<u32>,
    next_thread: u32,
    ports: Vec<u16>,
    next_port: usize,
    taken: HashMap<(IpAddr, u16), usize>,
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

impl World {
    /// An empty world.
    pub fn new(mut d: Draw, backends: Vec<Backend>, settings: Settings, style: Style) -> Self {
        let n = backends.len();
        let global_ids = (0..n).map(|_| d.word() as u16).collect();
        let mut ports: Vec<u16> = (32_768..=60_999).collect();
        d.shuffle(&mut ports);
        ports.truncate(settings.ports);
        Self {
            now: 0,
            d,
            queue: BinaryHeap::new(),
            slots: Vec::new(),
            counter: 0,
            down: vec![0; n],
            global_ids,
            backends,
            conns: Vec::new(),
            calls: Vec::new(),
            frames: Vec::new(),
            pool: vec![Vec::new(); n],
            lines: Vec::new(),
            settings,
            style,
            names: HashMap::new(),
            threads: Vec::new(),
            next_thread: 75,
            ports,
            next_port: 0,
            taken: HashMap::new(),
        }
    }

    /// Lets `event` happen at `time`.
    pub fn at(&mut self, time: Ns, event: Event) {
        self.counter += 1;
        self.queue.push(Reverse((time.max(self.now), self.counter, self.slots.len())));
        self.slots.push(Some(event));
    }

    /// Lets `event` happen after a delay.
    pub fn after(&mut self, delay: Ns, event: Event) {
        self.at(self.now + delay, event);
    }

    /// Plays until the end.
    pub fn run(&mut self) {
        while let Some(Reverse((time, _, slot))) = self.queue.pop() {
            if time > self.settings.end {
                break;
            }
            self.now = time;
            if let Some(event) = self.slots[slot].take() {
                self.happen(event);
            }
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive(c, side, seg) => self.arrive(c, side, &seg),
            Event::Timer(c, side) => self.timer(c, side),
            Event::Begin(k) => self.begin(k),
            Event::Resolved(k) => self.connect(k, 0),
            Event::Chunk(k) => self.chunk(k),
            Event::ReadTimeout(k, generation) => self.read_timeout(k, generation),
            Event::ConnectTimeout(k, c) => self.connect_timeout(k, c),
            Event::Server(c, k, action) => self.server_act(c, k, action),
            Event::Idle(c, generation) => self.server_idle(c, generation),
            Event::GatewayAbort(k) => self.gateway_abort(k),
            Event::Inject(c, reset) => self.inject(c, &reset),
            Event::Dig(c, since) => self.dig(c, since),
            Event::Forget(c, since, reset) => self.forget(c, since, reset),
            Event::Packet(frame) => self.frames.push(*frame),
            Event::Local(k) => self.fail_locally(k),
            Event::Probe(c, since) => self.probe(c, since),
            Event::Hello(c) => self.hello(c),
            Event::Finish(c, k) => self.finish_handshake(c, k),
            Event::HangUp(c, rude) => self.drop_socket(c, rude),
            Event::Free(thread) => self.free_thread(thread),
            Event::Again(k) => self.attempt(k),
            Event::Restart(b, hard) => self.restart(b, hard),
            Event::Sweep(all) => self.sweep(all),
            Event::Icmp(c, k) => self.icmp(c, k),
        }
    }

    /// A thread for a call.
    pub fn take_thread(&mut self) -> u32 {
        self.threads.pop().unwrap_or_else(|| {
            self.next_thread += 1;
            self.next_thread - 1
        })
    }

    /// Gives a thread back.
    pub fn free_thread(&mut self, thread: u32) {
        self.threads.insert(0, thread);
    }

    /// The gateway's address of the same family as `addr`.
    pub fn own_addr(&self, addr: IpAddr) -> IpAddr {
        if addr.is_ipv6() { self.settings.v6 } else { self.settings.v4 }
    }

    /// The next port whose last connection to that address is over for a while.
    fn free_port(&mut self, addr: IpAddr) -> u16 {
        for _ in 0..self.ports.len() {
            self.next_port = (self.next_port + 1) % self.ports.len();
            let port = self.ports[self.next_port];
            let over = |c: &usize| {
                let conn = &self.conns[*c];
                let quiet = conn.stamped + 3 * crate::SEC < self.now;
                quiet && conn.ends.iter().all(|e| matches!(e.state, State::Dead | State::TimeWait))
            };
            if self.taken.get(&(addr, port)).is_none_or(over) {
                return port;
            }
        }
        // All are in use: one from outside the range.
        20_000 + (self.conns.len() % 10_000) as u16
    }

    /// A new connection to a backend's address, in state closed.
    pub fn new_conn(&mut self, backend: usize, addr: IpAddr) -> usize {
        let port = self.free_port(addr);
        self.taken.insert((addr, port), self.conns.len());
        let own = crate::stack::Stack::gateway(&mut self.d, addr.is_ipv6());
        let own = crate::stack::Stack { scale: Some(7), offload: self.settings.offload, ..own };
        let gateway = Endpoint::new(own, self.d.word(), self.d.word());
        let mut server = Endpoint::new(
            crate::stack::Stack { offload: self.settings.offload, ..self.backends[backend].stack.clone() },
            self.d.word(),
            self.d.word(),
        );
        server.listen();
        self.conns.push(Conn {
            backend,
            addr,
            port,
            ends: [gateway, server],
            armed: [None; 2],
            last: [0; 2],
            ids: [self.d.word() as u16, self.d.word() as u16],
            drop_up: false,
            drop_down: false,
            lose_up: 0,
            lose_down: None,
            hole: None,
            seen: self.now,
            forgotten: false,
            syn_lost: false,
            icmp: None,
            refused: false,
            call: None,
            returned: 0,
            pooled: false,
            served: 0,
            idle_gen: 0,
            ended: None,
            secure: false,
            plan: None,
            device_reset: false,
            injected: false,
            busy: false,
            syn_acks: 0,
            session: self.d.bytes(32),
            stamped: 0,
            exchange: self.now,
        });
        self.conns.len() - 1
    }

    /// Lets `f` work on one end, then sends its segments and tells its news.
    pub fn with<R>(&mut self, c: usize, side: usize, f: impl FnOnce(&mut Endpoint, Ns, &mut Out) -> R) -> R {
        let mut out = Out::default();
        let result = f(&mut self.conns[c].ends[side], self.now, &mut out);
        self.settle(c, side, out);
        result
    }

    fn settle(&mut self, c: usize, side: usize, out: Out) {
        for seg in out.segs {
            self.transmit(c, side, seg, false);
        }
        self.arm(c, side);
        for news in out.news {
            if side == GW {
                self.gateway_news(c, news);
            } else {
                self.server_news(c, news);
            }
        }
    }

    fn arm(&mut self, c: usize, side: usize) {
        let end = &self.conns[c].ends[side];
        let due = match (end.rto_at, end.ack_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        if due != self.conns[c].armed[side] {
            self.conns[c].armed[side] = due;
            if let Some(due) = due {
                self.at(due, Event::Timer(c, side));
            }
        }
    }

    fn timer(&mut self, c: usize, side: usize) {
        self.conns[c].armed[side] = None;
        let now = self.now;
        let end = &self.conns[c].ends[side];
        let rto = end.rto_at.is_some_and(|t| t <= now);
        let ack = end.ack_at.is_some_and(|t| t <= now);
        self.with(c, side, |e, now, out| {
            if ack {
                e.on_ack_timer(now, out);
            }
            if rto {
                e.on_rto(now, out);
            }
        });
    }

    fn number(&mut self, c: usize, side: usize, seg: &Seg) -> u16 {
        let backend = self.conns[c].backend;
        let stack = &self.conns[c].ends[side].stack;
        if stack.kind == Kind::Linux && seg.has(flag::SYN | flag::ACK) {
            return 0;
        }
        match stack.ids {
            IdPolicy::Zero => 0,
            IdPolicy::Random => self.d.word() as u16,
            IdPolicy::PerSocket => {
                self.conns[c].ids[side] = self.conns[c].ids[side].wrapping_add(1);
                self.conns[c].ids[side]
            }
            IdPolicy::Global => {
                let step = self.d.between(1, 9) as u16;
                self.global_ids[backend] = self.global_ids[backend].wrapping_add(step);
                self.global_ids[backend]
            }
        }
    }

    /// Records a segment at the gateway's interface.
    pub fn capture(&mut self, c: usize, seg: &Seg, inbound: bool) {
        let conn = &self.conns[c];
        let backend = &self.backends[conn.backend];
        let own = self.own_addr(conn.addr);
        let (src, dst) = if inbound { (conn.addr, own) } else { (own, conn.addr) };
        let (sport, dport) = if inbound { (backend.port, conn.port) } else { (conn.port, backend.port) };
        let ip = Ip { src, dst, ttl: seg.ttl, id: seg.id, df: seg.df };
        let bytes = tcp_packet(&ip, sport, dport, seg);
        let mac = backend.mac;
        let mut time = self.now.max(self.conns[c].stamped + 200);
        if !inbound {
            time += self.d.time(1500, 14_000);
        }
        self.conns[c].stamped = time;
        self.frames.push(Frame { time, bytes, inbound, conn: Some(c), mac });
    }

    /// Sends a segment on its way. `made` segments keep their identification.
    pub fn transmit(&mut self, c: usize, side: usize, mut seg: Seg, made: bool) {
        if !made {
            seg.id = self.number(c, side, &seg);
        }
        if side == GW {
            self.capture(c, &seg, false);
        } else if seg.has(flag::SYN | flag::ACK) {
            self.conns[c].syn_acks += 1;
        }
        let lost = if side == GW { self.lost_up(c, &seg) } else { self.lost_down(c, &seg) };
        if lost {
            return;
        }
        let (rtt, jitter) = (self.backends[self.conns[c].backend].rtt, self.backends[self.conns[c].backend].jitter);
        let way = rtt / 2 + self.d.time(0, jitter);
        let arrival = (self.now + way).max(self.conns[c].last[1 - side] + self.d.time(200, 9000));
        self.conns[c].last[1 - side] = arrival;
        self.at(arrival, Event::Arrive(c, 1 - side, Box::new(seg)));
    }

    fn lost_up(&mut self, c: usize, seg: &Seg) -> bool {
        let loss = self.backends[self.conns[c].backend].loss;
        if self.d.chance(loss) || self.conns[c].drop_up {
            return true;
        }
        let conn = &mut self.conns[c];
        if seg.has(flag::SYN) {
            if conn.syn_lost {
                return true;
            }
            if conn.icmp.is_some() {
                self.icmp_back(c, seg);
                return true;
            }
        }
        if !seg.payload.is_empty() {
            if conn.lose_up > 0 {
                conn.lose_up -= 1;
                return true;
            }
            if conn.hole.is_some_and(|h| seg.payload.len() > h) {
                return true;
            }
        }
        self.device_up(c, seg)
    }

    fn lost_down(&mut self, c: usize, seg: &Seg) -> bool {
        let loss = self.backends[self.conns[c].backend].loss;
        if self.d.chance(loss) || self.conns[c].drop_down {
            return true;
        }
        let now = self.now;
        let middle = self.backends[self.conns[c].backend].middle.clone();
        let conn = &mut self.conns[c];
        if let Some(at) = conn.lose_down.filter(|_| !seg.payload.is_empty()) {
            let start = conn.ends[SRV].position_of(seg);
            if start <= at && at < start + seg.payload.len() as u64 {
                return true;
            }
        }
        if let Some(m) = middle {
            conn.forgotten |= now - conn.seen > m.idle;
            if conn.forgotten {
                return true;
            }
            conn.seen = now;
        }
        false
    }

    fn arrive(&mut self, c: usize, side: usize, seg: &Seg) {
        if side == GW {
            self.capture(c, seg, true);
        }
        if side == SRV && seg.has(flag::SYN) && self.conns[c].refused {
            self.passive(c, SRV, seg);
            return;
        }
        let mut out = Out::default();
        let (left, right) = self.conns[c].ends.split_at_mut(1);
        let (end, writer) = if side == GW { (&mut left[0], &right[0]) } else { (&mut right[0], &left[0]) };
        let taken = end.on_segment(self.now, seg, writer, &mut out);
        self.settle(c, side, out);
        if !taken && !seg.has(flag::RST) {
            self.passive(c, side, seg);
        }
    }

    /// A host without a socket answers a segment.
    pub fn passive(&mut self, c: usize, side: usize, trigger: &Seg) {
        let id = match self.conns[c].ends[side].stack.ids {
            IdPolicy::Zero => 0,
            _ => self.number(c, side, &Seg::default()),
        };
        let reset = self.conns[c].ends[side].stack.passive_reset(trigger, id);
        self.transmit(c, side, reset, true);
    }

    /// Whether an end still has a socket.
    pub fn alive(&self, c: usize, side: usize) -> bool {
        self.conns[c].ends[side].state != State::Dead
    }

    /// A short time such as a process takes.
    pub fn moment(&mut self) -> Ns {
        self.d.time(15 * US, 400 * US)
    }

    /// A few milliseconds.
    pub fn while_(&mut self, low: u64, high: u64) -> Ns {
        self.d.time(low * MS, high * MS)
    }

    /// Marks the server's end of a connection.
    pub fn mark_end(&mut self, c: usize, why: Ending) {
        let now = self.now;
        let conn = &mut self.conns[c];
        if conn.ended.is_none() {
            conn.ended = Some((why, now, conn.ends[SRV].rcv));
        }
    }

    /// Tells the server's news; kept here so that both sides read alike.
    fn server_news(&mut self, c: usize, news: News) {
        match news {
            News::Connected => self.server_accepted(c),
            News::Data => self.server_data(c),
            News::Message(msg) => self.server_message(c, msg),
            News::PeerFin => self.server_fin(c),
            News::Reset { .. } => {
                self.conns[c].idle_gen += 1;
            }
            News::Refused | News::Room => {}
        }
    }
}
