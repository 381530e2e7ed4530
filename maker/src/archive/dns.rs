//! Where addresses stand in a DNS message (RFC 1035, section 4).

use super::locate::word;

/// Places of the data of A (4 bytes) and AAAA records (16 bytes) of the message that begins at `at`.
pub(super) fn addresses(bytes: &[u8], at: usize) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let _ = collect(bytes, at, &mut found);
    found
}

fn collect(bytes: &[u8], at: usize, found: &mut Vec<(usize, usize)>) -> Option<()> {
    let count = |nth: usize| word(bytes, at + 4 + 2 * nth);
    let mut begin = at + 12;
    for _ in 0..count(0)? {
        begin = after_name(bytes, begin)? + 4;
    }
    for _ in 0..u32::from(count(1)?) + u32::from(count(2)?) + u32::from(count(3)?) {
        begin = after_name(bytes, begin)?;
        let length = usize::from(word(bytes, begin + 8)?);
        if matches!((word(bytes, begin)?, length), (A, 4) | (AAAA, 16)) {
            found.push((begin + 10, length));
        }
        begin += 10 + length;
    }
    Some(())
}

fn after_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match usize::from(*bytes.get(at)?) {
            0 => return Some(at + 1),
            pointer if pointer >= 0xc0 => return Some(at + 2),
            label => at += 1 + label,
        }
    }
}

const A: u16 = 1;
const AAAA: u16 = 28;
