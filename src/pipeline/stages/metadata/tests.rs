//! What each kind of record says, on fields and on files that these tests write.

use img_parts::{
    Bytes, ImageEXIF,
    jpeg::{Jpeg, JpegSegment, markers},
    png::{Png, PngChunk},
};
use touchstone_core::{finding::Edit, media::Format};

use super::{
    fields::{Field, Place},
    gathered::{Gathered, MOST_BYTES},
    *,
};
use crate::{picture::Picture, stage::Look};

fn said(place: Place, name: &str, value: &str) -> Vec<Signal> {
    signals(&[Field::new(place, name, value)])
}

fn decides(place: Place, name: &str, value: &str) -> Option<String> {
    said(place, name, value).into_iter().find(|signal| signal.decisive).map(|signal| {
        assert!(signal.unsigned_claim && signal.score.is_some_and(|score| score >= 90.0), "{signal:?}");
        signal.source.unwrap()
    })
}

const WEBUI: &str =
    "a cat, masterpiece\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1234, Size: 512x512, Model: v1-5";

#[test]
fn generators_settings_are_known_by_their_grammar() {
    let cases = [
        (Place::PngText, "parameters", WEBUI, "Stable Diffusion web UI"),
        (Place::Exif, "UserComment", WEBUI, "Stable Diffusion web UI"),
        (Place::Comment, "Comment", WEBUI, "Stable Diffusion web UI"),
        (Place::PngText, "parameters", r#"{ "sui_image_params": { "prompt": "x" } }"#, "SwarmUI"),
        (Place::PngText, "prompt", r#"{"3": {"class_type": "KSampler", "inputs": {"seed": 1}}}"#, "ComfyUI"),
        (Place::PngText, "workflow", r#"{"last_node_id": 9, "nodes": [], "links": []}"#, "ComfyUI"),
        (Place::Exif, "Model", r#"prompt:{"3": {"class_type": "KSampler", "inputs": {}}}"#, "ComfyUI"),
        (Place::PngText, "Comment", r#"{"prompt": "x", "steps": 28, "sampler": "k_euler", "scale": 5.0, "uc": ""}"#, "NovelAI"),
        (Place::PngText, "invokeai_metadata", "{}", "InvokeAI"),
        (Place::PngText, "fooocus_scheme", "fooocus", "Fooocus"),
        (Place::PngText, "Software", "NovelAI", "NovelAI"),
        (Place::Exif, "Software", "Adobe Firefly 3.0", "Adobe Firefly"),
        (Place::Xmp, "CreatorTool", "DALL·E 3", "DALL·E"),
        (Place::PngText, "Description", "a cat --v 6 Job ID: 01234567-89ab-cdef-0123-456789abcdef", "Midjourney"),
        (Place::Exif, "UserComment", "Made with OpenAI DALL-E\0", "OpenAI DALL-E"),
        (Place::Iptc, "Credit", "Made with Google AI", "Google AI"),
        (Place::PngText, "AIGC", r#"{"Label":"1","ContentProducer":"x"}"#, "an AI service (AIGC label)"),
        (
            Place::Xmp,
            "DigitalSourceType",
            "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
            "IPTC digital source type",
        ),
    ];
    for (place, name, value, generator) in cases {
        assert_eq!(decides(place, name, value).as_deref(), Some(generator), "{name}: {value}");
    }
}

#[test]
fn captions_that_mention_generators_decide_nothing() {
    let cases = [
        (Place::Exif, "ImageDescription", "Protest against Stable Diffusion, Midjourney and DALL-E, Berlin 2023"),
        (Place::Xmp, "description", "Steps: down to the river. Sampler: none"),
        (Place::PngText, "parameters", "the parameters of this chart are explained in section 3"),
        (Place::PngText, "parameters", "Steps: 3, 4 and 5 of the recipe"),
        (Place::PngText, "prompt", "make stable diffusion great again"),
        (Place::PngText, "workflow", r#"{"nodes": 3}"#),
        (Place::PngText, "Description", "Job ID: 4711"),
        (Place::PngText, "AIGC", r#"{"Label":"3"}"#),
        (Place::PngText, "AIGC", "yes"),
        (Place::PngText, "Comment", "Made with Google AI"),
        (Place::Iptc, "Credit", "Photo: Jo Doe / Made with Google AI tools in mind"),
        (Place::Exif, "Software", "Stable DiffusionX viewer"),
        (Place::Exif, "Software", "Adobe Photoshop 25.0 (Windows)"),
        (Place::Exif, "Artist", "Midjourney"),
        (Place::Xmp, "DigitalSourceType", "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"),
    ];
    for (place, name, value) in cases {
        assert_eq!(decides(place, name, value), None, "{name}: {value}");
    }
}

#[test]
fn a_generated_part_is_an_ai_edit_and_an_editor_is_not() {
    let part = said(Place::Xmp, "DigitalSourceType", "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia");
    assert!(part[0].decisive && part[0].edit == Some(Edit::Ai));
    assert_eq!(said(Place::Iptc, "Credit", "Edited with Google AI")[0].edit, Some(Edit::Ai));
    let editor = said(Place::Exif, "Software", "GIMP 2.10.36");
    assert_eq!(
        (editor[0].code.as_str(), editor[0].score, editor[0].decisive, editor[0].edit),
        ("editor_software", None, false, Some(Edit::Digital))
    );
}

#[test]
fn a_camera_argues_neither_way() {
    // X6: camera EXIF never lowers a score.
    let camera = [("Make", "Canon"), ("Model", "Canon EOS R5"), ("ExposureTime", "number")]
        .map(|(name, value)| Field::new(Place::Exif, name, value));
    let signals = signals(&camera);
    assert_eq!((signals.len(), signals[0].code.as_str(), signals[0].score, signals[0].edit), (1, "camera_exif", None, None));
    assert!(!signals[0].summary.contains("Canon"));
    assert!(super::signals(&camera[..2]).is_empty());
}

#[test]
fn grok_needs_both_its_fields() {
    let signature = Field::new(Place::Exif, "ImageDescription", format!("Signature: {}", "a1B2".repeat(20)));
    let artist = Field::new(Place::Exif, "Artist", "01234567-89ab-cdef-0123-456789abcdef");
    assert!(signals(std::slice::from_ref(&signature)).is_empty() && signals(std::slice::from_ref(&artist)).is_empty());
    assert_eq!(signals(&[signature, artist])[0].source.as_deref(), Some("Grok"));
}

#[test]
fn one_thing_is_said_once_and_prompts_and_places_never() {
    let secret = "grandmother at 52.5 north, 13.4 east";
    let text = format!("{secret}\n{WEBUI}");
    let fields = [Field::new(Place::PngText, "parameters", &text), Field::new(Place::PngText, "parameters", &text)];
    let signals = signals(&fields);
    assert_eq!(signals.len(), 1);
    assert!(!format!("{signals:?}").contains("52.5"));
}

fn looked(file: Vec<u8>) -> Vec<Signal> {
    Metadata.look(&Picture::decode(file.into(), &crate::picture::tests::LIMITS).unwrap()).signals
}

fn plain(format: image::ImageFormat) -> Bytes {
    let pixels = image::DynamicImage::new_rgb8(16, 16);
    crate::picture::tests::encoded(&pixels, format).into()
}

/// An EXIF block with one text entry.
fn exif_text(tag: u16, text: &[u8]) -> Vec<u8> {
    let mut block = b"II\x2A\0\x08\0\0\0\x01\0".to_vec();
    block.extend(tag.to_le_bytes());
    block.extend(2_u16.to_le_bytes());
    block.extend((text.len() as u32).to_le_bytes());
    block.extend(26_u32.to_le_bytes());
    block.extend([0; 4]);
    block.extend(text);
    block
}

const XMP: &str = r#"<?xpacket?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" KEY="VALUE">
<Iptc4xmpExt:DigitalSourceType>ELEMENT</Iptc4xmpExt:DigitalSourceType></rdf:Description></rdf:RDF></x:xmpmeta>"#;

#[test]
fn records_are_found_in_files() {
    let mut png = Png::from_bytes(plain(image::ImageFormat::Png)).unwrap();
    png.chunks_mut().insert(1, PngChunk::new(*b"tEXt", format!("parameters\0{WEBUI}").into_bytes().into()));
    assert_eq!(looked(png.encoder().bytes().to_vec())[0].code, "png_parameters");

    let mut jpeg = Jpeg::from_bytes(plain(image::ImageFormat::Jpeg)).unwrap();
    jpeg.set_exif(Some(exif_text(0x9286, b"Made with OpenAI DALL-E\0").into()));
    assert_eq!(looked(jpeg.encoder().bytes().to_vec())[0].source.as_deref(), Some("OpenAI DALL-E"));

    let trained = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
    for packet in [XMP.replace("ELEMENT", trained), XMP.replace("KEY", "Iptc4xmpExt:DigitalSourceType").replace("VALUE", trained)] {
        let mut jpeg = Jpeg::from_bytes(plain(image::ImageFormat::Jpeg)).unwrap();
        let segment = [b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat();
        jpeg.segments_mut().insert(1, JpegSegment::new_with_contents(markers::APP1, segment.into()));
        let signals = looked(jpeg.encoder().bytes().to_vec());
        assert_eq!((signals.len(), signals[0].code.as_str(), signals[0].decisive), (1, "digital_source_type", true));
    }

    let mut jpeg = Jpeg::from_bytes(plain(image::ImageFormat::Jpeg)).unwrap();
    let credit = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x18\x1C\x02\x6E\0\x13Made with Google AI";
    jpeg.segments_mut().insert(1, JpegSegment::new_with_contents(markers::APP13, Bytes::from_static(credit)));
    assert_eq!(looked(jpeg.encoder().bytes().to_vec())[0].code, "credit");
    assert!(looked(plain(image::ImageFormat::Jpeg).to_vec()).is_empty());
}

fn gathered(read: impl FnOnce(&mut Gathered)) -> Vec<Field> {
    let mut gathered = Gathered::new();
    read(&mut gathered);
    gathered.into_fields()
}

#[test]
fn hostile_records_end_quickly_and_quietly() {
    let entities =
        "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;\">]><x DigitalSourceType=\"&b;\"><CreatorTool>&b;</CreatorTool></x>";
    assert!(signals(&gathered(|into| xmp::gather(entities.as_bytes(), into))).is_empty());
    let deep = "<x>".repeat(100_000);
    assert!(gathered(|into| xmp::gather(deep.as_bytes(), into)).is_empty());
    let block = exif_text(0x0131, b"NovelAI\0");
    for cut in 0..block.len() {
        gathered(|into| exif::gather(&block[..cut], into));
        gathered(|into| iptc::gather(&block[..cut], into));
        let mut flipped = block.clone();
        flipped[cut] ^= 0xFF;
        gathered(|into| exif::gather(&flipped, into));
    }
}

/// Two-thirds of a JPEG segment: thousands of entries, EXIF directories among them, all over the same bytes.
fn exif_bomb(filling: u8) -> Vec<u8> {
    const ENTRIES: u16 = 2_600;
    const SHARED: u32 = 30_000;
    let mut block = b"II\x2A\0\x08\0\0\0".to_vec();
    block.extend(ENTRIES.to_le_bytes());
    let tags = [0x8769_u16, 0x010E, 0x010F, 0x0110, 0x0131, 0x013B, 0x9286, 700, 33_723, 34_377];
    for tag in tags.into_iter().cycle().take(usize::from(ENTRIES)) {
        // The directory points to itself.
        let (kind, count, at) = if tag == 0x8769 { (4_u16, 1, 8) } else { (2, SHARED, 10 + u32::from(ENTRIES) * 12 + 4) };
        block.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        block.extend([count.to_le_bytes(), at.to_le_bytes()].concat());
    }
    block.extend([0; 4]);
    block.extend(vec![filling; SHARED as usize]);
    block
}

#[test]
fn repeated_overlapping_entries_are_kept_once_a_directory_and_within_the_files_allowance() {
    // Zeros are texts that end at once; 0xFF is no UTF-8 and grows threefold.
    for filling in [0, 0xFF, b'a'] {
        let block = exif_bomb(filling);
        assert!(block.len() < 0xFFFF);
        let fields = gathered(|into| exif::gather(&block, into));
        assert_eq!(fields.len(), 12, "six tags in two directories");

        let segment = [&b"\xFF\xE1"[..], &(block.len() as u16 + 8).to_be_bytes(), b"Exif\0\0", &block].concat();
        let chunk = |name: &[u8; 4]| [&(block.len() as u32).to_be_bytes()[..], name, &block, b"crc_"].concat();
        let files = [
            (Format::Jpeg, [&b"\xFF\xD8"[..], &segment.repeat(50)].concat()),
            (Format::Png, [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"eXIf").repeat(50)].concat()),
            (Format::Tiff, block.clone()),
        ];
        for (format, file) in files {
            let fields = fields::gather(&file, format);
            let bytes: usize = fields.iter().map(|field| size_of::<Field>() + field.name.len() + field.value.len()).sum();
            assert!(
                !fields.is_empty() && fields.len() <= 50 * 12 && bytes <= MOST_BYTES,
                "{format:?}: {} fields, {bytes} bytes",
                fields.len()
            );
        }
    }
}

#[test]
fn an_element_of_countless_attributes_gives_no_more_fields_than_are_kept() {
    let packet = format!("<x {}/>", "Credit='' ".repeat(50_000));
    assert_eq!(gathered(|into| xmp::gather(packet.as_bytes(), into)).len(), gathered::MOST);
    let mut datasets = b"\x1C\x02\x6E\0\0".repeat(100_000);
    datasets.extend(b"\x1C");
    assert_eq!(gathered(|into| iptc::gather_datasets(&datasets, into)).len(), gathered::MOST);
}
