//! Reading what a network put out into [`Scores`]: the same for every backend, strict about shapes, blind to numbers that are none.

use super::Scores;
use crate::model::{Head, View};

/// One output of a network for some squares.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor<'a> {
    /// Squares first.
    pub shape: Vec<usize>,
    /// Row by row, as many as the shape says.
    pub values: std::borrow::Cow<'a, [f32]>,
}

impl Scores {
    /// Appends what a view's network said of `squares` squares; `output` finds an output by its name.
    ///
    /// # Errors
    /// When an output is missing, has another shape than the card promises, or holds a number that is not finite.
    pub fn append<'a>(&mut self, view: &View, squares: usize, output: impl Fn(&str) -> Option<Tensor<'a>>) -> Result<(), String> {
        let read = |name: &str, dimensions: usize| checked(name, output(name), squares, dimensions);
        let outputs = &view.outputs;
        let image = checked_image(&outputs.image, output(&outputs.image), squares)?;
        for values in image.values.chunks_exact(image.values.len() / squares.max(1)) {
            self.image.push(outputs.activation.logit(values).map_err(|why| format!("the output \"{}\": {why}", outputs.image))?);
        }
        if let Some(name) = &outputs.patches {
            let patches = read(name, 3)?;
            let (rows, columns) = (patches.shape[1], patches.shape[2]);
            if !self.patches.is_empty() && (rows, columns) != (self.rows, self.columns) {
                return Err(format!("the output \"{name}\" changes its shape from square to square"));
            }
            self.patches.extend_from_slice(&patches.values);
            (self.rows, self.columns) = (rows, columns);
        }
        for (head, logits) in [(&outputs.families, &mut self.families), (&outputs.kinds, &mut self.kinds)] {
            let Some(Head { output, width }) = head else { continue };
            let head = read(output, 2)?;
            if head.shape[1] != *width {
                return Err(format!("the output \"{output}\" has {} numbers a square, but the card lists {width} names", head.shape[1]));
            }
            logits.extend_from_slice(&head.values);
        }
        Ok(())
    }
}

/// `[N]`, or `[N, numbers]`.
fn checked_image<'a>(name: &str, tensor: Option<Tensor<'a>>, squares: usize) -> Result<Tensor<'a>, String> {
    let dimensions = tensor.as_ref().map_or(1, |tensor| tensor.shape.len().clamp(1, 2));
    checked(name, tensor, squares, dimensions)
}

fn checked<'a>(name: &str, tensor: Option<Tensor<'a>>, squares: usize, dimensions: usize) -> Result<Tensor<'a>, String> {
    let tensor = tensor.ok_or_else(|| format!("there is no output \"{name}\" of float32 numbers"))?;
    let shape = &tensor.shape;
    let fits = shape.len() == dimensions && shape[0] == squares && shape.iter().product::<usize>() == tensor.values.len();
    if !fits || tensor.values.is_empty() {
        let (numbers, of) = (tensor.values.len(), ["", "[N]", "[N, numbers]", "[N, rows, columns]"][dimensions]);
        return Err(format!("the output \"{name}\" has the shape {shape:?} and {numbers} numbers for {squares} squares, not {of}"));
    }
    if !tensor.values.iter().all(|value| value.is_finite()) {
        return Err(format!("the output \"{name}\" holds numbers that are not finite"));
    }
    Ok(tensor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Activation, Cut, Outputs};

    fn view() -> View {
        let head = Head { output: "families".into(), width: 3 };
        let outputs = Outputs {
            image: "image".into(),
            activation: Activation::Logit,
            patches: Some("patches".into()),
            families: Some(head),
            kinds: None,
        };
        let cut = Cut::Tiles { side: 16, most: 1, map: 1 };
        let (mean, std, input) = ([0.0; 3], [1.0; 3], "pixels".into());
        View { name: "v".into(), file: "v.onnx".into(), sha256: String::new(), cut, mean, std, input, outputs, heatmap: true }
    }

    fn tensor(shape: &[usize], value: f32) -> Option<Tensor<'static>> {
        Some(Tensor { shape: shape.to_vec(), values: vec![value; shape.iter().product()].into() })
    }

    /// Two squares whose outputs are right, but for one.
    fn read(wrong: &str, instead: Option<Tensor<'static>>) -> Result<Scores, String> {
        let mut scores = Scores::default();
        let output = |name: &str| match name {
            name if name == wrong => instead.clone(),
            "image" => tensor(&[2], 1.0),
            "patches" => tensor(&[2, 4, 5], 2.0),
            "families" => tensor(&[2, 3], 3.0),
            _ => None,
        };
        scores.append(&view(), 2, output).map(|()| scores)
    }

    // X7
    #[test]
    fn outputs_become_scores_of_each_square() {
        let scores = read("", None).expect("all is right");
        assert_eq!((scores.image.len(), scores.patches.len(), scores.rows, scores.columns), (2, 40, 4, 5));
        assert_eq!((scores.families.len(), scores.kinds.len()), (6, 0));
        assert_eq!(read("image", tensor(&[2, 1], 1.0)).expect("[N, 1] will do"), scores);
    }

    // X7
    #[test]
    fn an_output_that_is_not_what_the_card_says_is_named() {
        let nan = Some(Tensor { shape: vec![2], values: vec![0.0, f32::NAN].into() });
        let short = Some(Tensor { shape: vec![2, 4, 5], values: vec![0.0; 39].into() });
        let mistakes = [
            ("image", None, "no output \"image\""),
            ("image", tensor(&[3], 1.0), "[3]"),
            ("image", tensor(&[2, 2], 1.0), "2 numbers a square, not one"),
            ("image", tensor(&[], 1.0), "not [N]"),
            ("image", nan, "not finite"),
            ("patches", tensor(&[2, 20], 1.0), "not [N, rows, columns]"),
            ("patches", tensor(&[2, 0, 5], 1.0), "[2, 0, 5]"),
            ("patches", short, "39 numbers"),
            ("families", tensor(&[2, 4], 1.0), "lists 3 names"),
        ];
        for (output, instead, told) in mistakes {
            let reason = read(output, instead.clone()).expect_err(told);
            assert!(reason.contains(told) && reason.contains(output), "{instead:?}: {reason}");
        }
    }
}
