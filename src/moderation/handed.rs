//! Pictures that are never stored (row V12): drawn by a job, handed to the request that waits for it in this very process, and gone.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::mpsc::{self, Receiver, Sender};
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

impl From<Image> for Unstored {
    fn from(image: Image) -> Self {
        Self { bytes: image.bytes, content_type: image.content_type }
    }
}

/// Who waits for which picture. Cheap to clone; clones share.
#[derive(Clone, Default)]
pub(crate) struct Handed {
    awaited: Arc<Mutex<HashMap<DocumentId, Sender<Unstored>>>>,
}

/// Somebody waits for the picture of a document, until this is dropped.
pub struct Awaited {
    handed: Handed,
    document: DocumentId,
    picture: Receiver<Unstored>,
}

impl Handed {
    /// From now on the picture of this document is waited for.
    pub(crate) fn expect(&self, document: DocumentId) -> Awaited {
        let (sender, picture) = mpsc::channel(1);
        self.lock().insert(document, sender);
        Awaited { handed: self.clone(), document, picture }
    }

    /// Where the picture of this document goes, if anybody waits for it. Whoever has this is waited for.
    pub(crate) fn awaited(&self, document: DocumentId) -> Option<Sender<Unstored>> {
        self.lock().get(&document).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DocumentId, Sender<Unstored>>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited {
    /// The picture of a document that was judged, once whoever judged it here has drawn it; `None` where nobody draws it.
    pub async fn picture(mut self) -> Option<Unstored> {
        // Who has not begun to draw by now never will.
        self.handed.lock().remove(&self.document);
        self.picture.recv().await
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.handed.lock().remove(&self.document);
    }
}

impl std::fmt::Debug for Awaited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Awaited").field("document", &self.document).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Unstored {
        Unstored { bytes: vec![1], content_type: "image/png" }
    }

    // V12
    #[tokio::test]
    async fn a_picture_reaches_who_waits_for_it_also_after_its_verdict() {
        let (handed, id) = (Handed::default(), DocumentId::random());
        assert!(handed.awaited(id).is_none(), "nobody waits");
        let awaited = handed.expect(id);
        let sender = handed.awaited(id).expect("somebody waits");
        let waits = tokio::spawn(awaited.picture());
        tokio::task::yield_now().await;
        sender.try_send(picture()).expect("somebody waits");
        assert_eq!(waits.await.expect("no panic"), Some(picture()));
        assert!(handed.awaited(id).is_none(), "nobody waits any more");
    }

    // V12
    #[tokio::test]
    async fn nobody_waits_for_a_picture_that_nobody_draws() {
        let (handed, id) = (Handed::default(), DocumentId::random());
        assert_eq!(handed.expect(id).picture().await, None, "it was judged elsewhere");
        let awaited = handed.expect(id);
        drop(handed.awaited(id));
        assert_eq!(awaited.picture().await, None, "it could not be drawn");
        drop(handed.expect(id));
        assert!(handed.awaited(id).is_none());
    }
}
