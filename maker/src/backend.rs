//! The drawn parameters of the gateway and of each backend.

use crate::draw::Draw;
use crate::stack::Stack;
use crate::tls::Version;
use crate::{MS, Ns, SEC, US};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How a server ends an idle connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdleEnd {
    /// FIN (TLS: `close_notify` and FIN).
    Fin,
    /// RST.
    Rst,
    /// `close_notify` alone, FIN only when the client closes.
    Notify,
}

/// A stateful device between gateway and backend.
#[derive(Debug, Clone)]
pub struct Middle {
    /// Idle time after which it forgets.
    pub idle: Ns,
    /// Whether it answers by RST (else it drops).
    pub resets: bool,
    /// TTL of its resets at the gateway.
    pub ttl: u8,
    /// Its share of the way from the gateway.
    pub place: f64,
}

/// The forward proxy by which a backend is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// Its name.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// How a name becomes known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// DNS packets in the capture.
    Dns,
    /// The gateway's own hosts file.
    HostsOnly,
}

/// One backend.
#[derive(Debug, Clone)]
pub struct Backend {
    /// Short name.
    pub word: String,
    /// Host in the URL.
    pub host: String,
    /// Addresses, the preferred first.
    pub addrs: Vec<IpAddr>,
    /// Port.
    pub port: u16,
    /// Whether the port is in the URL.
    pub port_shown: bool,
    /// TLS version, if any.
    pub tls: Option<Version>,
    /// Naming.
    pub naming: Naming,
    /// CNAME on the way.
    pub alias: Option<String>,
    /// Server's stack.
    pub stack: Stack,
    /// Round trip.
    pub rtt: Ns,
    /// Jitter of each way.
    pub jitter: Ns,
    /// Base loss rate.
    pub loss: f64,
    /// Server's keep-alive timeout.
    pub idle: Ns,
    /// How it then ends.
    pub idle_end: IdleEnd,
    /// Device between.
    pub middle: Option<Middle>,
    /// Whether connections are kept.
    pub keep: bool,
    /// Mean service time.
    pub service: Ns,
    /// Gateway's read timeout for it.
    pub read_timeout: Ns,
    /// Gateway's connect timeout for it.
    pub connect_timeout: Ns,
    /// Server's own timeout for a request.
    pub request_timeout: Ns,
    /// Share of uploads among its calls.
    pub uploads: f64,
    /// Mean time between calls.
    pub pace: Ns,
    /// Link address octet.
    pub mac: u8,
    /// Covered by the capture.
    pub covered: bool,
    /// TLS server name sent.
    pub sni: bool,
    /// Forward proxy, whose addresses [`Backend::addrs`] then are.
    pub via: Option<Via>,
    /// Its IPv6 addresses refuse connections.
    pub no_v6: bool,
}

const WORDS: [&str; 26] = [
    "orders", "stock", "ledger", "billing", "catalog", "quotes", "claims", "search", "media", "batch", "auth", "tally",
    "partner", "archive", "intake", "kiosk", "reports", "scan", "silo", "edge", "notify", "rates", "profile", "cards",
    "loans", "geo",
];

const DOMAINS: [&str; 6] =
    ["corp.example", "prod.example", "svc.cluster.example", "int.bank.example", "dc2.example", "apps.example.net"];

/// Draws the backends of an incident.
pub fn draw_backends(d: &mut Draw, n: usize, main_port: u16, tls_share: f64) -> Vec<Backend> {
    let mut words = WORDS.to_vec();
    d.shuffle(&mut words);
    let domain = *d.pick(&DOMAINS);
    let net = d.between(0, 250) as u8;
    let far = d.chance(0.4);
    let mut list: Vec<Backend> = Vec::with_capacity(n);
    for (i, word) in words.into_iter().take(n).enumerate() {
        let v6 = d.chance(0.15);
        let shared = i > 0 && d.chance(0.12);
        let b = one(d, &Site { word, domain, net, far, main_port, tls_share }, i as u8, v6);
        list.push(match list.last().filter(|_| shared) {
            Some(twin) => Backend { word: b.word, host: b.host, alias: b.alias, ..twin.clone() },
            None => b,
        });
    }
    list
}

struct Site<'a> {
    word: &'a str,
    domain: &'a str,
    net: u8,
    far: bool,
    main_port: u16,
    tls_share: f64,
}

fn one(d: &mut Draw, site: &Site, i: u8, v6: bool) -> Backend {
    let mut addrs = Vec::new();
    for k in 0..if d.chance(0.12) { 2 } else { 1 } {
        addrs.push(if v6 {
            IpAddr::from(Ipv6Addr::new(0xfd77, u16::from(site.net), 0, 0, 0, 0, k, 0x10 + u16::from(i)))
        } else {
            IpAddr::from(Ipv4Addr::new(10, site.net, 2 + k as u8, 10 + i))
        });
    }
    let port = if d.chance(0.75) { site.main_port } else { *d.pick(&[443, 8443, 8080, 80, 9443, 7001, 8081]) };
    let mut tls = d.chance(site.tls_share);
    if port == 443 || port == 8443 || port == 9443 {
        tls = true;
    } else if port == 80 || port == 8081 {
        tls = false;
    }
    if port == 8080 || port == 7001 {
        tls &= d.chance(0.2);
    }
    let default_port = port == if tls { 443 } else { 80 };
    let rtt = if site.far { d.log_range(2e6, 3e8) } else { d.log_range(5e4, 2e7) } as Ns;
    let stack = Stack::draw(d, v6);
    let host = format!("{}.{}", site.word, site.domain);
    let middle = d.chance(0.4).then(|| {
        let place = d.range(0.0, 0.45);
        let odd = d.chance(0.75);
        let ttl = if odd { *d.pick(&[255, 254, 63, 62, 60, 128, 126]) } else { stack.ttl };
        Middle {
            idle: d.log_range(2e9, 2e10) as Ns,
            resets: d.chance(0.6),
            ttl: if ttl.abs_diff(stack.ttl) < 4 && odd { stack.ttl ^ 0x18 } else { ttl },
            place,
        }
    });
    let idle = if d.chance(0.2) { d.log_range(6e10, 3.6e12) } else { d.log_range(1e9, 2e10) } as Ns;
    let read = *d.pick(&[1500, 2000, 3000, 4000, 5000, 8000, 10_000]) * MS;
    Backend {
        alias: d.chance(0.25).then(|| format!("{}-{}.lb.{}", site.word, d.between(1, 9), site.domain)),
        word: site.word.into(),
        host,
        addrs,
        port,
        port_shown: !default_port || d.chance(0.2),
        tls: tls.then(|| if d.chance(0.6) { Version::V13 } else { Version::V12 }),
        naming: if d.chance(0.8) { Naming::Dns } else { Naming::HostsOnly },
        rtt,
        jitter: (rtt as f64 * d.range(0.005, 0.15)) as Ns + 5 * US,
        loss: if d.chance(0.25) { d.range(0.0005, 0.006) } else { 0.0 },
        idle: if middle.is_some() { idle * 4 + 20 * SEC } else { idle },
        idle_end: *d.pick(&[IdleEnd::Fin, IdleEnd::Fin, IdleEnd::Fin, IdleEnd::Rst, IdleEnd::Notify]),
        middle,
        keep: d.chance(0.85),
        service: d.log_range(1e6, 1.2e8) as Ns,
        read_timeout: read,
        connect_timeout: *d.pick(&[500, 1000, 1500, 2000, 3000]) * MS,
        request_timeout: d.log_range(8e8, 6e9) as Ns,
        uploads: d.range(0.02, 0.35),
        pace: d.log_range(1.2e8, 1.2e9) as Ns,
        mac: if d.chance(0.7) { 1 } else { 10 + i },
        covered: true,
        sni: d.chance(0.92),
        via: None,
        no_v6: false,
        stack,
    }
}

impl Backend {
    /// Scheme in the URL.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Scheme, host and port of the URL.
    pub fn origin(&self) -> String {
        let mut s = format!("{}://{}", self.scheme(), self.host);
        if self.port_shown {
            let _ = write!(s, ":{}", self.port);
        }
        s
    }

    /// Host and addresses in brackets, as `HttpClient` names them.
    pub fn bracket(&self) -> String {
        let host = self.via.as_ref().map_or(&self.host, |via| &via.host);
        let parts: Vec<String> = self.addrs.iter().map(|a| format!("{host}/{}", java_addr(*a))).collect();
        format!("{host}:{} [{}]", self.wire_port(), parts.join(", "))
    }

    /// The port that its connections go to.
    pub fn wire_port(&self) -> u16 {
        self.via.as_ref().map_or(self.port, |via| via.port)
    }
}

/// An address as Java writes it: IPv6 without compression.
pub fn java_addr(addr: IpAddr) -> String {
    match addr {
        IpAddr::V4(a) => a.to_string(),
        IpAddr::V6(a) => a.segments().map(|s| format!("{s:x}")).join(":"),
    }
}
