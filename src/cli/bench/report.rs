//! The measured figures as a table for people or one JSON object for scripts.

use serde::Serialize;
use touchstone_core::verdict::ModelName;
use touchstone_pipeline::Pipeline;

use super::{
    parts::{self, Part},
    throughput::Throughput,
};

/// Everything that one run measured. The names are a promise to scripts.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    model: ModelName,
    cores: usize,
    threads: usize,
    pictures: usize,
    rounds: u32,
    optimised: bool,
    forensics_to_jpeg_decode: Option<f64>,
    parts: Vec<Part>,
    images: Option<usize>,
    clients: Option<usize>,
    raw_images_per_second: Option<f64>,
    server_images_per_second: Option<f64>,
    server_to_raw: Option<f64>,
    v1_images_per_second: Option<f64>,
    v1_to_raw: Option<f64>,
    repeats_per_second: Option<f64>,
    repeat_to_v1: Option<f64>,
    client_cpu_share: Option<f64>,
}

impl Report {
    pub(super) fn new(pipeline: &Pipeline, pictures: usize, rounds: u32, parts: Vec<Part>, throughput: Option<Throughput>) -> Self {
        let server = throughput.and_then(|both| both.server);
        Self {
            model: pipeline.card().name.clone(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads: pipeline.threads(),
            pictures,
            rounds,
            optimised: !cfg!(debug_assertions),
            forensics_to_jpeg_decode: parts::forensics_to_decode(&parts),
            parts,
            images: throughput.map(|both| both.images),
            clients: throughput.map(|both| both.clients),
            raw_images_per_second: throughput.map(|both| both.raw),
            server_images_per_second: server,
            server_to_raw: throughput.and_then(|both| Some(both.server? / both.raw)),
            v1_images_per_second: throughput.and_then(|both| both.one_call),
            v1_to_raw: throughput.and_then(|both| Some(both.one_call? / both.raw)),
            repeats_per_second: throughput.and_then(|both| both.again),
            repeat_to_v1: throughput.and_then(|both| Some(both.again? / both.one_call?)),
            client_cpu_share: throughput.and_then(|both| both.client_cpu_share),
        }
    }

    pub(super) fn table(&self) -> String {
        let Self { pictures, rounds, cores, threads, .. } = self;
        let mut lines = vec![
            format!("model {} {}, {cores} cores, {threads} inference threads", self.model.name, self.model.version),
            format!("{:<24}{:>14}", "part, one thread", "ms/megapixel"),
        ];
        lines.extend(self.parts.iter().map(|part| format!("{:<24}{:>14.2}", part.name, part.ms_per_megapixel)));
        lines.push(format!("median of {pictures} pictures × {rounds} rounds; total = judge + heatmap + preview"));
        if let Some(ratio) = self.forensics_to_jpeg_decode {
            lines.push(format!("forensics (no part of the total) take {ratio:.1} times as long as decoding a JPEG"));
        }
        if let (Some(raw), Some(images)) = (self.raw_images_per_second, self.images) {
            lines.push(format!("\nraw pipeline, {threads} threads  {raw:>8.2} images/s ({images} pictures, heatmap and preview each)"));
        }
        if let (Some(server), Some(ratio), Some(clients)) = (self.server_images_per_second, self.server_to_raw, self.clients) {
            let client = self.client_cpu_share.map_or("not measured".into(), |share| format!("{:.1} %", share * 100.0));
            lines.push(format!(
                "server, {clients} clients        {server:>8.2} images/s: {ratio:.3} of raw; clients' share of the processors: {client}"
            ));
        }
        if let (Some(one_call), Some(ratio)) = (self.v1_images_per_second, self.v1_to_raw) {
            lines.push(format!("/v1/detect, one call each     {one_call:>8.2} images/s: {ratio:.3} of raw, without preview"));
        }
        if let (Some(again), Some(ratio)) = (self.repeats_per_second, self.repeat_to_v1) {
            lines.push(format!("the same, taken over          {again:>8.2} images/s: {ratio:.1} times as many as are judged"));
        }
        if !self.optimised {
            lines.push("\nThis is a debug build: use `cargo run --release -- bench` for figures to quote.".into());
        }
        lines.join("\n")
    }
}
