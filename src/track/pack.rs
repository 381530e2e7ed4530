//! Values written in few bytes, one after the other, and read again in the same order.
//!
//! Numbers take as many bytes as they need, and what is nothing takes a bit: most fields of a connection that went well are nothing. Instants
//! and frames are written as differences from the one before. Reading is total: behind the end everything is nothing.
//!
//! Bits and bytes lie apart, the bits behind the bytes: how long a number is stands among the bits, so that either are taken by whole words and
//! no byte is looked at by itself.

mod facts;

use std::sync::Arc;

use wirecause_parsers::time::Timestamp;

use super::note::FrameId;

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
    /// The bytes, with the bits behind them.
    packed: &'a [u8],
    /// Where the next number lies.
    at: usize,
    /// Where the bits lie that are next taken.
    bits_at: usize,
    /// The bits taken that are not yet read, from the lowest on; the highest that is set says where they end.
    word: u64,
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
        let mut packed = Vec::with_capacity(self.bytes.len() + self.bits.len() + 2 * size_of::<u64>());
        self.end(&mut packed);
        packed.into()
    }

    /// Adds what was written to `packed`, and begins anew.
    pub(crate) fn end(&mut self, packed: &mut Vec<u8>) {
        let count = self.bytes.len() as u64;
        packed.push(length(count));
        significant(packed, count);
        packed.extend_from_slice(&self.bytes);
        packed.extend_from_slice(&self.bits);
        let rest = self.word.to_le_bytes();
        packed.extend(rest.iter().take(self.in_word.div_ceil(8) as usize));
        self.bits.clear();
        self.bytes.clear();
        (self.word, self.in_word, self.last) = (0, 0, Last::default());
    }

    /// Instants and frames from here on are told from these.
    pub(crate) fn near(&mut self, time: Timestamp, frame: FrameId) {
        self.last = Last { time: time.nanos(), frame: frame.word() };
    }

    /// Adds the `count` lowest bits of `bits`; there are no others in it.
    #[inline]
    fn bits(&mut self, bits: u64, count: u32) {
        self.word |= bits << self.in_word;
        self.in_word += count;
        if self.in_word >= u64::BITS {
            self.bits.extend_from_slice(&self.word.to_le_bytes());
            self.in_word -= u64::BITS;
            self.word = bits >> (count - self.in_word);
        }
    }

    /// Adds a number: a bit that says whether it is more than nothing, and then its length and its bytes.
    #[inline]
    fn number(&mut self, number: u64) {
        if number == 0 {
            return self.bits(0, 1);
        }
        self.bits(u64::from(length(number) - 1) << 1 | 1, NUMBER_BITS);
        significant(&mut self.bytes, number);
    }

    /// Bytes of which the reader is told how many there are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }
}

impl<'a> Unpacker<'a> {
    /// Reads what a [`Packer`] wrote.
    pub(crate) fn new(packed: &'a [u8]) -> Self {
        let width = packed.first().copied().unwrap_or_default().min(size_of::<u64>() as u8);
        let mut from = Self { packed, at: 1, bits_at: 0, word: 1, last: Last::default() };
        let count = if width == 0 { 0 } else { from.significant(width.into()) };
        from.bits_at = from.at.saturating_add(count as usize).min(packed.len());
        from
    }

    /// Instants and frames from here on are told from these.
    pub(crate) fn near(&mut self, time: Timestamp, frame: FrameId) {
        self.last = Last { time: time.nanos(), frame: frame.word() };
    }

    #[inline]
    fn bit(&mut self) -> bool {
        self.ready();
        let set = self.word & 1 == 1;
        self.word >>= 1;
        set
    }

    #[inline]
    fn number(&mut self) -> u64 {
        self.ready();
        if self.word & 1 == 0 {
            self.word >>= 1;
            return 0;
        }
        let length = (self.word >> 1 & 7) + 1;
        self.word >>= NUMBER_BITS;
        self.significant(length)
    }

    /// Sees to it that there are as many bits as are read at a time.
    #[inline]
    fn ready(&mut self) {
        if self.word < 1 << NUMBER_BITS {
            self.next_bits();
        }
    }

    #[inline(never)]
    fn next_bits(&mut self) {
        let held = self.word.ilog2();
        // Whole bytes, as many as there is room for beside the mark.
        let taken = (u64::BITS - 1 - held) / 8;
        let bits = word(self.packed, self.bits_at) & ((1 << (8 * taken)) - 1);
        self.word = (self.word ^ 1 << held) | bits << held | 1 << (held + 8 * taken);
        self.bits_at += taken as usize;
    }

    /// The next number, of `length` bytes, from one to eight.
    #[inline]
    fn significant(&mut self, length: u64) -> u64 {
        let number = word(self.packed, self.at) & u64::MAX >> (u64::from(u64::BITS) - 8 * length);
        self.at += length as usize;
        number
    }

    /// Bytes with their count before them.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let count = self.number() as usize;
        self.taken(count)
    }

    fn taken(&mut self, count: usize) -> &'a [u8] {
        let end = self.at.saturating_add(count).min(self.packed.len());
        let taken = self.packed.get(self.at..end).unwrap_or_default();
        self.at = end;
        taken
    }

    /// Bytes of which it is known how many they are.
    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.taken(N).first_chunk().copied().unwrap_or([0; N])
    }
}

impl Pack for bool {
    #[inline]
    fn pack(&self, to: &mut Packer) {
        to.bits(u64::from(*self), 1);
    }

    #[inline]
    fn unpack(from: &mut Unpacker<'_>) -> Self {
        from.bit()
    }
}

impl Pack for u64 {
    #[inline]
    fn pack(&self, to: &mut Packer) {
        to.number(*self);
    }

    #[inline]
    fn unpack(from: &mut Unpacker<'_>) -> Self {
        from.number()
    }
}

impl Pack for i64 {
    #[inline]
    fn pack(&self, to: &mut Packer) {
        folded(*self).pack(to);
    }

    #[inline]
    fn unpack(from: &mut Unpacker<'_>) -> Self {
        unfolded(u64::unpack(from))
    }
}

macro_rules! small {
    ($($number:ty),*) => {
        $(impl Pack for $number {
            #[inline]
            fn pack(&self, to: &mut Packer) {
                u64::from(*self).pack(to);
            }

            #[inline]
            fn unpack(from: &mut Unpacker<'_>) -> Self {
                u64::unpack(from) as Self
            }
        })*
    };
}

small!(u8, u16, u32);

impl Pack for usize {
    #[inline]
    fn pack(&self, to: &mut Packer) {
        (*self as u64).pack(to);
    }

    #[inline]
    fn unpack(from: &mut Unpacker<'_>) -> Self {
        u64::unpack(from) as Self
    }
}

impl<T: Pack> Pack for Option<T> {
    #[inline]
    fn pack(&self, to: &mut Packer) {
        self.is_some().pack(to);
        if let Some(value) = self {
            value.pack(to);
        }
    }

    #[inline]
    fn unpack(from: &mut Unpacker<'_>) -> Self {
        from.bit().then(|| T::unpack(from))
    }
}

/// Writes what is mostly nothing at all: then one bit.
pub(crate) fn pack_rare<T: Pack + Default + PartialEq>(value: &T, to: &mut Packer) {
    let is_there = *value != T::default();
    is_there.pack(to);
    if is_there {
        value.pack(to);
    }
}

/// Reads what [`pack_rare`] wrote.
pub(crate) fn unpack_rare<T: Pack + Default>(from: &mut Unpacker<'_>) -> T {
    if from.bit() { T::unpack(from) } else { T::default() }
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

            #[inline]
            fn unpack(from: &mut $crate::track::pack::Unpacker<'_>) -> Self {
                match <u8 as $crate::track::pack::Pack>::unpack(from) {
                    $(place if place == Self::$variant as u8 => Self::$variant,)*
                    _ => Self::$first,
                }
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

/// How many bytes a number needs.
#[inline]
const fn length(number: u64) -> u8 {
    (u64::BITS - number.leading_zeros()).div_ceil(8) as u8
}

/// Adds as many bytes of a number as it needs, the lowest first.
#[inline]
fn significant(bytes: &mut Vec<u8>, number: u64) {
    let end = bytes.len() + usize::from(length(number));
    // All eight in one piece, since a copy of any length is a call.
    bytes.extend_from_slice(&number.to_le_bytes());
    bytes.truncate(end);
}

/// The eight bytes at a place as a number; behind the end all is nothing.
#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.first_chunk().map_or_else(|| last_word(rest), |word| u64::from_le_bytes(*word))
}

#[inline(never)]
fn last_word(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Bits that say how long a number is: whether it is more than nothing, and its bytes less one.
const NUMBER_BITS: u32 = 4;

#[cfg(test)]
mod tests {
    use wirecause_parsers::packet::Endpoint;

    use super::*;
    use crate::track::Direction;

    fn back<T: Pack>(value: &T) -> (T, usize) {
        let mut packer = Packer::default();
        value.pack(&mut packer);
        let written = packer.take();
        (T::unpack(&mut Unpacker::new(&written)), written.len())
    }

    #[test]
    fn what_is_written_is_read() {
        for number in [0, 1, 127, 255, 256, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(back(&number).0, number);
        }
        // Words of bits end within numbers and between them.
        let every_length: Vec<(bool, u64)> =
            (0..300).map(|n| (n % 3 == 0, (1 << (n % 64)) - u64::from(n % 5 == 0))).collect();
        assert_eq!(back(&every_length).0, every_length);
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
        // Two for the count of bytes, eight for the first instant and three for the next, 0.2 ms later, and one for the bits.
        let instants = [1_764_000_000_000_000_000, 1_764_000_000_000_200_000].map(Timestamp::from_nanos);
        assert_eq!(back(&instants).1, 2 + 8 + 3 + 1);
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
        // A count of bytes that are not there.
        assert_eq!(Option::<u64>::unpack(&mut Unpacker::new(&[9, 1])), None);
        assert_eq!(<(u64, String)>::unpack(&mut Unpacker::new(&[8, 255, 255, 255, 255, 255, 255, 255, 255])).1, "");
    }
}
