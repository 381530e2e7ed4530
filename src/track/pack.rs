//! Values written in few bytes, one after the other, and read again in the same order.
//!
//! Numbers take as many bytes as they need, and what is nothing takes a bit: most fields of a connection that went well are nothing. Instants
//! and frames are written as differences from the one before. Reading is total: behind the end everything is nothing.

use std::{collections::VecDeque, net::IpAddr, sync::Arc};

use wirecause_parsers::{
    packet::{Endpoint, IcmpKind, TcpFlags},
    time::Timestamp,
};

use super::note::{Direction, FrameId};

/// A value that can be written and read.
pub(crate) trait Pack: Sized {
    /// Writes it.
    fn pack(&self, to: &mut Packer);
    /// Reads what was written at this place.
    fn unpack(from: &mut Unpacker<'_>) -> Self;
}

/// Writes values.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    bits: Vec<u8>,
    /// The bits that are not yet among them, from the lowest on, and how many they are.
    word: u64,
    in_word: u32,
    bytes: Vec<u8>,
    last: Last,
}

/// Reads values.
#[derive(Debug)]
pub(crate) struct Unpacker<'a> {
    bits: &'a [u8],
    /// The bits taken from them that are not yet read, from the lowest on, and how many they are.
    word: u64,
    in_word: u32,
    bytes: &'a [u8],
    last: Last,
}

/// The instant and the frame that were written last.
#[derive(Debug, Default)]
struct Last {
    time: i64,
    frame: u64,
}

impl Packer {
    /// What was written, and begins anew.
    pub(crate) fn take(&mut self) -> Box<[u8]> {
        let mut packed = Vec::with_capacity(self.bits.len() + self.bytes.len() + 1);
        self.end(&mut packed);
        packed.into()
    }

    /// Adds what was written to `packed`, and begins anew.
    pub(crate) fn end(&mut self, packed: &mut Vec<u8>) {
        let rest = self.word.to_le_bytes();
        self.bits.extend(rest.iter().take(self.in_word.div_ceil(8) as usize));
        number(packed, self.bits.len() as u64);
        packed.extend_from_slice(&self.bits);
        packed.extend_from_slice(&self.bytes);
        self.bits.clear();
        self.bytes.clear();
        (self.word, self.in_word, self.last) = (0, 0, Last::default());
    }

    /// Instants and frames from here on are told from these.
    pub(crate) fn near(&mut self, time: Timestamp, frame: FrameId) {
        self.last = Last { time: time.nanos(), frame: frame.word() };
    }

    #[inline]
    fn bit(&mut self, set: bool) {
        self.word |= u64::from(set) << self.in_word;
        self.in_word += 1;
        if self.in_word == u64::BITS {
            self.bits.extend_from_slice(&self.word.to_le_bytes());
            (self.word, self.in_word) = (0, 0);
        }
    }

    /// Bytes of which the reader is told how many there are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        (bytes.len() as u64).pack(self);
        self.bytes.extend_from_slice(bytes);
    }
}

impl<'a> Unpacker<'a> {
    /// Reads what a [`Packer`] wrote.
    pub(crate) fn new(packed: &'a [u8]) -> Self {
        let mut rest = packed;
        let bits = read_number(&mut rest).unwrap_or(0) as usize;
        let (bits, bytes) = rest.split_at_checked(bits).unwrap_or_default();
        Self { bits, word: 0, in_word: 0, bytes, last: Last::default() }
    }

    /// Instants and frames from here on are told from these.
    pub(crate) fn near(&mut self, time: Timestamp, frame: FrameId) {
        self.last = Last { time: time.nanos(), frame: frame.word() };
    }

    #[inline]
    fn bit(&mut self) -> bool {
        if self.in_word == 0 {
            self.next_word();
        }
        let set = self.word & 1 == 1;
        self.word >>= 1;
        self.in_word -= 1;
        set
    }

    fn next_word(&mut self) {
        let (next, rest) = self.bits.split_at(self.bits.len().min(8));
        let mut word = [0; 8];
        word.iter_mut().zip(next).for_each(|(byte, next)| *byte = *next);
        (self.word, self.in_word, self.bits) = (u64::from_le_bytes(word), u64::BITS, rest);
    }

    /// Bytes with their count before them.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let count = u64::unpack(self) as usize;
        let (taken, rest) = self.bytes.split_at_checked(count).unwrap_or_default();
        self.bytes = rest;
        taken
    }
}

impl Pack for bool {
    fn pack(&self, to: &mut Packer) {
        to.bit(*self);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        from.bit()
    }
}

impl Pack for u64 {
    #[inline]
    fn pack(&self, to: &mut Packer) {
        to.bit(*self != 0);
        if *self != 0 {
            number(&mut to.bytes, *self);
        }
    }

    #[inline]
    fn unpack(from: &mut Unpacker<'_>) -> Self {
        if from.bit() { read_number(&mut from.bytes).unwrap_or(0) } else { 0 }
    }
}

impl Pack for i64 {
    fn pack(&self, to: &mut Packer) {
        folded(*self).pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        unfolded(u64::unpack(from))
    }
}

macro_rules! small {
    ($($number:ty),*) => {
        $(impl Pack for $number {
            fn pack(&self, to: &mut Packer) {
                u64::from(*self).pack(to);
            }

            fn unpack(from: &mut Unpacker<'_>) -> Self {
                u64::unpack(from) as Self
            }
        })*
    };
}

small!(u8, u16, u32);

impl Pack for usize {
    fn pack(&self, to: &mut Packer) {
        (*self as u64).pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        u64::unpack(from) as Self
    }
}

impl Pack for Timestamp {
    fn pack(&self, to: &mut Packer) {
        self.nanos().wrapping_sub(to.last.time).pack(to);
        to.last.time = self.nanos();
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        from.last.time = from.last.time.wrapping_add(i64::unpack(from));
        Self::from_nanos(from.last.time)
    }
}

impl Pack for FrameId {
    fn pack(&self, to: &mut Packer) {
        (self.word().wrapping_sub(to.last.frame) as i64).pack(to);
        to.last.frame = self.word();
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        from.last.frame = from.last.frame.wrapping_add(i64::unpack(from) as u64);
        Self::of_word(from.last.frame)
    }
}

impl Pack for Direction {
    fn pack(&self, to: &mut Packer) {
        (*self == Self::Responder).pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        if bool::unpack(from) { Self::Responder } else { Self::Originator }
    }
}

impl Pack for TcpFlags {
    fn pack(&self, to: &mut Packer) {
        self.0.pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        Self(Pack::unpack(from))
    }
}

impl Pack for IpAddr {
    fn pack(&self, to: &mut Packer) {
        to.bit(self.is_ipv6());
        match self {
            Self::V4(address) => to.bytes.extend(address.octets()),
            Self::V6(address) => to.bytes.extend(address.octets()),
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        if from.bit() {
            Self::from(taken::<16>(&mut from.bytes).unwrap_or_default())
        } else {
            Self::from(taken::<4>(&mut from.bytes).unwrap_or_default())
        }
    }
}

impl Pack for Endpoint {
    fn pack(&self, to: &mut Packer) {
        self.address.pack(to);
        to.bytes.extend(self.port.to_le_bytes());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        Self { address: Pack::unpack(from), port: u16::from_le_bytes(taken(&mut from.bytes).unwrap_or_default()) }
    }
}

impl Pack for IcmpKind {
    fn pack(&self, to: &mut Packer) {
        let (place, mtu): (u8, u32) = match *self {
            Self::Unreachable => (0, 0),
            Self::PortUnreachable => (1, 0),
            Self::Prohibited => (2, 0),
            Self::TimeExceeded => (3, 0),
            Self::TooBig(mtu) => (4, mtu),
        };
        (place, mtu).pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        match <(u8, u32)>::unpack(from) {
            (0, _) => Self::Unreachable,
            (1, _) => Self::PortUnreachable,
            (2, _) => Self::Prohibited,
            (3, _) => Self::TimeExceeded,
            (_, mtu) => Self::TooBig(mtu),
        }
    }
}

impl<T: Pack> Pack for Option<T> {
    fn pack(&self, to: &mut Packer) {
        to.bit(self.is_some());
        if let Some(value) = self {
            value.pack(to);
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        from.bit().then(|| T::unpack(from))
    }
}

impl<T: Pack> Pack for Box<T> {
    fn pack(&self, to: &mut Packer) {
        T::pack(self, to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        Self::new(T::unpack(from))
    }
}

impl<T: Pack> Pack for Vec<T> {
    fn pack(&self, to: &mut Packer) {
        self.len().pack(to);
        for item in self {
            item.pack(to);
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        (0..usize::unpack(from)).map(|_| T::unpack(from)).collect()
    }
}

impl<T: Pack> Pack for VecDeque<T> {
    fn pack(&self, to: &mut Packer) {
        self.len().pack(to);
        for item in self {
            item.pack(to);
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        Vec::unpack(from).into()
    }
}

impl<T: Pack, const N: usize> Pack for [T; N] {
    fn pack(&self, to: &mut Packer) {
        for item in self {
            item.pack(to);
        }
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        std::array::from_fn(|_| T::unpack(from))
    }
}

impl<A: Pack, B: Pack> Pack for (A, B) {
    fn pack(&self, to: &mut Packer) {
        self.0.pack(to);
        self.1.pack(to);
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        (A::unpack(from), B::unpack(from))
    }
}

impl Pack for String {
    fn pack(&self, to: &mut Packer) {
        to.bytes(self.as_bytes());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        str::from_utf8(from.bytes()).unwrap_or_default().to_owned()
    }
}

impl Pack for Arc<str> {
    fn pack(&self, to: &mut Packer) {
        to.bytes(self.as_bytes());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        str::from_utf8(from.bytes()).unwrap_or_default().into()
    }
}

impl Pack for Box<str> {
    fn pack(&self, to: &mut Packer) {
        to.bytes(self.as_bytes());
    }

    fn unpack(from: &mut Unpacker<'_>) -> Self {
        str::from_utf8(from.bytes()).unwrap_or_default().into()
    }
}

/// Packs a struct field by field, in the order given; one that is left out does not compile.
macro_rules! pack_fields {
    ($type:ident { $($field:ident),* $(,)? }) => {
        impl $crate::track::pack::Pack for $type {
            fn pack(&self, to: &mut $crate::track::pack::Packer) {
                let Self { $($field),* } = self;
                $($crate::track::pack::Pack::pack($field, to);)*
            }

            fn unpack(from: &mut $crate::track::pack::Unpacker<'_>) -> Self {
                $(let $field = $crate::track::pack::Pack::unpack(from);)*
                Self { $($field),* }
            }
        }
    };
}

/// Packs an enum without fields by the place of the variant among those given; one that is left out does not compile.
macro_rules! pack_variants {
    ($type:ident { $first:ident $(, $variant:ident)* $(,)? }) => {
        impl $crate::track::pack::Pack for $type {
            fn pack(&self, to: &mut $crate::track::pack::Packer) {
                match self {
                    Self::$first $(| Self::$variant)* => {}
                }
                $crate::track::pack::Pack::pack(&(*self as u8), to);
            }

            fn unpack(from: &mut $crate::track::pack::Unpacker<'_>) -> Self {
                let place = <u8 as $crate::track::pack::Pack>::unpack(from);
                [Self::$first $(, Self::$variant)*].into_iter().find(|it| *it as u8 == place).unwrap_or(Self::$first)
            }
        }
    };
}

pub(crate) use {pack_fields, pack_variants};

/// A number with its sign in the lowest bit, so that small ones of either sign are short.
const fn folded(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

const fn unfolded(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Seven bits a byte, the lowest first; the eighth says that another follows (LEB128).
#[inline]
fn number(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Reads what [`number`] wrote.
#[inline]
fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    match bytes.split_first() {
        Some((byte, rest)) if *byte < 0x80 => {
            *bytes = rest;
            Some(u64::from(*byte))
        }
        _ => read_long_number(bytes),
    }
}

fn read_long_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for place in (0..u64::BITS).step_by(7) {
        let [byte] = taken(bytes)?;
        value |= u64::from(byte & 0x7f) << place;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// The next bytes.
fn taken<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back<T: Pack>(value: &T) -> (T, usize) {
        let mut packer = Packer::default();
        value.pack(&mut packer);
        let written = packer.take();
        (T::unpack(&mut Unpacker::new(&written)), written.len())
    }

    #[test]
    fn what_is_written_is_read() {
        for number in [0, 1, 127, 128, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(back(&number).0, number);
        }
        for number in [0, 1, -1, 63, -64, i64::MAX, i64::MIN] {
            assert_eq!(back(&number).0, number);
        }
        let ends = ["10.0.0.1:80", "[2001:db8::1]:443"].map(|end| {
            let end: std::net::SocketAddr = end.parse().unwrap();
            Endpoint { address: end.ip(), port: end.port() }
        });
        assert_eq!(back(&ends).0, ends);
        let times = [5, i64::MAX, i64::MIN + 1, 0].map(Timestamp::from_nanos);
        assert_eq!(back(&times).0, times);
        let mixed = vec![(Some("häuser".to_owned()), FrameId::new(3, 9)), (None, FrameId::new(0, 1))];
        assert_eq!(back(&mixed).0, mixed);
        assert_eq!(
            back(&[Direction::Responder, Direction::Originator]).0,
            [Direction::Responder, Direction::Originator]
        );
    }

    #[test]
    fn nothing_takes_a_bit_and_an_instant_its_distance() {
        assert_eq!(back(&[0_u64; 8]).1, 2);
        // One for the count of bytes with bits, one of those, nine for the first instant and three for the next, 0.2 ms later.
        let instants = [1_764_000_000_000_000_000, 1_764_000_000_000_200_000].map(Timestamp::from_nanos);
        assert_eq!(back(&instants).1, 1 + 1 + 9 + 3);
    }

    #[test]
    fn a_packer_begins_anew() {
        let mut packer = Packer::default();
        let mut once = || {
            (true, Timestamp::from_nanos(77)).pack(&mut packer);
            packer.take()
        };
        assert_eq!(once(), once());
    }

    #[test]
    fn behind_the_end_all_is_nothing() {
        let mut empty = Unpacker::new(&[]);
        assert_eq!(<(u64, String)>::unpack(&mut empty), (0, String::new()));
        assert_eq!(Option::<u64>::unpack(&mut Unpacker::new(&[9, 1])), None);
    }
}
