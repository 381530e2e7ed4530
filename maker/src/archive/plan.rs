//! Which copies an archive has, and when each begins.

use super::{Fault, Source, gateway};
use crate::{Ns, SEC};

/// What a copy is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The incident.
    Incident,
    /// Healthy traffic.
    Calm,
}

impl Kind {
    /// As `copies.csv` has it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Calm => "calm",
        }
    }
}

/// How many copies of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copies {
    /// Of the incident.
    pub incident: u32,
    /// Of healthy traffic.
    pub calm: u32,
}

/// Mixtures with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// A few incidents among much healthy traffic. With `harbor` and `calm`: 1.9 GB of captures, 2.7 million packets, 1,300 failed
    /// calls, 17 MB of log.
    Realistic,
    /// Nothing but incidents. With `harbor`: 1.06 GB of captures, 2.4 million packets, 138 MB of log.
    Dense,
}

impl Preset {
    /// The copies of `scale` times the size, one incident at the least.
    pub fn copies(self, scale: f64) -> Copies {
        let (incident, calm) = match self {
            Self::Realistic => (4.0, 96.0),
            Self::Dense => (320.0, 0.0),
        };
        Copies { incident: ((incident * scale).round() as u32).max(1), calm: (calm * scale).round() as u32 }
    }
}

/// One copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) kind: Kind,
    /// How much later than its source.
    pub(super) later_seconds: i64,
}

impl Copies {
    /// All copies in time order, incidents evenly spread. Each begins some seconds after the one before has ended; how many differs, so that
    /// no time between copies comes twice in a row and nothing can take it for a clock's error.
    pub(super) fn schedule(self, incident: &Source, calm: Option<&Source>) -> Result<Vec<Copy>, Fault> {
        let total = self.incident.checked_add(self.calm).filter(|total| (1..=gateway::MOST_COPIES).contains(total));
        let total = total.ok_or("an archive has at least one copy, and four million at most")?;
        if self.calm > 0 && calm.is_none() {
            return Err("copies of healthy traffic need a source of it".into());
        }
        let mut random = fastrand::Rng::with_seed(GAPS_SEED);
        let mut free: Option<Ns> = None;
        let mut copies = Vec::with_capacity(total as usize);
        for place in 0..total {
            let kind = if self.is_incident(place, total) { Kind::Incident } else { Kind::Calm };
            let (first, last) = source(kind, incident, calm).span();
            let later_seconds = free.map_or(0, |free| (free as i64 - first as i64).div_euclid(SEC as i64) + 1);
            free = Some((last as i64 + later_seconds * SEC as i64) as Ns + random.u64(GAPS_SECONDS) * SEC);
            copies.push(Copy { kind, later_seconds });
        }
        Ok(copies)
    }

    /// The n-th of the incidents stands in the middle of the n-th of as many equal parts.
    fn is_incident(self, place: u32, total: u32) -> bool {
        let [place, total, incidents] = [place, total, self.incident].map(u64::from);
        let before = |place: u64| (2 * place * incidents + total) / (2 * total);
        before(place + 1) > before(place)
    }
}

/// The source of a kind. There is one of healthy traffic where a schedule has copies of it.
pub(super) fn source<'a>(kind: Kind, incident: &'a Source, calm: Option<&'a Source>) -> &'a Source {
    match kind {
        Kind::Incident => incident,
        Kind::Calm => calm.unwrap_or(incident),
    }
}

/// Longer than any pause within a call, so that copies do not mix.
const GAPS_SECONDS: std::ops::RangeInclusive<u64> = 5..=60;
/// Any number: the same archive each time.
const GAPS_SEED: u64 = 1;

#[cfg(test)]
mod tests {
    use super::{Copies, Preset};

    #[test]
    fn as_many_incidents_as_asked_and_evenly_spread() {
        for (incident, calm) in [(3, 97), (1, 0), (5, 2), (1, 9), (320, 0), (3, 2), (0, 4)] {
            let copies = Copies { incident, calm };
            let total = incident + calm;
            let places: Vec<u32> = (0..total).filter(|&place| copies.is_incident(place, total)).collect();
            assert_eq!(places.len() as u32, incident, "{copies:?}");
            let apart = places.windows(2).map(|pair| pair[1] - pair[0]);
            if incident > 1 {
                assert!(apart.clone().max().unwrap() - apart.min().unwrap() <= 1, "{places:?}");
            }
        }
        let four: Vec<u32> = (0..100).filter(|&place| Preset::Realistic.copies(1.0).is_incident(place, 100)).collect();
        assert_eq!(four, [12, 37, 62, 87]);
    }
}
