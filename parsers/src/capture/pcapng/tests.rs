//! Sections, interfaces, clocks and blocks of files built by hand.

use super::super::{
    CaptureError, LinkType,
    testing::{Order, block, cut_everywhere, enhanced, interface, option, section, walk},
};
use crate::time::Timestamp;

const ORDERS: [Order; 2] = [Order::Little, Order::Big];

fn resolution(order: Order, value: u8) -> Vec<u8> {
    option(order, 9, &[value])
}

fn shift(order: Order, seconds: i64) -> Vec<u8> {
    option(order, 14, &order.u64(seconds as u64))
}

fn times(bytes: &[u8]) -> Vec<i64> {
    let (_, frames, result) = walk(bytes);
    assert_eq!(result, Ok(bytes.len()));
    frames.iter().map(|frame| frame.time.nanos()).collect()
}

#[test]
fn each_interface_has_a_clock_of_its_own() {
    for order in ORDERS {
        let bytes = [
            section(order),
            interface(order, 1, 0, &[]),
            interface(order, 276, 320, &[resolution(order, 9)]),
            interface(order, 101, 0, &[resolution(order, 0x8a), shift(order, -3)]),
            enhanced(order, 2, 5 << 10, 4, b"abcd"),
            enhanced(order, 1, 1_700_000_000_000_000_001, 4, b"abcd"),
            enhanced(order, 0, 1_700_000_000_000_001, 4, b"abcd"),
        ];
        assert_eq!(times(&bytes.concat()), [2_000_000_000, 1_700_000_000_000_000_001, 1_700_000_000_000_001_000]);
    }
}

#[test]
fn each_section_has_an_order_and_interfaces_of_its_own() {
    let (little, big) = (Order::Little, Order::Big);
    let bytes = [
        section(little),
        interface(little, 1, 96, &[resolution(little, 9), shift(little, 10)]),
        enhanced(little, 0, 1, 4, b"one"),
        section(big),
        interface(big, 276, 0, &[shift(big, 20)]),
        interface(big, 101, 0, &[]),
        enhanced(big, 1, 1, 4, b"two"),
        enhanced(big, 0, 1, 4, b"three"),
    ]
    .concat();
    let (walker, frames, _) = walk(&bytes);
    let links: Vec<LinkType> = walker.interfaces().iter().map(|interface| interface.link).collect();
    assert_eq!(links, [LinkType::ETHERNET, LinkType::LINUX_SLL2, LinkType::RAW]);
    let interfaces: Vec<u32> = frames.iter().map(|frame| frame.interface).collect();
    assert_eq!(interfaces, [0, 2, 1]);
    assert_eq!(times(&bytes), [10_000_000_001, 1_000, 20_000_001_000]);
    let texts: Vec<&[u8]> = frames.iter().map(|frame| &bytes[frame.offset..][..frame.captured as usize]).collect();
    assert_eq!(texts, [&b"one"[..], b"two", b"three"]);
}

#[test]
fn an_interface_of_another_section_is_unknown() {
    let order = Order::Little;
    let before = [section(order), interface(order, 1, 0, &[]), section(order)].concat();
    let offset = before.len() as u64;
    let bytes = [before, enhanced(order, 0, 1, 1, b"x")].concat();
    assert_eq!(walk(&bytes).2, Err(CaptureError::UnknownInterface { offset, known: 0, found: 0 }));
}

#[test]
fn options_end_at_their_end_mark() {
    let order = Order::Little;
    let options = [option(order, 2, b"eth0"), option(order, 0, &[]), resolution(order, 9)];
    let bytes = [section(order), interface(order, 1, 0, &options), enhanced(order, 0, 1, 1, b"x")].concat();
    assert_eq!(times(&bytes), [1_000]);
    assert_eq!(walk(&bytes).0.interfaces()[0].name.as_deref(), Some("eth0"));
}

#[test]
fn statistics_tell_what_was_dropped() {
    for order in ORDERS {
        let statistics = |dropped: u64| {
            let body = [order.words(&[0, 0, 0]), option(order, 5, &order.u64(dropped))].concat();
            block(order, 5, &body)
        };
        let start = [section(order), interface(order, 1, 0, &[])].concat();
        assert_eq!(walk(&start).0.interfaces()[0].dropped, None);
        let bytes = [start, statistics(3), statistics(70_000_000_000)].concat();
        assert_eq!(walk(&bytes).0.interfaces()[0].dropped, Some(70_000_000_000));
    }
}

#[test]
fn a_simple_packet_repeats_the_time_before_it() {
    for order in ORDERS {
        let simple = |original: u32, data: &[u8]| block(order, 3, &[&order.u32(original)[..], data].concat());
        let bytes = [
            section(order),
            interface(order, 1, 5, &[]),
            enhanced(order, 0, 77, 1, b"x"),
            simple(3, b"abc"),
            simple(1_500, b"abcde"),
        ]
        .concat();
        let (_, frames, _) = walk(&bytes);
        assert_eq!(times(&bytes), [77_000; 3]);
        // The captured length is the shorter of the original one and the snap length; padding does not count.
        let lengths: Vec<(u32, u32)> = frames.iter().map(|frame| (frame.captured, frame.original)).collect();
        assert_eq!(lengths, [(1, 1), (3, 3), (5, 1_500)]);
        assert_eq!(bytes[frames[2].offset..][..5], *b"abcde");
    }
}

#[test]
fn obsolete_packets_are_read() {
    for order in ORDERS {
        let head = [&order.u16(0)[..], &order.u16(9), &order.words(&[1, 2, 3, 60])].concat();
        let bytes =
            [section(order), interface(order, 1, 0, &[]), block(order, 2, &[&head[..], b"abc"].concat())].concat();
        let (_, frames, _) = walk(&bytes);
        assert_eq!(frames[0].time, Timestamp::from_nanos(((1 << 32) + 2) * 1_000));
        assert_eq!(bytes[frames[0].offset..][..frames[0].captured as usize], *b"abc");
        cut_everywhere(&bytes);
    }
}

#[test]
fn unknown_blocks_are_passed_over() {
    let order = Order::Big;
    let bytes = [
        section(order),
        block(order, 0x7777_7777, b"whatever"),
        block(order, 4, &order.words(&[0])),
        interface(order, 1, 0, &[]),
        block(order, 0x0bad, &order.words(&[32_473, 1])),
        enhanced(order, 0, 1, 1, b"x"),
    ];
    assert_eq!(times(&bytes.concat()), [1_000]);
}

#[test]
fn every_cut_is_named() {
    for order in ORDERS {
        let options = [resolution(order, 9), option(order, 2, b"lo")];
        let packets = [enhanced(order, 0, 1, 9, b"snapped"), enhanced(order, 0, 2, 0, b"")].concat();
        cut_everywhere(&[section(order), interface(order, 1, 0, &options), packets].concat());
    }
}

#[test]
fn a_block_whose_fields_exceed_it_ends_the_walk() {
    // The captured length is 400 in a block of 36 bytes: the parser by itself would wait for more for ever.
    let order = Order::Little;
    let start = [section(order), interface(order, 1, 0, &[])].concat();
    let offset = start.len() as u64;
    for (kind, words) in [(6, &[0, 0, 0, 400, 400, 0][..]), (2, &[0, 0, 0, 400, 400, 0]), (6, &[0, 0]), (1, &[])] {
        let bad = block(order, kind, &order.words(words));
        let length = bad.len() as u32;
        let (_, frames, result) = walk(&[start.clone(), bad].concat());
        assert_eq!((frames.len(), result), (0, Err(CaptureError::BlockContent { offset, kind, length })));
    }
}

#[test]
fn lengths_that_lie_are_named() {
    let order = Order::Little;
    let start = [section(order), interface(order, 1, 0, &[])].concat();
    let offset = start.len() as u64;
    for found in [0, 8, 13, (1 << 24) + 4100, u32::MAX] {
        let bytes = [start.clone(), order.words(&[6, found, 0])].concat();
        assert_eq!(walk(&bytes).2, Err(CaptureError::BlockLength { offset, found }));
    }
    let mut bytes = [start, enhanced(order, 0, 1, 1, b"x")].concat();
    let last = bytes.len() - 4;
    bytes[last] = 40;
    assert_eq!(walk(&bytes).2, Err(CaptureError::BlockTrailer { offset, expected: 36, found: 40 }));
}

#[test]
fn other_versions_are_refused() {
    let mut bytes = section(Order::Little);
    bytes[12] = 2;
    assert_eq!(walk(&bytes).2, Err(CaptureError::Version { offset: 0, major: 2, minor: 0 }));
}

#[test]
fn interfaces_are_bounded() {
    let order = Order::Little;
    let mut bytes = section(order);
    for _ in 0..=super::MAX_INTERFACES {
        bytes.extend(interface(order, 1, 0, &[]));
    }
    let offset = bytes.len() as u64 - 20;
    assert_eq!(walk(&bytes).2, Err(CaptureError::TooManyInterfaces { offset, limit: super::MAX_INTERFACES }));
}
