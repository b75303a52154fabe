//! Pictures brighter than white, on a screen that has no more: perceptual quantiser (PQ) and hybrid log-gamma (HLG), ITU-R BT.2100.
//!
//! Light is made relative to the diffuse white of 203 cd/m² (ITU-R BT.2408), primaries of BT.2020 become those of sRGB, and a knee
//! brings what is brighter than half of white under it, hue kept. That is one sober way among many: the verdict needs a picture that
//! looks like what people share, not a grader's cut.

use super::yuv::Color;

/// Diffuse white in cd/m².
const WHITE: f32 = 203.0;

/// The brightest light of HLG's reference display in cd/m².
const HLG_PEAK: f32 = 1000.0;

/// Up to here of white nothing is changed.
const KNEE: f32 = 0.5;

/// Steps of the table from signal to light; signals of 12 bits fall on their own step.
const STEPS: usize = 4096;

/// From a signal to what a screen shows.
pub(super) struct ToneMap {
    /// Light relative to white, by signal.
    light: Vec<f32>,
    wide: bool,
    hlg: bool,
}

impl ToneMap {
    /// None for a picture that is not brighter than white.
    pub(super) fn of(color: &Color) -> Option<Self> {
        let (to_light, hlg): (fn(f32) -> f32, bool) = match color.transfer {
            16 => (|signal| pq(signal) / WHITE, false),
            18 => (hlg_scene, true),
            _ => return None,
        };
        let light = (0..STEPS).map(|step| to_light(step as f32 / (STEPS - 1) as f32)).collect();
        Some(Self { light, wide: color.primaries == 9, hlg })
    }

    /// A pixel's signal, 0–1, as sRGB, 0–1.
    pub(super) fn map(&self, signal: [f32; 3]) -> [f32; 3] {
        let mut light = signal.map(|level| self.light[(level.clamp(0.0, 1.0) * (STEPS - 1) as f32).round() as usize]);
        if self.hlg {
            // The display's part: brightness in context (BT.2100 table 5, gamma 1.2).
            let luma = 0.2627 * light[0] + 0.678 * light[1] + 0.0593 * light[2];
            light = light.map(|level| level * luma.powf(0.2) * HLG_PEAK / WHITE);
        }
        if self.wide {
            light = narrowed(light);
        }
        let brightest = light.into_iter().fold(0.0, f32::max);
        let scale = if brightest > KNEE { knee(brightest) / brightest } else { 1.0 };
        light.map(|level| srgb(level * scale))
    }
}

/// Light in cd/m² of a PQ signal (SMPTE ST 2084).
fn pq(signal: f32) -> f32 {
    let root = signal.powf(1.0 / 78.84375);
    let above = (root - 0.835_937_5).max(0.0);
    10_000.0 * (above / (18.851_563 - 18.6875 * root)).powf(1.0 / 0.159_301_76)
}

/// Light before the camera, 0–1, of an HLG signal.
fn hlg_scene(signal: f32) -> f32 {
    const A: f32 = 0.178_832_77;
    const B: f32 = 1.0 - 4.0 * A;
    const C: f32 = 0.559_910_7;
    if signal <= 0.5 { signal * signal / 3.0 } else { (((signal - C) / A).exp() + B) / 12.0 }
}

/// From the primaries of BT.2020 to those of BT.709 (ITU-R BT.2087).
fn narrowed([red, green, blue]: [f32; 3]) -> [f32; 3] {
    [
        1.660_5 * red - 0.587_6 * green - 0.072_8 * blue,
        -0.124_6 * red + 1.132_9 * green - 0.008_3 * blue,
        -0.018_2 * red - 0.100_6 * green + 1.118_7 * blue,
    ]
}

/// Smooth, rising, never reaching 1.
fn knee(light: f32) -> f32 {
    KNEE + (1.0 - KNEE) * (1.0 - (-(light - KNEE) / (1.0 - KNEE)).exp())
}

/// IEC 61966-2-1.
fn srgb(light: f32) -> f32 {
    if light <= 0.003_130_8 { 12.92 * light.max(0.0) } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reference_points_of_the_standards_hold() {
        assert!((pq(0.508_08) - 100.0).abs() < 0.5 && (pq(1.0) - 10_000.0).abs() < 1.0 && pq(0.0) < 1e-6);
        assert!((hlg_scene(0.5) - 1.0 / 12.0).abs() < 1e-4 && (hlg_scene(1.0) - 1.0).abs() < 1e-3);
    }

    #[test]
    fn brighter_stays_brighter_and_grey_stays_grey() {
        for transfer in [16, 18] {
            let map = ToneMap::of(&Color { primaries: 9, transfer, matrix: 9, full_range: true }).expect("bright");
            let greys: Vec<[f32; 3]> = (0..=20).map(|step| map.map([step as f32 / 20.0; 3])).collect();
            assert!(greys.windows(2).all(|pair| pair[0][1] <= pair[1][1]) && greys[20][1] <= 1.0 && greys[0][1] == 0.0);
            assert!(greys.iter().all(|grey| (grey[0] - grey[2]).abs() < 0.01), "{greys:?}");
        }
        assert!(ToneMap::of(&Color { primaries: 1, transfer: 13, matrix: 6, full_range: true }).is_none());
    }
}
