//! One image with what is asked about it, in any of the three ways of sending it (row V1): `image_url` or `image_base64` in JSON, or a
//! file in a form. Bounded: an image by its size, and all that are on their way in together by `v1.max_memory`.

use std::{collections::HashMap, convert::Infallible};

use actix_web::{HttpRequest, http::header, web::Payload};
use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use touchstone_core::{refusal::Refusal, submission::Asked};
use touchstone_moderation::Sent;
use utoipa::ToSchema;

use super::{
    errors::V1Failure,
    given::{self, Given},
};
use crate::{
    body::{self, Pace},
    errors::Failure,
    site::{Memory, Site},
};

/// The fields that an image may come in.
const URL: &str = "image_url";
const BASE64: &str = "image_base64";
const FILES: [&str; 2] = ["image", "file"];

/// Room in a body for everything but the image.
const BESIDES: u64 = 64 * 1024;

/// What both sides of a multipart boundary and the names between them may take; forms with more are no forms of ours.
const MOST_TEXT: usize = 16 * 1024;

/// The image. Exactly one of both; or a form with the file in `image`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the document's; `given` reads the fields")]
pub(crate) struct V1Image {
    /// The public http(s) URL of an image.
    #[schema(example = "https://example.com/photo.jpg")]
    image_url: Option<String>,
    /// The image's bytes in base64; a `data:` prefix is tolerated.
    image_base64: Option<String>,
}

/// An image, and what is asked about it.
pub(crate) struct Sample {
    /// The image.
    pub(crate) sent: Sent,
    /// The field that it came in, for whoever has to be told what is wrong with it.
    pub(crate) param: String,
    /// What else is asked.
    pub(crate) asked: Asked,
    /// What the image takes of the memory of all; to be kept for as long as its bytes are.
    pub(crate) memory: Memory,
}

/// Reads a request with one image.
///
/// # Errors
/// 400 for a request of a wrong form or an image that is too large, 408, 415, 503 when too many are on their way in.
pub(crate) async fn read(site: &Site, request: &HttpRequest, payload: Payload) -> Result<Sample, V1Failure> {
    let most_image = site.pure_road().v1().max_image_bytes;
    let content_type = header_text(request, header::CONTENT_TYPE);
    match kind(content_type)? {
        Kind::Json => {
            let most = most_image / 3 * 4 + BESIDES;
            let (body, memory) = whole(site, request, payload, most, |length| length / 4 * 3).await?;
            of(&Given::json(&body)?, most_image, memory)
        }
        Kind::Form => {
            let (body, memory) = whole(site, request, payload, most_image + BESIDES, |length| length).await?;
            form(&body, content_type, most_image, memory).await
        }
    }
}

/// The image of a request's fields, and what is asked about it.
fn of(given: &Given<'_>, most: u64, memory: Memory) -> Result<Sample, V1Failure> {
    let asked = given.asked()?;
    let (sent, param) = image(given, most)?;
    let by_url = matches!(sent, Sent::Url(_));
    Ok(Sample { sent, param, asked: Asked { by_url, ..asked }, memory })
}

/// The image of some fields, and the name of the one that it is in.
///
/// # Errors
/// 400 when there is not exactly one, or it is wrong.
pub(crate) fn image(given: &Given<'_>, most: u64) -> Result<(Sent, String), V1Failure> {
    match (given.text(URL)?, given.text(BASE64)?) {
        (Some(url), None) => Ok((Sent::Url(url.into_owned()), given.name(URL))),
        (None, Some(text)) => match decoded(&text, most) {
            Ok(bytes) => Ok((Sent::Bytes(bytes), given.name(BASE64))),
            Err(Undecoded::TooLarge(refusal)) => Err(V1Failure::from(refusal).about(&given.name(BASE64))),
            Err(Undecoded::NoBase64) => {
                Err(given.wrong(BASE64, "It is no base64. Send the image's bytes in base64, with or without a data: prefix."))
            }
        },
        (Some(_), Some(_)) => Err(given.wrong(BASE64, "Send one image: image_url or image_base64, not both.")),
        (None, None) => Err(given.wrong(URL, "Send one image: image_url, image_base64, or a file in the form field image.")),
    }
}

/// Refuses a body that is no JSON by its type.
///
/// # Errors
/// 415.
pub(crate) fn require_json(request: &HttpRequest) -> Result<(), V1Failure> {
    match kind(header_text(request, header::CONTENT_TYPE)) {
        Ok(Kind::Json) => Ok(()),
        _ => Err(Failure::WrongMedia("application/json").into()),
    }
}

enum Kind {
    Json,
    Form,
}

/// Several clients name no type for JSON, and curl's own is that of an urlencoded form; what is no JSON then is told as such.
fn kind(content_type: &str) -> Result<Kind, V1Failure> {
    match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "multipart/form-data" => Ok(Kind::Form),
        "" | "application/json" | "text/json" | "text/plain" | "application/x-www-form-urlencoded" | "application/octet-stream" => {
            Ok(Kind::Json)
        }
        other if other.ends_with("+json") => Ok(Kind::Json),
        _ => Err(Failure::WrongMedia("application/json or multipart/form-data").into()),
    }
}

fn header_text(request: &HttpRequest, name: header::HeaderName) -> &str {
    request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A whole body, counted against the memory of all. One that announces more than it may have is told how large its image is.
async fn whole(
    site: &Site,
    request: &HttpRequest,
    payload: Payload,
    most: u64,
    image_of: impl Fn(u64) -> u64,
) -> Result<(Bytes, Memory), V1Failure> {
    let announced = header_text(request, header::CONTENT_LENGTH).parse::<u64>().unwrap_or_default();
    let most_image = site.pure_road().v1().max_image_bytes;
    if announced > most {
        return Err(Refusal::ImageTooLarge { most: most_image, got: Some(image_of(announced)) }.into());
    }
    let mut memory = site.image_memory();
    let read = body::gather(payload, usize::try_from(most).unwrap_or(usize::MAX), Pace::new(&site.settings), |more| memory.take(more));
    match read.await {
        Err(Failure::BodyTooLarge(_)) => Err(Refusal::ImageTooLarge { most: most_image, got: None }.into()),
        Err(Failure::Invalid(_)) => Err(V1Failure::invalid("", "The body broke off.")),
        read => Ok((read?, memory)),
    }
}

enum Undecoded {
    TooLarge(Refusal),
    NoBase64,
}

/// Bytes in base64, of either alphabet, padded or not, with a `data:` prefix or without, in one line or several.
fn decoded(text: &str, most: u64) -> Result<Bytes, Undecoded> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let data = text.trim().strip_prefix("data:").and_then(|data| data.split_once(',')).map_or(text.trim(), |(_, data)| data);
    let spaced = data.bytes().any(|byte| byte.is_ascii_whitespace());
    let data = if spaced { data.split_ascii_whitespace().collect::<String>().into() } else { std::borrow::Cow::Borrowed(data) };
    let size = data.len() as u64 / 4 * 3;
    if size > most + 3 {
        return Err(Undecoded::TooLarge(Refusal::ImageTooLarge { most, got: Some(size) }));
    }
    let alphabet = if data.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    let bytes = GeneralPurpose::new(&alphabet, LENIENT).decode(data.as_bytes()).map_err(|_| Undecoded::NoBase64)?;
    Ok(bytes.into())
}

/// A form: one file, and the other fields as texts.
async fn form(body: &Bytes, content_type: &str, most: u64, memory: Memory) -> Result<Sample, V1Failure> {
    let broken = |_| V1Failure::invalid("", "The body is no multipart form.");
    let boundary = multer::parse_boundary(content_type).map_err(broken)?;
    let all = futures::stream::once(std::future::ready(Ok::<_, Infallible>(body.clone())));
    let mut form = multer::Multipart::new(all, boundary);
    let (mut file, mut texts): (Option<(String, Bytes)>, _) = (None, HashMap::new());
    while let Some(field) = form.next_field().await.map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(broken)?;
        if FILES.contains(&name.as_str()) {
            if file.is_some() {
                return Err(V1Failure::invalid(&name, "Send one image."));
            }
            file = Some((name, bytes));
        } else if let Some(known) = given::known(&name).filter(|known| matches!(*known, URL | BASE64) || bytes.len() <= MOST_TEXT) {
            let text = String::from_utf8(bytes.to_vec()).map_err(|_| V1Failure::invalid(known, "It is no text."))?;
            texts.insert(known, text);
        }
    }
    let given = Given::form(texts);
    let Some((param, bytes)) = file else { return of(&given, most, memory) };
    if given.text(URL)?.is_some() || given.text(BASE64)?.is_some() {
        return Err(V1Failure::invalid(&param, "Send one image: a file, image_url or image_base64, not several."));
    }
    Ok(Sample { sent: Sent::Bytes(bytes), param, asked: given.asked()?, memory })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(body: &str) -> Result<Sample, String> {
        of(&Given::json(body.as_bytes()).expect("an object"), 6, Memory::of(0)).map_err(|failure| failure.to_string())
    }

    // V1
    #[test]
    fn base64_is_read_however_it_is_written() {
        for text in ["/+8AEA==", "/+8AEA", "_-8AEA", " data:image/png;base64,/+8AEA== ", "data:,/+8AEA==", "/+8A\\nEA==", "\\/+8AEA=="] {
            match sample(&format!(r#"{{"image_base64":"{text}"}}"#)).map(|sample| sample.sent) {
                Ok(Sent::Bytes(bytes)) => assert_eq!(bytes, vec![0xff, 0xef, 0x00, 0x10], "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        for text in ["%%%", "a", "/+8AEA==x", "é"] {
            assert!(sample(&format!(r#"{{"image_base64":"{text}"}}"#)).is_err_and(|told| told.contains("base64")), "{text}");
        }
        assert!(sample(r#"{"image_base64":"AAAAAAAAAAAAAAAA"}"#).is_err_and(|told| told.contains("limit")));
    }

    // V1
    #[test]
    fn exactly_one_image_is_taken() {
        let none = sample("{}").err().expect("refused");
        assert!(none.starts_with("body.image_url"), "{none}");
        let both = sample(r#"{"image_url":"u","image_base64":"AAAA"}"#).err().expect("refused");
        assert!(both.starts_with("body.image_base64"), "{both}");
        let wrong = sample(r#"{"image_url":7}"#).err().expect("refused");
        assert!(wrong.starts_with("body.image_url"), "{wrong}");
        let url = sample(r#"{"image_url":"https://x/y"}"#).expect("a sample");
        assert!(url.asked.by_url && matches!(url.sent, Sent::Url(url) if url == "https://x/y"));
    }

    // V1
    #[actix_web::test]
    async fn a_form_brings_a_file_and_says_the_rest_in_texts() {
        let part = |name: &str, value: &str| format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        let read = |parts: String| async move {
            form(&Bytes::from(format!("{parts}--b--\r\n")), "multipart/form-data; boundary=b", 100, Memory::of(0))
                .await
                .map_err(|failure| failure.to_string())
        };
        let sample = read(part("file", "bytes") + &part("include_heatmap", "true")).await.expect("a sample");
        assert!(sample.asked.heatmap && sample.param == "file" && matches!(sample.sent, Sent::Bytes(bytes) if bytes == "bytes"));
        assert!(read(part("image", "x") + &part("file", "y")).await.is_err_and(|told| told.starts_with("body.file")));
        assert!(read(part("image", "x") + &part("image_url", "y")).await.is_err_and(|told| told.starts_with("body.image")));
        assert!(read(part("include_heatmap", "true")).await.is_err_and(|told| told.starts_with("body.image_url")));
        assert!(form(&Bytes::from_static(b"--b"), "multipart/form-data", 100, Memory::of(0)).await.is_err(), "no boundary");
        assert!(form(&Bytes::from_static(b"--b\r\n"), "multipart/form-data; boundary=b", 100, Memory::of(0)).await.is_err(), "cut off");
    }
}
