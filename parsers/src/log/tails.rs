//! What stands at the end of records again and again, each read once: a failure's trace says the same whatever the URL of the call.

use std::sync::Arc;

use super::{
    memo::Memo,
    texts::unescaped_lines,
    trace::{Step, Trace, steps},
    words::text,
};

/// The lines of a record below the one that reports its failure.
#[derive(Debug)]
pub(super) struct Tail(Vec<Step<Box<str>>>);

impl Tail {
    fn new(bytes: &[u8]) -> Self {
        let mut said = Vec::new();
        for line in unescaped_lines(&text(bytes)) {
            steps(line, |step| said.push(step.into_kept()));
        }
        // Several frames of one activity say what one of them does.
        said.dedup_by(|next, kept| matches!(kept, Step::Frame(_)) && next == kept);
        Self(said)
    }

    /// Adds what the lines say to what those above them say.
    pub(super) fn take_into<'a>(&'a self, trace: &mut Trace<'a>) {
        self.0.iter().for_each(|step| trace.take(step.as_read()));
    }
}

/// The tail with these bytes, read if it is not known.
pub(super) fn tail(bytes: &[u8], known: &mut Memo<Tail>) -> Arc<Tail> {
    known.get(bytes).unwrap_or_else(|| {
        let new = Arc::new(Tail::new(bytes));
        known.keep(bytes, &new);
        new
    })
}

impl Step<&str> {
    fn into_kept(self) -> Step<Box<str>> {
        match self {
            Self::Suppressed => Step::Suppressed,
            Self::Text { caused, exception } => {
                Step::Text { caused, exception: exception.map(|(class, text)| (class.into(), text.into())) }
            }
            Self::Frame(phase) => Step::Frame(phase),
        }
    }
}

impl Step<Box<str>> {
    fn as_read(&self) -> Step<&str> {
        match self {
            Self::Suppressed => Step::Suppressed,
            Self::Text { caused, exception } => {
                let exception = exception.as_ref().map(|(class, text)| (&**class, &**text));
                Step::Text { caused: *caused, exception }
            }
            Self::Frame(phase) => Step::Frame(*phase),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_says_what_its_lines_say_below_any_other() {
        let lines = "\tat java.base/sun.nio.ch.NioSocketImpl.implWrite(N.java:1)\n\tSuppressed: a.b.CloseException: x\n\
                     \tat org.apache.http.protocol.HttpRequestExecutor.doSendRequest(H.java:1)\n\
                     Caused by: a.b.TopException: y\nCaused by: a.b.TopException: y\n\
                     a.b.TopException: z at java.net.PlainSocketImpl.socketConnect(P.java:1)#012Caused by: nothing\n\t... 6 more\n";
        for above in ["", "a.b.TopException: y", "Suppressed: a.b.Exception", "Caused by: a.b.TopException"] {
            let (mut whole, mut apart) = (Trace::default(), Trace::default());
            whole.line(above);
            unescaped_lines(lines).for_each(|line| whole.line(line));
            apart.line(above);
            let mut known = Memo::default();
            let [_, second, again] = [(); 3].map(|()| tail(lines.as_bytes(), &mut known));
            assert!(Arc::ptr_eq(&second, &again));
            again.take_into(&mut apart);
            assert_eq!(apart, whole, "{above}");
        }
    }
}
