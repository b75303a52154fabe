//! XMP: the few properties that say how a picture came to be. Entities of the document's own are never expanded.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{
    fields::Place,
    gathered::{Gathered, bounded},
};

/// The properties that are kept, by local name: prefixes are the writer's choice.
const WANTED: [&str; 9] = [
    "DigitalSourceType",
    "DigitalSourceFileType",
    "CreatorTool",
    "softwareAgent",
    "Credit",
    "description",
    "UserComment",
    "Software",
    "AIGC",
];

/// Most events of one packet that are looked at.
const MOST_EVENTS: usize = 20_000;

/// Deepest nesting that is followed.
const DEEPEST: usize = 64;

/// The wanted properties of a packet, written as attributes or as elements; up to where the packet breaks.
pub(super) fn gather(packet: &[u8], into: &mut Gathered) {
    let packet = String::from_utf8_lossy(bounded(packet));
    let mut reader = Reader::from_str(&packet);
    reader.config_mut().check_end_names = false;
    let mut open: Vec<Option<&'static str>> = Vec::new();
    for _ in 0..MOST_EVENTS {
        if into.is_full() {
            break;
        }
        match reader.read_event() {
            Ok(Event::Start(element)) if open.len() < DEEPEST => {
                attributes(&element, into);
                open.push(wanted(element.local_name().as_ref()));
            }
            Ok(Event::Empty(element)) => attributes(&element, into),
            Ok(Event::End(_)) => drop(open.pop()),
            Ok(Event::Text(text)) => {
                let text = text.xml10_content();
                // The text of a language alternative or a list belongs to the property around it.
                let property = open.iter().rev().find_map(|name| *name);
                if let Some(name) = property.filter(|_| !text.trim().is_empty()) {
                    into.keep(Place::Xmp, name, text.trim().to_owned());
                }
            }
            Ok(Event::Start(_) | Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
}

fn wanted(local_name: &str) -> Option<&'static str> {
    WANTED.into_iter().find(|name| *name == local_name)
}

/// Properties written as attributes, and a property that is a link.
fn attributes(element: &BytesStart<'_>, into: &mut Gathered) {
    let of = wanted(element.local_name().as_ref());
    // Unchecked: looking for repeated names takes time quadratic in their number, and the packet is hostile.
    for attribute in element.attributes().with_checks(false).filter_map(Result::ok) {
        let key = attribute.key.local_name();
        let Some(name) = wanted(key.as_ref()).or(of.filter(|_| key.as_ref() == "resource")) else { continue };
        if into.is_full() {
            break;
        }
        if let Ok(value) = attribute.normalized_value(XmlVersion::Implicit1_0) {
            into.keep(Place::Xmp, name, value.trim().to_owned());
        }
    }
}
