//! The server against the raw pipeline: the same pictures, options and threads, both saturated.
//!
//! Raw is a loop of [`parts::whole`] on as many threads as the model has. Server is presign, PUT, detect and query until the
//! heatmap is ready, and then one call of /v1/detect, once and again, by clients that run in the same process: their work is part of the machine's
//! load, so the processor time they took is told beside the ratio.

use std::{
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use touchstone_pipeline::Pipeline;

use super::parts;

/// How a picture is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Through the three documented steps, with heatmap and preview.
    Steps,
    /// In one call of /v1/detect, with heatmap; that API has no preview.
    OneCall,
    /// The same, each for the second time: its verdict is taken over.
    Again,
}

/// A running server, as the root package hands it in.
pub trait Server {
    /// Sends every picture this way, `clients` at a time, each with a heatmap for every verdict, and waits until all heatmaps are ready.
    ///
    /// # Errors
    /// When any step of any picture fails.
    fn judge_many(&self, way: Way, images: Vec<Bytes>, clients: usize) -> anyhow::Result<Served>;
}

/// How long the server took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Served {
    /// From the first request to the last heatmap.
    pub wall: Duration,
    /// Processor time of the clients alone, if it could be told apart.
    pub client_cpu: Option<Duration>,
}

/// Both in pictures a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Throughput {
    pub(super) images: usize,
    pub(super) clients: usize,
    pub(super) raw: f64,
    pub(super) server: Option<f64>,
    /// The same by one call of /v1/detect each.
    pub(super) one_call: Option<f64>,
    /// The same for the second time, so that each verdict is taken over.
    pub(super) again: Option<f64>,
    /// The clients' share of the processor time that the machine had during the server's run.
    pub(super) client_cpu_share: Option<f64>,
}

/// Runs raw, then the server in every way, then raw again; raw counts as the mean of both runs, so that a machine that slows down or speeds
/// up during the minute favours neither.
pub(super) fn compare(pipeline: &Pipeline, images: &[Bytes], clients: usize, server: Option<&dyn Server>) -> anyhow::Result<Throughput> {
    let first = raw(pipeline, images)?;
    let Some(server) = server else {
        return Ok(Throughput {
            images: images.len(),
            clients,
            raw: rate(images, first),
            server: None,
            one_call: None,
            again: None,
            client_cpu_share: None,
        });
    };
    let served = server.judge_many(Way::Steps, images.to_vec(), clients)?;
    let in_one_call = server.judge_many(Way::OneCall, images.to_vec(), clients)?;
    let again = server.judge_many(Way::Again, images.to_vec(), clients)?;
    let second = raw(pipeline, images)?;
    let cores = thread::available_parallelism().map_or(1, NonZero::get) as f64;
    let share = |cpu: Duration| cpu.as_secs_f64() / (served.wall.as_secs_f64() * cores).max(1e-9);
    Ok(Throughput {
        images: images.len(),
        clients,
        raw: rate(images, (first + second) / 2),
        server: Some(rate(images, served.wall)),
        one_call: Some(rate(images, in_one_call.wall)),
        again: Some(rate(images, again.wall)),
        client_cpu_share: served.client_cpu.map(share),
    })
}

fn rate(images: &[Bytes], wall: Duration) -> f64 {
    images.len() as f64 / wall.as_secs_f64().max(1e-9)
}

fn raw(pipeline: &Pipeline, images: &[Bytes]) -> anyhow::Result<Duration> {
    let (next, start) = (AtomicUsize::new(0), Instant::now());
    let work = || -> anyhow::Result<()> {
        while let Some(bytes) = images.get(next.fetch_add(1, Ordering::Relaxed)) {
            parts::whole(pipeline, bytes.clone())?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..pipeline.threads()).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|one| one.join().map_err(|_| anyhow::anyhow!("the pipeline panicked"))?)
    })?;
    Ok(start.elapsed())
}
