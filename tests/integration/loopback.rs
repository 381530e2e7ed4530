//! Traffic of this machine's own TCP stack over loopback, captured by tcpdump.

use std::{
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream, UdpSocket},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::harness::Scratch;

/// Captures of the same traffic on the loopback interface and on all interfaces; `None`, with a note, where this process may not
/// capture and nobody demands it.
pub(crate) fn capture(scratch: &Scratch) -> Option<Vec<PathBuf>> {
    let mut captures = taken(scratch)?;
    // A busy machine drops packets of a capture, and what is left is another test's business.
    for _ in 1..TRIES {
        if captures.iter().all(|(_, dropped)| !dropped) {
            break;
        }
        captures = taken(scratch)?;
    }
    Some(captures.into_iter().map(|(file, _)| file).collect())
}

/// The two captures, and whether packets are missing from each.
fn taken(scratch: &Scratch) -> Option<Vec<(PathBuf, bool)>> {
    let listeners = ["127.0.0.1:0", "[::1]:0"].map(TcpListener::bind);
    let listeners: Vec<TcpListener> = listeners.into_iter().flatten().collect();
    let ports: Vec<u16> = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    // A port that was free a moment ago refuses.
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let filter = ports
        .iter()
        .chain([&refusing])
        .fold("udp port 53".to_owned(), |filter, port| format!("{filter} or port {port}"));
    let mut running = Vec::new();
    for interface in ["lo", "any"] {
        let file = scratch.path(&format!("{interface}.pcap"));
        let (child, told) = tcpdump(interface, &file, &filter)?;
        running.push((child, told, file));
    }
    talk(&listeners, refusing);
    // What is on its way to the captures arrives.
    thread::sleep(Duration::from_millis(500));
    Some(running.into_iter().map(|(child, told, file)| stopped(child, told, file)).collect())
}

fn tcpdump(interface: &str, file: &std::path::Path, filter: &str) -> Option<(Child, JoinHandle<String>)> {
    let mut command = Command::new("tcpdump");
    // -Z root: the capture stays with whoever runs the test.
    command
        .args(["-i", interface, "-n", "-U", "-B", "16384", "--immediate-mode", "-Z", "root", "-w"])
        .arg(file)
        .arg(filter);
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while errors.read_line(&mut said).unwrap() > 0 {
        if said.contains("listening on") {
            // The pipe stays open: tcpdump writes its counts to it at the end.
            let told = thread::spawn(move || {
                let mut told = String::new();
                let _ = errors.read_to_string(&mut told);
                told
            });
            return Some((child, told));
        }
    }
    assert!(env::var_os("WIRECAUSE_TOOLS").is_none(), "tcpdump cannot capture on {interface}: {said}");
    println!("note: tcpdump cannot capture on {interface}, so this test shows nothing: {said}");
    let _ = child.wait();
    None
}

fn stopped(mut child: Child, told: JoinHandle<String>, file: PathBuf) -> (PathBuf, bool) {
    // An interrupt ends the file cleanly.
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.is_ok_and(|status| status.success()));
    child.wait().unwrap();
    let told = told.join().unwrap();
    let dropped = told.lines().any(|line| line.contains("dropped by") && !line.starts_with("0 "));
    (file, dropped)
}

/// Exchanges, a large body, a half-close, resets of both shapes, a refusal, a question to a resolver that is not there.
fn talk(listeners: &[TcpListener], refusing: u16) {
    thread::scope(|scope| {
        for listener in listeners {
            scope.spawn(|| (0..CALLS).for_each(|number| serve(&listener.accept().unwrap().0, number)));
            let address = listener.local_addr().unwrap();
            (0..CALLS).for_each(|number| call(&TcpStream::connect(address).unwrap(), number));
        }
    });
    assert!(TcpStream::connect(("127.0.0.1", refusing)).is_err());
    let question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03api\x07example\x00\x00\x01\x00\x01";
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let _ = socket.send_to(question, "127.0.0.1:53");
}

fn serve(mut stream: &TcpStream, number: u32) {
    if number == UNREAD {
        // Closed with bytes unread: Linux answers with a RST (RFC 1122, 4.2.2.13).
        thread::sleep(Duration::from_millis(20));
        return;
    }
    let mut bytes = [0; 4096];
    let mut read = stream.read(&mut bytes).unwrap_or(0);
    while read > 0 && !bytes[..read].ends_with(b"\r\n\r\n") {
        read = stream.read(&mut bytes).unwrap_or(0);
    }
    let body = vec![b'x'; if number == LARGE { 3_000_000 } else { 300 }];
    let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes());
    let _ = stream.write_all(&body);
    if number == HALF_CLOSED {
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read(&mut bytes);
    }
}

fn call(mut stream: &TcpStream, number: u32) {
    let _ = stream.write_all(b"GET /a HTTP/1.1\r\nHost: api.example\r\n\r\n");
    let mut read = Vec::new();
    match number {
        // Given up in the middle of the body: the rest meets a closed socket.
        GIVEN_UP => {
            let _ = stream.read(&mut [0; 100]);
        }
        HALF_CLOSED => {
            let _ = stream.read_to_end(&mut read);
            let _ = stream.write_all(b"late");
        }
        _ => {
            let _ = stream.read_to_end(&mut read);
        }
    }
}

/// Captures that are tried before one with packets missing is taken.
const TRIES: usize = 4;
const CALLS: u32 = 6;
const UNREAD: u32 = 1;
const LARGE: u32 = 2;
const HALF_CLOSED: u32 = 3;
const GIVEN_UP: u32 = 4;
