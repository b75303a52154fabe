//! Owner threads: each owns one engine (sessions of ONNX Runtime, which take `&mut self`, or a connection) and answers one request
//! at a time.
//!
//! At most `threads` requests run and `queue` wait; one more is refused at once. A panic inside an engine becomes an error
//! for the one request that met it, and the thread goes on. The threads end when the handle is dropped.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
};

use super::{Batch, Infer, InferError, Scores};
use crate::{open::OpenError, settings::Inference};

/// What an owner thread owns.
pub trait Engine {
    /// Scores one batch.
    ///
    /// # Errors
    /// When it could not, or the answer is not what the card promises.
    fn run(&mut self, batch: Batch) -> Result<Scores, InferError>;
}

type Answer = Result<Vec<Scores>, InferError>;

struct Request {
    batches: Vec<Batch>,
    answer: Sender<Answer>,
}

/// The handle to the threads.
pub struct Workers {
    requests: Option<Sender<Request>>,
    threads: Vec<JoinHandle<()>>,
    admitted: AtomicUsize,
    places: usize,
}

impl Workers {
    /// Starts as many threads as the settings say; each makes its engine itself, side by side with the others.
    ///
    /// # Errors
    /// When a thread or an engine cannot be made.
    pub fn start<E, M>(inference: &Inference, make: M) -> Result<Self, OpenError>
    where
        E: Engine,
        M: Fn() -> Result<E, OpenError> + Send + Sync + 'static,
    {
        let (threads, queue) = (inference.sessions(), inference.queue);
        let (requests, inbox) = channel::<Request>();
        let (ready, started) = channel();
        let (inbox, make) = (Arc::new(Mutex::new(inbox)), Arc::new(make));
        let mut workers = Self { requests: Some(requests), threads: Vec::new(), admitted: AtomicUsize::new(0), places: threads + queue };
        for index in 0..threads {
            let (inbox, make, ready) = (Arc::clone(&inbox), Arc::clone(&make), ready.clone());
            let body = move || match make() {
                Ok(engine) => {
                    drop(make);
                    // Nobody listens any more when another thread failed to start; then the inbox is closed as well.
                    ready.send(Ok(())).ok();
                    drop(ready);
                    serve(engine, &inbox);
                }
                Err(error) => drop(ready.send(Err(error))),
            };
            workers.threads.push(thread::Builder::new().name(format!("infer-{index}")).spawn(body).map_err(OpenError::Threads)?);
        }
        drop(ready);
        started.iter().collect::<Result<(), OpenError>>()?;
        Ok(workers)
    }

    /// How many pictures are worked on at the same time.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Has one request answered.
    fn ask(&self, batches: Vec<Batch>) -> Answer {
        let _place = self.admit()?;
        let (answer, reply) = channel();
        let gone = |_| InferError::Failed("the inference threads have ended".into());
        let requests = self.requests.as_ref().expect("taken only when dropped");
        requests.send(Request { batches, answer }).map_err(|_| gone(()))?;
        reply.recv().map_err(|_| gone(()))?
    }

    fn admit(&self) -> Result<Place<'_>, InferError> {
        let place = Place(&self.admitted);
        // The place is given back by its drop, also when it was one too many.
        if self.admitted.fetch_add(1, Ordering::AcqRel) >= self.places { Err(InferError::Busy) } else { Ok(place) }
    }
}

impl Infer for Workers {
    fn infer(&self, batches: Vec<Batch>) -> Result<Vec<Scores>, InferError> {
        self.ask(batches)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        drop(self.requests.take());
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("an inference thread ended in a panic");
            }
        }
    }
}

/// An admitted request, running or waiting.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn serve<E: Engine>(mut engine: E, inbox: &Mutex<Receiver<Request>>) {
    loop {
        let received = inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Request { batches, answer }) = received else { return };
        let run = AssertUnwindSafe(|| batches.into_iter().map(|batch| engine.run(batch)).collect::<Answer>());
        let scores = catch_unwind(run).unwrap_or_else(|_| Err(InferError::Failed("the inference code panicked".into())));
        if answer.send(scores).is_err() {
            tracing::debug!("nobody waits for this inference any more");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers the number of squares; view 1 panics, view 2 waits until told to go on.
    struct Fake(Arc<Mutex<Receiver<()>>>);

    impl Engine for Fake {
        fn run(&mut self, batch: Batch) -> Result<Scores, InferError> {
            match batch.view {
                1 => panic!("on purpose"),
                2 => self.0.lock().expect("unpoisoned").recv().expect("the test says when"),
                _ => {}
            }
            Ok(Scores { image: vec![batch.squares() as f32], ..Scores::default() })
        }
    }

    fn batch(view: usize) -> Vec<Batch> {
        vec![Batch { view, height: 1, width: 1, pixels: vec![0.0; 6] }]
    }

    fn workers(threads: usize, queue: usize) -> (Workers, Sender<()>) {
        let (go, gate) = channel();
        let gate = Arc::new(Mutex::new(gate));
        (Workers::start(&Inference::embedded(threads, queue), move || Ok(Fake(Arc::clone(&gate)))).expect("threads start"), go)
    }

    #[test]
    fn a_panic_is_an_error_to_its_caller_and_the_thread_goes_on() {
        let (workers, _go) = workers(1, 0);
        assert!(matches!(workers.ask(batch(1)), Err(InferError::Failed(_))));
        assert_eq!(workers.ask(batch(0)).expect("alive")[0].image, [2.0]);
    }

    #[test]
    fn one_more_than_the_threads_and_the_queue_hold_is_refused_and_the_rest_are_answered() {
        let (workers, go) = workers(2, 1);
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..3).map(|_| scope.spawn(|| workers.ask(batch(2)))).collect();
            while workers.admitted.load(Ordering::Acquire) < 3 {
                thread::yield_now();
            }
            assert_eq!(workers.ask(batch(0)), Err(InferError::Busy));
            (0..3).for_each(|_| go.send(()).expect("engines wait"));
            waiting.into_iter().for_each(|one| assert!(one.join().expect("no panic").is_ok()));
        });
        assert!(workers.ask(batch(0)).is_ok(), "places are given back");
    }

    #[test]
    fn an_engine_that_cannot_be_made_stops_the_start() {
        let make = || -> Result<Fake, OpenError> { Err(OpenError::Threads(std::io::Error::other("no"))) };
        assert!(matches!(Workers::start(&Inference::embedded(2, 1), make), Err(OpenError::Threads(_))));
    }

    #[test]
    fn the_threads_end_with_the_handle() {
        let (workers, _go) = workers(3, 0);
        drop(workers); // joins; a thread that stayed would hang this test
    }
}
