//! The virtual world: a clock, a queue of events, connections and the ways between their ends.

mod parts;
mod way;

pub use self::parts::{Conn, Ending, Event, Settings};
use crate::backend::Backend;
use crate::call::Call;
use crate::draw::Draw;
use crate::log::{Line, Style};
use crate::pcap::Frame;
use crate::tcp::{Endpoint, News, Out, State};
use crate::{Ns, US};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::IpAddr;

/// Index of the gateway's end.
pub const GW: usize = 0;
/// Index of the server's end.
pub const SRV: usize = 1;

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

    /// Whether an end still has a socket.
    pub fn alive(&self, c: usize, side: usize) -> bool {
        self.conns[c].ends[side].state != State::Dead
    }

    /// A short time such as a process takes.
    pub fn moment(&mut self) -> Ns {
        self.d.time(15 * US, 400 * US)
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
