//! Request bodies: read whole within a limit, or handed on as a stream that other threads can read.
//!
//! Every body is under two clocks, so that a slow client cannot hold a connection for ever: how long it may stand still, and
//! how long all of it may take.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use thiserror::Error;
use tokio::{
    io::{AsyncSeekExt, AsyncWriteExt},
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};

use crate::{errors::Failure, settings::Settings};

/// Why a body ended before its end.
#[derive(Debug, Error)]
pub(crate) enum Broken {
    /// The connection or the framing broke.
    #[error("the request body broke off: {0}")]
    Cut(String),
    /// It came too slowly.
    #[error("the request body came too slowly")]
    Slow,
}

/// The clocks of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    stall: Duration,
    whole: Duration,
}

impl Pace {
    /// The clocks that the settings name.
    pub(crate) const fn new(settings: &Settings) -> Self {
        Self { stall: Duration::from_secs(settings.stall_seconds), whole: Duration::from_secs(settings.body_seconds) }
    }
}

/// The next piece of a payload, in time.
async fn next(payload: &mut Payload, pace: Pace, deadline: Instant) -> Option<Result<Bytes, Broken>> {
    match timeout_at(deadline, timeout(pace.stall, payload.next())).await {
        Ok(Ok(piece)) => piece.map(|piece| piece.map_err(|error| Broken::Cut(error.to_string()))),
        _ => Some(Err(Broken::Slow)),
    }
}

/// Reads a whole body of at most `most` bytes. Memory grows with what arrives, not with what is announced.
///
/// # Errors
/// [`Failure::BodyTooLarge`], [`Failure::BodyTooSlow`], or 422 when it breaks off.
pub(crate) async fn whole(payload: Payload, most: usize, pace: Pace) -> Result<Bytes, Failure> {
    gather(payload, most, pace, |_| Ok(())).await
}

/// The same; `grows` is told of every piece's size before it is kept, and may refuse it.
///
/// # Errors
/// As [`whole`], and what `grows` says.
pub(crate) async fn gather(
    mut payload: Payload,
    most: usize,
    pace: Pace,
    mut grows: impl FnMut(usize) -> Result<(), Failure>,
) -> Result<Bytes, Failure> {
    let deadline = Instant::now() + pace.whole;
    let mut bytes = BytesMut::new();
    while let Some(piece) = next(&mut payload, pace, deadline).await {
        let piece = piece.map_err(broken_off)?;
        if bytes.len() + piece.len() > most {
            return Err(Failure::BodyTooLarge(most));
        }
        grows(piece.len())?;
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

/// Writes a whole body of at most `most` bytes into a temporary file that has no name and goes with its handle.
///
/// # Errors
/// As [`whole`], and when the file cannot be written.
pub(crate) async fn spool(mut payload: Payload, most: u64, pace: Pace) -> Result<std::fs::File, Failure> {
    let trouble = |error: std::io::Error| Failure::internal(&error);
    let mut file = tokio::fs::File::from_std(tempfile::tempfile().map_err(trouble)?);
    let (deadline, mut written) = (Instant::now() + pace.whole, 0);
    while let Some(piece) = next(&mut payload, pace, deadline).await {
        let piece = piece.map_err(broken_off)?;
        written += piece.len() as u64;
        if written > most {
            return Err(Failure::BodyTooLarge(usize::try_from(most).unwrap_or(usize::MAX)));
        }
        file.write_all(&piece).await.map_err(trouble)?;
    }
    file.flush().await.map_err(trouble)?;
    file.rewind().await.map_err(trouble)?;
    Ok(file.into_std().await)
}

fn broken_off(broken: Broken) -> Failure {
    match broken {
        Broken::Slow => Failure::BodyTooSlow,
        Broken::Cut(why) => Failure::problem("json_invalid", &["body"], &why, serde_json::Value::Null),
    }
}

/// Splits a payload, which cannot leave its thread, into a pump that must be polled here and a stream that may go anywhere.
///
/// The stream ends well only when the pump has seen the payload's end. A pump that is dropped, because the client went away,
/// makes the stream fail: half a file is never taken for a whole one.
pub(crate) fn split(mut payload: Payload, pace: Pace) -> (impl Future<Output = ()>, Body) {
    let (sender, receiver) = mpsc::channel(1);
    let pump = async move {
        let deadline = Instant::now() + pace.whole;
        loop {
            // A reader that has gone, having heard enough, ends the pump at once: whoever sends nothing more is not waited for.
            let piece = tokio::select! {
                biased;
                () = sender.closed() => return,
                piece = next(&mut payload, pace, deadline) => piece,
            };
            let last = !matches!(piece, Some(Ok(_)));
            if sender.send(piece).await.is_err() || last {
                return;
            }
        }
    };
    (pump, Body { receiver, ended: false })
}

/// A body on its way from the thread of its connection to wherever it is read.
pub(crate) struct Body {
    /// `None` is the payload's end.
    receiver: mpsc::Receiver<Option<Result<Bytes, Broken>>>,
    ended: bool,
}

impl Stream for Body {
    type Item = Result<Bytes, Broken>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let piece = match std::task::ready!(self.receiver.poll_recv(context)) {
            Some(piece) => piece,
            None => Some(Err(Broken::Cut("the client went away".into()))),
        };
        self.ended = !matches!(piece, Some(Ok(_)));
        Poll::Ready(piece)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::{FromRequest, dev, test::TestRequest};

    use super::*;

    const PACE: Pace = Pace { stall: Duration::from_millis(50), whole: Duration::from_secs(5) };

    async fn payload(body: &[u8]) -> Payload {
        let (request, mut payload) = TestRequest::default().set_payload(body.to_vec()).to_http_parts();
        Payload::from_request(&request, &mut payload).await.expect("a payload")
    }

    async fn silent() -> Payload {
        let stream: dev::Payload = dev::Payload::Stream { payload: Box::pin(futures::stream::pending()) };
        Payload::from_request(&TestRequest::default().to_http_request(), &mut { stream }).await.expect("a payload")
    }

    #[actix_web::test]
    async fn a_body_is_read_up_to_its_limit() {
        assert_eq!(whole(payload(b"12345").await, 5, PACE).await.expect("read"), "12345");
        assert!(matches!(whole(payload(b"123456").await, 5, PACE).await, Err(Failure::BodyTooLarge(5))));
        assert!(matches!(whole(silent().await, 5, PACE).await, Err(Failure::BodyTooSlow)));
    }

    #[actix_web::test]
    async fn a_stream_ends_where_the_payload_does() {
        let (pump, body) = split(payload(b"12345").await, PACE);
        let (pieces, ()) = futures::join!(body.collect::<Vec<_>>(), pump);
        assert_eq!(pieces.into_iter().map(|piece| piece.expect("bytes")).collect::<Vec<_>>().concat(), b"12345");
    }

    #[actix_web::test]
    async fn a_silent_client_is_not_waited_for_when_nobody_reads_any_more() {
        let (pump, body) = split(silent().await, Pace { stall: Duration::from_secs(3600), whole: Duration::from_secs(3600) });
        let reader = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(body);
        };
        let both = futures::future::join(pump, reader);
        timeout(Duration::from_secs(5), both).await.expect("the pump ends with its reader");
    }

    #[actix_web::test]
    async fn a_client_that_goes_away_or_sleeps_never_looks_finished() {
        let (pump, mut body) = split(payload(b"12345").await, PACE);
        drop(pump);
        assert!(matches!(body.next().await, Some(Err(Broken::Cut(_)))));
        assert!(body.next().await.is_none());

        let (pump, body) = split(silent().await, PACE);
        let (pieces, ()) = futures::join!(body.collect::<Vec<_>>(), pump);
        assert!(matches!(pieces[..], [Err(Broken::Slow)]));
    }
}
