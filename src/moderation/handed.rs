//! Pictures that are never stored (row V12): drawn by a job, handed to the request that waits for it in this very process, and gone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use touchstone_core::ids::DocumentId;
use touchstone_pipeline::encoded::Image;

/// A picture that was drawn for one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unstored {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Such as `image/png`.
    pub content_type: &'static str,
}

/// Who waits for which picture. Cheap to clone; clones share.
#[derive(Clone, Default)]
pub(crate) struct Handed {
    awaited: Arc<Mutex<HashMap<DocumentId, Option<Unstored>>>>,
}

/// Somebody waits for the picture of a document, until this is dropped.
pub(crate) struct Awaited {
    handed: Handed,
    document: DocumentId,
}

impl Handed {
    /// From now on the picture of this document is waited for.
    pub(crate) fn expect(&self, document: DocumentId) -> Awaited {
        self.lock().insert(document, None);
        Awaited { handed: self.clone(), document }
    }

    /// Whether anybody waits for the picture of this document.
    pub(crate) fn is_awaited(&self, document: DocumentId) -> bool {
        self.lock().contains_key(&document)
    }

    /// Hands a picture over; one that nobody waits for any more is dropped.
    pub(crate) fn hand(&self, document: DocumentId, image: Image) {
        if let Some(place) = self.lock().get_mut(&document) {
            *place = Some(Unstored { bytes: image.bytes, content_type: image.content_type });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DocumentId, Option<Unstored>>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited {
    /// The picture, if it was handed over.
    pub(crate) fn picture(&self) -> Option<Unstored> {
        self.handed.lock().get_mut(&self.document).and_then(Option::take)
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.handed.lock().remove(&self.document);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // V12
    #[test]
    fn a_picture_reaches_who_waits_for_it_and_nobody_else() {
        let (handed, id) = (Handed::default(), DocumentId::random());
        let image = || Image { bytes: vec![1], content_type: "image/png", extension: "png" };
        handed.hand(id, image());
        let awaited = handed.expect(id);
        assert_eq!((handed.is_awaited(id), awaited.picture()), (true, None), "what came too early is gone");
        handed.hand(id, image());
        assert_eq!(awaited.picture().map(|picture| picture.bytes), Some(vec![1]));
        drop(awaited);
        assert!(!handed.is_awaited(id));
    }
}
