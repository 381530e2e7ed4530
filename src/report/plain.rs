//! Numbers and addresses as text, added to what is there: the cells of a table's every row.
//!
//! Format strings took a fifth of the instructions of a row of connections (callgrind).

use std::{fmt::Write as _, net::IpAddr};

/// Adds a whole number.
pub(super) fn add_number(text: &mut String, number: impl itoa::Integer) {
    text.push_str(itoa::Buffer::new().format(number));
}

/// Adds an address.
pub(super) fn add_address(text: &mut String, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (place, octet) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    text.push('.');
                }
                add_number(text, octet);
            }
        }
        // Writing to a `String` cannot fail.
        IpAddr::V6(address) => _ = write!(text, "{address}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_what_the_standard_library_prints() {
        for address in ["0.0.0.0", "10.77.0.255", "255.255.255.255", "::", "fd77:2::24", "::ffff:10.0.0.1"] {
            let address: IpAddr = address.parse().unwrap();
            let mut text = String::from("a ");
            add_address(&mut text, address);
            assert_eq!(text, format!("a {address}"));
        }
    }
}
