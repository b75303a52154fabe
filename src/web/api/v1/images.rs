//! The images of a batch, out of a body that may be larger than memory should hold: it lies in a temporary file, and one image after the
//! other is read from it, taken in and let go.

use std::{collections::HashMap, fs::File, io::BufReader};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use touchstone_core::{batch::Refused, organization::Caller, submission::Asked};
use touchstone_moderation::{Origin, Sent, sets::Part};

use super::{
    errors::{self, V1Failure},
    given::Given,
    sample,
};
use crate::{errors::Failure, request_id::RequestId, site::Site};

/// Most images of a batch.
const MOST: usize = 100;

/// The fields that are about all images.
const SHARED: [&str; 4] = ["include_attribution", "include_heatmap", "include_forensics", "model_threshold"];

/// The field of the images.
const IMAGES: &str = "images";

/// A batch that was taken in: each image is kept, or its URL known, or refused in its place.
pub(crate) struct Images {
    /// What will be judged.
    pub(crate) parts: Vec<Part>,
    /// What will not.
    pub(crate) refused: Vec<Refused>,
    /// What is asked about all.
    pub(crate) asked: Asked,
}

/// Takes in the images of a body.
///
/// # Errors
/// 400 when it is no batch, 429 or 503 when its turn does not come soon, and what of ours fails; then nothing of it is left.
pub(crate) async fn take_in(site: &Site, caller: &Caller, id: &RequestId, body: File) -> Result<Images, V1Failure> {
    let _turn = site.batch_turn(caller).await?;
    let (sender, receiver) = mpsc::channel(1);
    let reader = tokio::task::spawn_blocking(move || read(body, sender));
    let mut taken = Taken { site, caller, id, parts: Vec::new(), refused: Vec::new() };
    let outcome = match taken.all(receiver).await {
        Ok(()) => match reader.await {
            Ok(read) => read.and_then(|fields| Given::read(&fields).asked()),
            Err(died) => Err(Failure::internal(&died).into()),
        },
        Err(failure) => Err(failure),
    };
    let Taken { mut parts, refused, .. } = taken;
    let asked = match outcome {
        Ok(asked) if parts.len() + refused.len() > 0 => Asked { request_id: id.0.clone(), ..asked },
        outcome => {
            let origins: Vec<Origin> = parts.into_iter().map(|part| part.origin).collect();
            let dropped = site.road(|road| async move {
                road.drop_parts(&origins).await;
                Ok(())
            });
            dropped.await?;
            return Err(outcome.err().unwrap_or_else(|| V1Failure::invalid(IMAGES, "Send 1 to 100 images.")));
        }
    };
    for part in &mut parts {
        let Asked { metadata, by_url, .. } = std::mem::take(&mut part.asked);
        part.asked = Asked { metadata, by_url, ..asked.clone() };
    }
    Ok(Images { parts, refused, asked })
}

/// What was taken in so far.
struct Taken<'a> {
    site: &'a Site,
    caller: &'a Caller,
    id: &'a RequestId,
    parts: Vec<Part>,
    refused: Vec<Refused>,
}

impl Taken<'_> {
    async fn all(&mut self, mut images: mpsc::Receiver<Box<RawValue>>) -> Result<(), V1Failure> {
        let mut index = 0;
        while let Some(image) = images.recv().await {
            if index == MOST {
                return Err(V1Failure::invalid(IMAGES, "A batch may have at most 100 images. Send several batches."));
            }
            match self.one(index, &image).await {
                Ok(part) => self.parts.push(part),
                // What is ours, and passing, is not the image's fault.
                Err(failure) if failure.is_ours() => return Err(failure),
                Err(failure) => self.refused.push(refused(index, &failure, self.site, self.id)),
            }
            index += 1;
        }
        Ok(())
    }

    async fn one(&self, index: usize, image: &RawValue) -> Result<Part, V1Failure> {
        let given = Given::json(image.get().as_bytes()).map_err(|_| V1Failure::invalid(&place(index), "It must be an object."))?;
        let given = given.at(format!("{}.", place(index)));
        let (sent, param) = sample::image(&given, self.site.pure_road().v1().max_image_bytes)?;
        let asked = Asked { by_url: matches!(sent, Sent::Url(_)), metadata: given.metadata()?, ..Asked::default() };
        let caller = self.caller.clone();
        let origin = self.site.road(move |road| async move { road.take_in_part(&caller, sent).await }).await;
        let origin = origin.map_err(|failure| V1Failure::from(failure).about_image(&param))?;
        Ok(Part { index, origin, asked })
    }
}

/// How an image's place is told.
pub(crate) fn place(index: usize) -> String {
    format!("{IMAGES}.{index}")
}

fn refused(index: usize, failure: &V1Failure, site: &Site, id: &RequestId) -> Refused {
    let error = errors::object(failure, site, id);
    Refused { index, code: error.code, message: error.message, param: error.param }
}

/// Reads a body to its end and hands out its images, waiting until each is taken. Blocks.
fn read(body: File, images: mpsc::Sender<Box<RawValue>>) -> Result<HashMap<&'static str, Box<RawValue>>, V1Failure> {
    let mut whole = Whole { images: &images, fields: HashMap::new(), within_images: false };
    let mut json = serde_json::Deserializer::from_reader(BufReader::new(body));
    let read = json.deserialize_map(&mut whole).and_then(|()| json.end());
    match read {
        Ok(()) => Ok(whole.fields),
        Err(_) if whole.within_images => Err(V1Failure::invalid(IMAGES, "It must be a list of objects, and end.")),
        Err(_) => Err(V1Failure::invalid("", "The body must be a JSON object with images: a list of 1 to 100 objects.")),
    }
}

/// The body as it is read.
struct Whole<'a> {
    images: &'a mpsc::Sender<Box<RawValue>>,
    fields: HashMap<&'static str, Box<RawValue>>,
    within_images: bool,
}

impl<'de> Visitor<'de> for &mut Whole<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with images")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == IMAGES {
                self.within_images = true;
                map.next_value_seed(Each(self.images))?;
                self.within_images = false;
            } else if let Some(name) = SHARED.into_iter().find(|shared| *shared == name) {
                self.fields.insert(name, map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// The list of images, one after the other.
struct Each<'a>(&'a mpsc::Sender<Box<RawValue>>);

impl<'de> DeserializeSeed<'de> for Each<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Each<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of images")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut images: A) -> Result<(), A::Error> {
        while let Some(image) = images.next_element::<Box<RawValue>>()? {
            self.0.blocking_send(image).map_err(|_| A::Error::custom("nobody takes the images any more"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    fn read_text(text: &str) -> (Result<usize, String>, Vec<String>) {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(text.as_bytes()).expect("written");
        file.rewind().expect("rewound");
        let (sender, mut receiver) = mpsc::channel(1000);
        let read = read(file, sender).map(|fields| fields.len()).map_err(|failure| failure.to_string());
        let images = std::iter::from_fn(|| receiver.try_recv().ok()).map(|image| image.get().to_owned()).collect();
        (read, images)
    }

    // V2
    #[test]
    fn images_come_one_by_one_wherever_they_stand() {
        let (read, images) = read_text(r#"{"x":[{"images":[]}],"images":[{"a":1}, 2 ,"]"],"include_heatmap":true,"metadata":{}}"#);
        assert_eq!((read, images), (Ok(1), vec![r#"{"a":1}"#.to_owned(), "2".into(), r#""]""#.into()]));
    }

    // V2, V9
    #[test]
    fn a_body_that_is_no_batch_says_so() {
        for text in ["", "[]", "{", "null", r#"{"images":[]} x"#, "\u{fffd}"] {
            assert!(read_text(text).0.is_err_and(|told| told.starts_with("body.:")), "{text}");
        }
        for text in [r#"{"images":{}}"#, r#"{"images":"x"}"#, r#"{"images":null}"#, r#"{"images":[{}"#, r#"{"images":[{},}"#] {
            assert!(read_text(text).0.is_err_and(|told| told.starts_with("body.images:")), "{text}");
        }
        let deep = format!(r#"{{"images":[{}1{}]}}"#, "[".repeat(100_000), "]".repeat(100_000));
        let (read, images) = read_text(&deep);
        assert!(read.is_err() || images.len() == 1, "deep nesting ends in an answer");
    }
}
