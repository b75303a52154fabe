//! The protocol's words, as far as they are needed here. <https://github.com/kserve/open-inference-protocol>

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use touchstone_pipeline::{
    infer::{Batch, Tensor},
    model::{Cut, View},
};

/// The only type of numbers spoken here.
const FLOAT: &str = "FP32";

/// `GET /v2/models/{model}`: what a model takes and gives.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    #[serde(default)]
    inputs: Vec<Outlet>,
    #[serde(default)]
    outputs: Vec<Outlet>,
}

#[derive(Debug, Deserialize)]
struct Outlet {
    name: String,
    datatype: String,
    /// −1 where a dimension is free.
    shape: Vec<i64>,
}

impl Metadata {
    /// Compares with what a view of the card needs; `Err` says what differs.
    pub(super) fn fits(&self, view: &View) -> Result<(), String> {
        let list = |outlets: &[Outlet]| {
            outlets.iter().map(|outlet| format!("{} {} {:?}", outlet.name, outlet.datatype, outlet.shape)).collect::<Vec<_>>().join(", ")
        };
        let input = self.inputs.iter().any(|input| input.name == view.input && input.datatype == FLOAT && takes(&input.shape, view.cut));
        if !input || self.inputs.len() != 1 {
            let [width, height] = sides(view.cut);
            let wanted = format!("\"{}\" FP32 [-1, 3, {height}, {width}]", view.input);
            return Err(format!("view \"{}\" needs the one input {wanted}, but its metadata names [{}]", view.name, list(&self.inputs)));
        }
        let has = |wanted: &str| self.outputs.iter().any(|output| output.name == wanted && output.datatype == FLOAT);
        match view.outputs.names().find(|wanted| !has(wanted)) {
            Some(wanted) => {
                Err(format!("view \"{}\" needs the output \"{wanted}\" FP32, but its metadata names [{}]", view.name, list(&self.outputs)))
            }
            None => Ok(()),
        }
    }
}

/// Width and height that a model must take; −1: any.
fn sides(cut: Cut) -> [i64; 2] {
    match cut {
        Cut::Frame { .. } => [-1; 2],
        other => other.smallest().map(i64::from),
    }
}

fn takes(shape: &[i64], cut: Cut) -> bool {
    let [width, height] = sides(cut);
    let fits = |has: i64, wanted: i64| has < 0 || has == wanted;
    matches!(shape, [squares, channels, high, wide]
        if *squares < 0 && fits(*channels, 3) && fits(*high, height) && fits(*wide, width))
}

/// `POST …/infer`.
#[derive(Debug, Serialize)]
pub(super) struct Request<'a> {
    inputs: [Input<'a>; 1],
    outputs: Vec<Wanted<'a>>,
}

#[derive(Debug, Serialize)]
struct Input<'a> {
    name: &'a str,
    shape: [usize; 4],
    datatype: &'static str,
    data: &'a [f32],
}

#[derive(Debug, Serialize)]
struct Wanted<'a> {
    name: &'a str,
}

impl<'a> Request<'a> {
    pub(super) fn new(view: &'a View, batch: &'a Batch) -> Self {
        let shape = [batch.squares(), 3, batch.height, batch.width];
        let input = Input { name: &view.input, shape, datatype: FLOAT, data: &batch.pixels };
        Self { inputs: [input], outputs: view.outputs.names().map(|name| Wanted { name }).collect() }
    }
}

/// What comes back.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    outputs: Vec<Output>,
}

#[derive(Debug, Deserialize)]
struct Output {
    name: String,
    datatype: String,
    shape: Vec<usize>,
    data: Numbers,
}

/// The protocol lets a server nest the numbers as the shape does, or not.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "an output's data must be numbers, or lists of numbers")]
enum Numbers {
    Flat(Vec<f32>),
    Nested(Vec<Numbers>),
}

impl Numbers {
    fn flat(&self) -> Cow<'_, [f32]> {
        match self {
            Self::Flat(numbers) => Cow::Borrowed(numbers),
            Self::Nested(lists) => lists.iter().flat_map(|list| list.flat().into_owned()).collect(),
        }
    }
}

impl Answer {
    /// An output of numbers by its name.
    pub(super) fn tensor(&self, name: &str) -> Option<Tensor<'_>> {
        let output = self.outputs.iter().find(|output| output.name == name && output.datatype == FLOAT)?;
        Some(Tensor { shape: output.shape.clone(), values: output.data.flat() })
    }
}
