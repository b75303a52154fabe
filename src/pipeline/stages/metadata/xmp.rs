//! XMP: the few properties that say how a picture came to be. Entities of the document's own are never expanded.

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::fields::{Field, Place, bounded};

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
pub(super) fn fields(packet: &[u8]) -> Vec<Field> {
    let packet = String::from_utf8_lossy(bounded(packet));
    let mut reader = Reader::from_str(&packet);
    reader.config_mut().check_end_names = false;
    let mut fields = Vec::new();
    let mut open: Vec<Option<&'static str>> = Vec::new();
    for _ in 0..MOST_EVENTS {
        match reader.read_event() {
            Ok(Event::Start(element)) if open.len() < DEEPEST => {
                fields.extend(attributes(&element));
                open.push(wanted(element.local_name().as_ref()));
            }
            Ok(Event::Empty(element)) => fields.extend(attributes(&element)),
            Ok(Event::End(_)) => drop(open.pop()),
            Ok(Event::Text(text)) => {
                let text = text.xml10_content();
                // The text of a language alternative or a list belongs to the property around it.
                let property = open.iter().rev().find_map(|name| *name);
                fields.extend(property.filter(|_| !text.trim().is_empty()).map(|name| Field::new(Place::Xmp, name, text.trim())));
            }
            Ok(Event::Start(_) | Event::Eof) | Err(_) => break,
            Ok(_) => {}
        }
    }
    fields
}

fn wanted(local_name: &str) -> Option<&'static str> {
    WANTED.into_iter().find(|name| *name == local_name)
}

/// Properties written as attributes, and a property that is a link.
fn attributes(element: &BytesStart<'_>) -> Vec<Field> {
    let of = wanted(element.local_name().as_ref());
    let field = |attribute: quick_xml::events::attributes::Attribute<'_>| {
        let key = attribute.key.local_name();
        let name = wanted(key.as_ref()).or(of.filter(|_| key.as_ref() == "resource"))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        Some(Field::new(Place::Xmp, name, value.trim()))
    };
    element.attributes().filter_map(Result::ok).filter_map(field).collect()
}
