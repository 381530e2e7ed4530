//! What the first bytes of a stream or datagram say: HTTP heads, TLS records, DNS answers.
