//! How far a run is: its phases, for a reader at a terminal or for a program.
//!
//! A thread of its own looks at what was read ([`meter`]) and shows it; the stages know nothing of it. Phases are timed on the way.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::stopwatch::Stopwatch;
use crate::{config::ProgressForm, input::meter};

/// The progress of a run; what is shown goes away with it.
pub(super) struct Progress {
    phases: Arc<Mutex<Phases>>,
    shown: Option<(Sender<()>, JoinHandle<()>)>,
}

/// How long a phase took.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Lap {
    phase: &'static str,
    seconds: f64,
}

struct Phases {
    current: Phase,
    laps: Vec<Lap>,
}

#[derive(Clone, Copy)]
struct Phase {
    name: &'static str,
    /// Bytes that it reads, where that is known.
    total: Option<u64>,
    /// What was read before it.
    from: u64,
    /// What was left out before it.
    left_out: u64,
    watch: Stopwatch,
}

/// How far a phase is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Reading {
    phase: &'static str,
    bytes: u64,
    total: Option<u64>,
    bytes_per_s: Option<f64>,
    seconds_left: Option<f64>,
}

impl Progress {
    /// Begins with a phase, and shows it in this form.
    pub(super) fn start(form: ProgressForm, name: &'static str) -> Self {
        let phases = Arc::new(Mutex::new(Phases { current: Phase::new(name, None), laps: Vec::new() }));
        let shown = match form {
            ProgressForm::Auto if io::stderr().is_terminal() => Some(show(&phases, TICK, bar())),
            ProgressForm::Json => Some(show(&phases, LINE, lines)),
            ProgressForm::Auto | ProgressForm::None => None,
        };
        Self { phases, shown }
    }

    /// Ends the phase and begins another, which reads `total` bytes where that is known.
    pub(super) fn phase(&self, name: &'static str, total: Option<u64>) {
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        phases.lap();
        phases.current = Phase::new(name, total);
    }

    /// Ends the last phase and what is shown; tells how long each took.
    pub(super) fn finish(mut self) -> Vec<Lap> {
        self.hide();
        let mut phases = self.phases.lock().unwrap_or_else(PoisonError::into_inner);
        phases.lap();
        std::mem::take(&mut phases.laps)
    }

    fn hide(&mut self) {
        if let Some((end, thread)) = self.shown.take() {
            drop(end);
            // A thread that panicked showed nothing any more, which is no failure of the run.
            let _ = thread.join();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.hide();
    }
}

impl Phases {
    fn lap(&mut self) {
        let Phase { name, watch, .. } = self.current;
        self.laps.push(Lap { phase: name, seconds: watch.elapsed().as_secs_f64() });
    }
}

impl Phase {
    fn new(name: &'static str, total: Option<u64>) -> Self {
        let (from, left_out) = (meter::bytes_read(), meter::bytes_left_out());
        Self { name, total, from, left_out, watch: Stopwatch::start() }
    }

    fn reading(&self) -> Reading {
        let left_out = meter::bytes_left_out().saturating_sub(self.left_out);
        let total = self.total.map(|total| total.saturating_sub(left_out));
        Reading::new(self.name, meter::bytes_read().saturating_sub(self.from), total, self.watch.elapsed())
    }
}

impl Reading {
    fn new(phase: &'static str, read: u64, total: Option<u64>, elapsed: Duration) -> Self {
        // Small files are read more than once.
        let bytes = total.map_or(read, |total| read.min(total));
        let seconds = elapsed.as_secs_f64();
        let rate = (bytes > 0 && seconds > 0.0).then(|| bytes as f64 / seconds);
        let left = rate.zip(total).map(|(rate, total)| (total - bytes) as f64 / rate);
        Self { phase, bytes, total, bytes_per_s: rate, seconds_left: left }
    }
}

/// Starts a thread that gives `draw` how far the run is, at once and then at every step, until the sender goes away; then nothing.
fn show(
    phases: &Arc<Mutex<Phases>>,
    step: Duration,
    mut draw: impl FnMut(Option<Reading>) + Send + 'static,
) -> (Sender<()>, JoinHandle<()>) {
    let phases = Arc::clone(phases);
    let (sender, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        loop {
            let current = phases.lock().unwrap_or_else(PoisonError::into_inner).current;
            draw(Some(current.reading()));
            if ended.recv_timeout(step) != Err(RecvTimeoutError::Timeout) {
                break;
            }
        }
        draw(None);
    });
    (sender, thread)
}

fn bar() -> impl FnMut(Option<Reading>) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = |template| ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let (known, open) = (style("{msg} {wide_bar} {percent}%"), style("{spinner} {msg}"));
    move |reading| {
        let Some(reading) = reading else { return bar.finish_and_clear() };
        match reading.total {
            Some(total) => {
                bar.set_style(known.clone());
                bar.set_length(total);
            }
            None => bar.set_style(open.clone()),
        }
        bar.set_message(words(&reading));
        bar.set_position(reading.bytes);
        bar.tick();
    }
}

/// `captures: 1.20 GiB of 4.00 GiB, 900.00 MiB/s, 3 s left`.
fn words(reading: &Reading) -> String {
    let bytes = |count: f64| HumanBytes(count as u64).to_string();
    let mut words = reading.phase.to_owned();
    if reading.bytes > 0 {
        words = format!("{words}: {}", bytes(reading.bytes as f64));
        if let Some(total) = reading.total {
            words = format!("{words} of {}", bytes(total as f64));
        }
        if let Some(rate) = reading.bytes_per_s {
            words = format!("{words}, {}/s", bytes(rate));
        }
        if let Some(left) = reading.seconds_left {
            words = format!("{words}, {left:.0} s left");
        }
    }
    words
}

/// One object per line.
fn lines(reading: Option<Reading>) {
    if let Some(line) = reading.and_then(|reading| serde_json::to_string(&reading).ok()) {
        // Nothing is left to do where standard error is closed.
        let _ = writeln!(io::stderr(), "{line}");
    }
}

/// A bar moves this often.
const TICK: Duration = Duration::from_millis(200);
/// A line is written no more often.
const LINE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left_follow_from_what_was_read() {
        let reading = Reading::new("captures", 300, Some(1_200), Duration::from_secs(3));
        assert_eq!((reading.bytes_per_s, reading.seconds_left), (Some(100.0), Some(9.0)));
        assert_eq!(words(&reading), "captures: 300 B of 1.17 KiB, 100 B/s, 9 s left");
        let more = Reading::new("captures", 1_500, Some(1_200), Duration::from_secs(3));
        assert_eq!((more.bytes, more.seconds_left), (1_200, Some(0.0)));
        let nothing = Reading::new("join", 0, None, Duration::ZERO);
        assert_eq!((nothing.bytes_per_s, nothing.seconds_left), (None, None));
        assert_eq!(words(&nothing), "join");
    }

    /// Other tests of this process may leave out files meanwhile, too.
    #[test]
    fn what_will_not_be_read_is_not_still_to_come() {
        let phase = Phase::new("captures", Some(1_200));
        meter::leave_out(900);
        assert!(phase.reading().total.is_some_and(|total| total <= 300));
    }

    #[test]
    fn every_phase_is_timed_once() {
        let progress = Progress::start(ProgressForm::None, "looking");
        progress.phase("logs", Some(5));
        let laps = progress.finish();
        assert_eq!(laps.iter().map(|lap| lap.phase).collect::<Vec<_>>(), ["looking", "logs"]);
        assert!(laps.iter().all(|lap| lap.seconds >= 0.0));
    }

    #[test]
    fn what_is_shown_begins_at_once_and_ends_with_the_run() {
        let phases = Arc::new(Mutex::new(Phases { current: Phase::new("logs", Some(1)), laps: Vec::new() }));
        let (seen, shown) = mpsc::channel();
        let (end, thread) = show(&phases, Duration::from_mins(10), move |reading| {
            let _ = seen.send(reading.map(|reading| reading.phase));
        });
        assert_eq!(shown.recv().unwrap(), Some("logs"));
        drop(end);
        thread.join().unwrap();
        assert_eq!(shown.recv().unwrap(), None);
    }
}
