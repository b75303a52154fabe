//! Uploads that nobody submitted do not stay (row T1).

use std::time::Duration;

use touchstone_core::time::Timestamp;

use crate::road::Road;

/// How many uploads one transaction-free round looks at.
const ROUND: u64 = 500;

impl Road {
    /// Deletes uploads that were never submitted, a while after their URL expired. Answers how many went.
    ///
    /// # Errors
    /// When the database or the object store fails; what was deleted until then is forgotten, the rest stays for the next sweep.
    pub async fn sweep_uploads(&self) -> anyhow::Result<u64> {
        let before = Timestamp::now() - Duration::from_secs(self.settings().uploads.keep_unsubmitted_hours * 3600);
        let mut gone = 0;
        loop {
            let expired = self.store().expired_uploads(before, ROUND).await?;
            if expired.is_empty() {
                return Ok(gone);
            }
            for upload in expired {
                // The row first: a submission that comes this instant finds no upload, rather than one without bytes.
                if self.store().forget_upload(&upload.object_key).await? {
                    self.blobs().delete(&upload.object_key).await?;
                    gone += 1;
                }
            }
        }
    }
}
