//! One way in which a model looks at a picture: what is cut out of it, which network sees that, and what its outputs are called.

pub use crate::resize::Filter;

/// One network and the way in which a picture is shown to it. "Square" is the word for one input, also where it is a rectangle.
#[derive(Debug, Clone, PartialEq)]
pub struct View {
    /// Unique in the card; features are called `<name>.mean` and so on.
    pub name: String,
    /// The ONNX file, in the card's folder. Views may share one.
    pub file: String,
    /// Lower-case hex SHA-256 of that file.
    pub sha256: String,
    /// Which squares are cut, and from what.
    pub cut: Cut,
    /// Subtracted from R, G and B (0–255).
    pub mean: [f32; 3],
    /// What the difference is divided by.
    pub std: [f32; 3],
    /// Name of the network's input, `[N, 3, height, width]`.
    pub input: String,
    /// Which of the network's outputs are read.
    pub outputs: Outputs,
    /// Whether its patches are part of the heatmap.
    pub heatmap: bool,
}

/// How squares are cut out of a picture. `views.rs` says exactly where they lie. All sizes in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Squares of native resolution on an even grid.
    Tiles {
        /// Of a square.
        side: u32,
        /// At most so many squares for the verdict.
        most: u32,
        /// At most so many for drawing a heatmap; never fewer than for the verdict.
        map: u32,
    },
    /// Three overlapping squares of the whole picture, made at most this long.
    Whole {
        /// Of a square.
        side: u32,
        /// At least the side.
        longest: u32,
    },
    /// The whole picture as one rectangle whose sides are multiples of [`Cut::STEP`].
    Frame {
        /// Of the rectangle's sides.
        longest: u32,
        /// Of the rectangle's sides.
        shortest: u32,
    },
    /// One square of the shrunk picture, as plain classifiers are shown it.
    Resized {
        /// Of the square, cut from the centre.
        side: u32,
        /// What the shorter side is resized to first; `None`: the whole picture is stretched to the square.
        shorter: Option<u32>,
        /// The kernel.
        filter: Filter,
    },
}

impl Cut {
    /// The stride of the networks that see a frame: its sides are multiples of this.
    pub const STEP: u32 = 32;

    /// The same cut as a heatmap is drawn from: with more tiles, where the card gives more.
    #[must_use]
    pub const fn for_map(self) -> Self {
        match self {
            Self::Tiles { side, map, .. } => Self::Tiles { side, most: map, map },
            other => other,
        }
    }

    /// Width and height of the smallest square that it cuts.
    #[must_use]
    pub const fn smallest(self) -> [u32; 2] {
        match self {
            Self::Tiles { side, .. } | Self::Whole { side, .. } | Self::Resized { side, .. } => [side; 2],
            Self::Frame { shortest, .. } => [shortest; 2],
        }
    }
}

/// The outputs of a view's network that are read, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// What it says about a square.
    pub image: String,
    /// How that becomes a logit.
    pub activation: Activation,
    /// Patch logits `[N, rows, columns]`; only where the view is part of the heatmap.
    pub patches: Option<String>,
    /// Logits of the card's families, `[N, F]`.
    pub families: Option<Head>,
    /// Logits of the card's kinds of picture, `[N, K]`.
    pub kinds: Option<Head>,
}

impl Outputs {
    /// All their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let heads = [&self.families, &self.kinds].into_iter().flatten().map(|head| head.output.as_str());
        std::iter::once(self.image.as_str()).chain(self.patches.as_deref()).chain(heads)
    }
}

/// An output with one logit a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its name in the network.
    pub output: String,
    /// How many names the card lists.
    pub width: usize,
}

/// What the image output holds. Probabilities become logits, clamped to ±[`Activation::SUREST`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Activation {
    /// `[N]` or `[N, 1]`: log-odds of "generated".
    Logit,
    /// `[N]` or `[N, 1]`: the probability of "generated", from the network's own sigmoid.
    Sigmoid,
    /// `[N, classes]`: one number a class, to which softmax is applied here; the classes named here mean "generated".
    Softmax(Vec<usize>),
    /// `[N, classes]`: one probability a class, from the network's own softmax; the classes named here mean "generated".
    Probabilities(Vec<usize>),
}

impl Activation {
    /// The most that a probability of 0 or 1 can mean, in natural-log odds.
    pub const SUREST: f32 = 20.0;

    /// The classes that mean "generated", where there are classes.
    #[must_use]
    pub fn classes(&self) -> Option<&[usize]> {
        match self {
            Self::Logit | Self::Sigmoid => None,
            Self::Softmax(ai) | Self::Probabilities(ai) => Some(ai),
        }
    }

    /// One square's numbers as one logit; `Err` says why they cannot be what the card says.
    pub(crate) fn logit(&self, values: &[f32]) -> Result<f32, String> {
        let odds = |ai: f64, others: f64| Ok((ai.ln() - others.ln()).clamp(f64::from(-Self::SUREST), f64::from(Self::SUREST)) as f32);
        let share = |weight: &dyn Fn(f32) -> f64, ai: &[usize], wanted: bool| -> f64 {
            values.iter().enumerate().filter(|(class, _)| ai.contains(class) == wanted).map(|(_, value)| weight(*value)).sum()
        };
        match (self, values) {
            (Self::Logit, [logit]) => Ok(*logit),
            (Self::Sigmoid, [p]) if (0.0..=1.0).contains(p) => odds(f64::from(*p), 1.0 - f64::from(*p)),
            (Self::Sigmoid, [p]) => Err(format!("{p} is no probability; activation = \"logit\" takes numbers before the sigmoid")),
            (Self::Logit | Self::Sigmoid, _) => Err(format!("{} numbers a square, not one", values.len())),
            (Self::Softmax(ai) | Self::Probabilities(ai), _)
                if ai.len() >= values.len() || ai.iter().any(|class| *class >= values.len()) =>
            {
                Err(format!(
                    "it has {} classes; ai = {ai:?} must name some of 0 to {}, not all",
                    values.len(),
                    values.len().saturating_sub(1)
                ))
            }
            (Self::Softmax(ai), _) => {
                let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let weight = |value: f32| f64::from(value - largest).exp();
                odds(share(&weight, ai, true), share(&weight, ai, false))
            }
            (Self::Probabilities(ai), _) if values.iter().all(|p| (0.0..=1.0).contains(p)) => {
                odds(share(&f64::from, ai, true), share(&f64::from, ai, false))
            }
            (Self::Probabilities(_), _) => {
                Err("they are no probabilities; activation = \"softmax\" takes numbers before the softmax".into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // X7
    #[test]
    fn every_activation_ends_as_the_log_odds_of_generated() {
        let logit = |activation: Activation, values: &[f32]| activation.logit(values).expect("they fit");
        assert_eq!(logit(Activation::Logit, &[-3.5]), -3.5);
        assert!((logit(Activation::Sigmoid, &[0.75]) - 3f32.ln()).abs() < 1e-6);
        assert!((logit(Activation::Softmax(vec![1]), &[1.0, 3.0]) - 2.0).abs() < 1e-6);
        // Classes 0 and 2 together have odds of 6 to 2.
        let four = [1f32.ln(), 2f32.ln(), 5f32.ln()];
        assert!((logit(Activation::Softmax(vec![0, 2]), &four) - 3f32.ln()).abs() < 1e-6);
        assert!((logit(Activation::Probabilities(vec![0, 2]), &[0.125, 0.25, 0.625]) - 3f32.ln()).abs() < 1e-6);
    }

    // X7
    #[test]
    fn certainty_is_clamped_and_never_infinite() {
        assert_eq!(Activation::Sigmoid.logit(&[1.0]), Ok(20.0));
        assert_eq!(Activation::Softmax(vec![0]).logit(&[-500.0, 500.0]), Ok(-20.0));
        assert_eq!(Activation::Probabilities(vec![0]).logit(&[0.0, 1.0]), Ok(-20.0));
    }

    // X7
    #[test]
    fn numbers_that_cannot_be_what_the_card_says_are_named() {
        let told = |activation: Activation, values: &[f32]| activation.logit(values).expect_err("they do not fit");
        assert!(told(Activation::Sigmoid, &[3.2]).contains("activation = \"logit\""));
        assert!(told(Activation::Probabilities(vec![0]), &[3.2, 0.1]).contains("activation = \"softmax\""));
        assert!(told(Activation::Logit, &[1.0, 2.0]).contains("2 numbers"));
        assert!(told(Activation::Softmax(vec![2]), &[1.0, 2.0]).contains("0 to 1"));
        assert!(told(Activation::Softmax(vec![0, 1]), &[1.0, 2.0]).contains("not all"));
    }
}
