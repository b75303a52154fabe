//! Who goes next: a pure rule over what waits, so that one tenant's flood never holds the others up.
//!
//! The memory of who was served is each process's own. All going round fairly on their own makes the whole fair.

use std::collections::HashMap;

use touchstone_core::ids::OrganizationId;

/// A job that may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The queue's own number of it.
    pub(crate) seq: i64,
    /// Whose it is.
    pub(crate) organization: OrganizationId,
    /// `core::job::Lane::rank`: smaller goes first.
    pub(crate) lane: i32,
}

/// When each organisation was last served, counted in claims. One entry an organisation that ever had a job here.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    served: HashMap<OrganizationId, u64>,
    count: u64,
}

impl Turns {
    /// Takes the next job out of `waiting` (each organisation's in its own order), and counts it into `held`.
    ///
    /// First those of organisations that hold less than half of the `permits`; among them the interactive lane before the batch;
    /// among those whoever was served longest ago. An organisation at its half is served only when nobody else waits.
    pub(crate) fn next(&mut self, waiting: &mut Vec<Waiting>, held: &mut HashMap<OrganizationId, u32>, permits: u32) -> Option<Waiting> {
        let half = (permits / 2).max(1);
        let urgency = |(place, job): &(usize, &Waiting)| {
            let full = held.get(&job.organization).is_some_and(|held| *held >= half);
            (full, job.lane, self.served.get(&job.organization).copied(), *place)
        };
        let (place, _) = waiting.iter().enumerate().min_by_key(urgency)?;
        let next = waiting.remove(place);
        self.count += 1;
        self.served.insert(next.organization, self.count);
        *held.entry(next.organization).or_default() += 1;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jobs(seqs: std::ops::Range<i64>, organization: OrganizationId, lane: i32) -> Vec<Waiting> {
        seqs.map(|seq| Waiting { seq, organization, lane }).collect()
    }

    fn order(turns: &mut Turns, mut waiting: Vec<Waiting>, permits: u32) -> Vec<i64> {
        let mut held = HashMap::new();
        (0..permits).map_while(|_| turns.next(&mut waiting, &mut held, permits)).map(|job| job.seq).collect()
    }

    #[test]
    fn claims_go_round_and_keep_the_order_within_an_organisation() {
        let (flood, drop) = (OrganizationId::random(), OrganizationId::random());
        let waiting = [jobs(0..10, flood, 1), jobs(10..12, drop, 1)].concat();
        assert_eq!(order(&mut Turns::default(), waiting, 4), [0, 10, 1, 11]);
    }

    #[test]
    fn one_permit_serves_one_and_then_the_other() {
        let (flood, drop, mut turns) = (OrganizationId::random(), OrganizationId::random(), Turns::default());
        let mut waiting = [jobs(0..3, flood, 1), jobs(10..12, drop, 1)].concat();
        let mut served = Vec::new();
        while let Some(job) = turns.next(&mut waiting, &mut HashMap::new(), 1) {
            served.push(job.seq);
        }
        assert_eq!(served, [0, 10, 1, 11, 2]);
    }

    #[test]
    fn somebody_watching_goes_before_a_batch() {
        let (batch, watcher) = (OrganizationId::random(), OrganizationId::random());
        let waiting = [jobs(0..5, batch, 1), jobs(5..6, watcher, 0)].concat();
        assert_eq!(order(&mut Turns::default(), waiting, 2), [5, 0]);
    }

    #[test]
    fn nobody_holds_more_than_half_while_others_wait_and_no_permit_idles() {
        let (watcher, batch) = (OrganizationId::random(), OrganizationId::random());
        let crowded = [jobs(0..5, watcher, 0), jobs(5..10, batch, 1)].concat();
        assert_eq!(order(&mut Turns::default(), crowded, 4), [0, 1, 5, 6]);
        assert_eq!(order(&mut Turns::default(), jobs(0..5, watcher, 0), 4), [0, 1, 2, 3]);
    }
}
