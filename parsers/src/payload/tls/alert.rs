//! Plaintext alerts.

/// A plaintext alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alert {
    /// 1 warning, 2 fatal.
    pub level: u8,
    /// What it is about; [`description_name`] names it.
    pub description: u8,
}

/// Reads the body of an alert record; `None` where it is encrypted or cut.
pub fn alert(body: &[u8]) -> Option<Alert> {
    match *body {
        [level @ 1..=2, description] => Some(Alert { level, description }),
        _ => None,
    }
}

/// The registered name of an alert's description; empty for a number without one.
pub fn description_name(description: u8) -> &'static str {
    match description {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        121 => "ech_required",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintext_alerts_are_two_bytes() {
        assert_eq!(alert(&[2, 40]), Some(Alert { level: 2, description: 40 }));
        assert_eq!(alert(&[1, 0]), Some(Alert { level: 1, description: 0 }));
        for encrypted in [&[][..], &[2], &[0, 40], &[3, 40], &[0x53; 26]] {
            assert_eq!(alert(encrypted), None);
        }
    }

    #[test]
    fn descriptions_have_names() {
        assert_eq!(description_name(0), "close_notify");
        assert_eq!(description_name(40), "handshake_failure");
        assert_eq!(description_name(200), "");
    }
}
