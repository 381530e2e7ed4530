//! The counters of a run, for its record and for what is said of bounds.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::read::{Captures, LogFile};

use super::stories::Written;

/// Everything counted on the way, for the run's record: frames = segments + each named skip.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Counters {
    pub(super) log_lines: u64,
    pub(super) log_records: u64,
    pub(super) log_bytes: u64,
    pub(super) log_lines_not_read: BTreeMap<&'static str, u64>,
    pub(super) failure_entries: u64,
    pub(super) second_entries: u64,
    pub(super) retry_lines: u64,
    pub(super) frames: u64,
    pub(super) frames_in_an_earlier_file: u64,
    pub(super) segments: u64,
    pub(super) dns_messages: u64,
    pub(super) dns_messages_not_read: u64,
    pub(super) icmp_errors: u64,
    pub(super) frames_skipped: BTreeMap<String, u64>,
    pub(super) duplicate_segments: u64,
    pub(super) frames_out_of_order: u64,
    pub(super) icmp_errors_of_unknown_flows: u64,
    pub(super) connections_seen_at_several_points: u64,
    pub(super) half_open_connections_beyond_bound: u64,
    pub(super) segments_beyond_bound: u64,
    /// Not told where nothing was.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) log_records_cut_short: u64,
    pub(super) dns_messages_beyond_bound: u64,
    /// Left out since `--from` and `--to` ask for another time; not told where nothing was.
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) calls_beside_time: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) connections_beside_time: u64,
    pub(super) evidence_files: u64,
    pub(super) evidence_packets: u64,
    pub(super) evidence_packets_left_out: u64,
}

impl Counters {
    /// Bounds that the input crossed, each with what it cost.
    pub(super) fn crossed(&self) -> Vec<String> {
        [
            (
                self.half_open_connections_beyond_bound,
                "half-open connections are not listed: more than 262,144 at a time",
            ),
            (self.segments_beyond_bound, "segments are not followed: more than 2,097,152 connections"),
            (
                self.log_records_cut_short,
                "records of failures are cut short: more than 32 sources write to one log at a time",
            ),
            (self.dns_messages_beyond_bound, "DNS messages are not used: more than 1,048,576"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, said)| format!("{count} {said}"))
        .collect()
    }

    pub(super) fn add_log(&mut self, log: &LogFile) {
        let counts = &log.scan.counts;
        self.log_lines += counts.lines;
        self.log_records += counts.records;
        self.log_bytes += counts.bytes;
        self.failure_entries += counts.failure_entries;
        self.second_entries += counts.paired;
        self.retry_lines += counts.retry_lines;
        self.log_records_cut_short += counts.sources_cut_short;
        for (reason, count) in [
            ("before the first record", counts.orphan_lines),
            ("head that names no instant", counts.bad_heads),
            ("failure without a time", counts.without_time),
            ("in a form that is not known", counts.unknown_form),
            ("failure without a URL", counts.without_url),
            ("phrase in quoted text", counts.quoted),
            ("longer than is kept", counts.oversize_lines),
            ("beyond an entry's bound", counts.lines_beyond_bound),
            ("written twice by two handlers", counts.duplicates),
            ("in another file as well", counts.copies),
        ] {
            *self.log_lines_not_read.entry(reason).or_default() += count;
        }
    }

    pub(super) fn add_evidence(&mut self, written: &Written) {
        self.evidence_files = written.files;
        self.evidence_packets = written.packets;
        self.evidence_packets_left_out = written.left_out;
    }

    /// Adds what the captures of one gateway, or shared ones, hold.
    pub(super) fn add_captures(&mut self, captures: &Captures) {
        self.frames += captures.files.iter().map(|file| file.frames).sum::<u64>();
        self.frames_in_an_earlier_file += captures.files.iter().map(|file| file.repeated).sum::<u64>();
        self.segments += captures.segments;
        self.dns_messages += captures.dns.len() as u64;
        self.dns_messages_not_read += captures.bad_dns;
        self.icmp_errors += captures.icmp_errors;
        self.duplicate_segments += captures.track.duplicates;
        self.frames_out_of_order += captures.steps_back;
        self.icmp_errors_of_unknown_flows += captures.track.foreign_icmp;
        self.half_open_connections_beyond_bound += captures.track.half_open_beyond_bound;
        self.segments_beyond_bound += captures.track.segments_beyond_bound;
        self.dns_messages_beyond_bound += captures.dns_beyond_bound;
        for (skip, count) in &captures.skipped {
            *self.frames_skipped.entry(format!("{skip:?}")).or_default() += count;
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the shape that serde asks for")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
