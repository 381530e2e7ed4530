//! The time asked for, once the end of the input is known.

use wirecause_parsers::time::Timestamp;

use crate::config::window::{Bound, Window};

/// From the first instant on, and before the second; `None`: no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl Span {
    /// The `window` of an input whose last record is of time `end`.
    pub(super) fn new(window: Window, end: Option<Timestamp>) -> Self {
        let instant = |bound| match bound {
            Bound::At(time) => Some(time),
            Bound::BeforeEnd(nanos) => Some(end?.plus(-nanos)),
        };
        Self { from: window.from.and_then(instant), to: window.to.and_then(instant) }
    }

    /// The same on another clock.
    pub(super) fn on_clock(self, moved: impl Fn(Timestamp) -> Timestamp) -> Self {
        Self { from: self.from.map(&moved), to: self.to.map(&moved) }
    }

    /// Whether it has no bound.
    pub(super) const fn is_all(self) -> bool {
        self.from.is_none() && self.to.is_none()
    }

    /// Whether an instant lies in it.
    pub(super) fn holds(self, time: Timestamp) -> bool {
        self.overlaps(time, time)
    }

    /// Whether any of the time from `first` to `last`, both included, lies in it.
    pub(super) fn overlaps(self, first: Timestamp, last: Timestamp) -> bool {
        self.from.is_none_or(|from| last >= from) && self.to.is_none_or(|to| first < to)
    }

    /// What of the time between two instants lies in it.
    pub(super) fn clip(self, (first, last): (Timestamp, Timestamp)) -> Option<(Timestamp, Timestamp)> {
        let clipped = (self.from.map_or(first, |from| first.max(from)), self.to.map_or(last, |to| last.min(to)));
        self.overlaps(first, last).then_some(clipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(nanos: i64) -> Timestamp {
        Timestamp::from_nanos(nanos)
    }

    #[test]
    fn the_first_bound_is_in_and_the_second_is_out() {
        let window = Window { from: Some(Bound::At(at(10))), to: Some(Bound::BeforeEnd(5)) };
        let span = Span::new(window, Some(at(25)));
        let held: Vec<i64> = (0..30).filter(|nanos| span.holds(at(*nanos))).collect();
        assert_eq!(held, (10..20).collect::<Vec<_>>());
        assert!(span.overlaps(at(0), at(10)) && span.overlaps(at(19), at(40)) && span.overlaps(at(0), at(40)));
        assert!(!span.overlaps(at(0), at(9)) && !span.overlaps(at(20), at(40)));
        assert_eq!(span.clip((at(5), at(15))), Some((at(10), at(15))));
        assert_eq!(span.clip((at(20), at(25))), None);
        assert_eq!(span.on_clock(|time| time.plus(100)), Span { from: Some(at(110)), to: Some(at(120)) });
    }

    #[test]
    fn without_bounds_all_time_is_asked_for() {
        let span = Span::new(Window::default(), None);
        assert!(span.holds(at(i64::MIN)) && span.holds(at(i64::MAX)));
        // An input without any time has no end to count back from.
        assert_eq!(Span::new(Window { from: Some(Bound::BeforeEnd(1)), to: None }, None), Span::default());
    }
}
