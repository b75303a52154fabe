//! Work side by side, results in order. At most one item a thread is in hand; what waits to be told is the results alone.

use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::sync_channel,
    },
    thread,
};

/// Runs `work` on every item with `threads` threads and hands each result to `tell`, in the items' order, as soon as it and
/// all before it are there.
///
/// # Errors
/// The first error of `tell`; nothing new is begun after it.
pub(crate) fn each<T: Sync, R: Send, E>(
    items: &[T],
    threads: usize,
    work: impl Fn(usize, &T) -> R + Sync,
    mut tell: impl FnMut(R) -> Result<(), E>,
) -> Result<(), E> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let threads = threads.clamp(1, items.len().max(1));
    thread::scope(|scope| {
        let (done, results) = sync_channel(threads);
        for _ in 0..threads {
            let (done, next, stop, work) = (done.clone(), &next, &stop, &work);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    if done.send((index, work(index, item))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        let (mut waiting, mut due) = (BTreeMap::new(), 0);
        for (index, result) in results {
            waiting.insert(index, result);
            while let Some(result) = waiting.remove(&due) {
                due += 1;
                tell(result).inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn results_come_in_the_items_order_though_later_ones_are_done_first() {
        let mut told = Vec::new();
        let work = |index: usize, item: &u64| {
            thread::sleep(Duration::from_millis(if index == 0 { 30 } else { 0 }));
            item * 10
        };
        each(&[1, 2, 3, 4, 5], 3, work, |result| -> Result<(), ()> {
            told.push(result);
            Ok(())
        })
        .expect("nothing fails");
        assert_eq!(told, [10, 20, 30, 40, 50]);
    }

    #[test]
    fn an_output_that_fails_stops_the_work() {
        let (begun, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = |index: usize, (): &()| {
            begun.fetch_add(1, Ordering::SeqCst);
            while index > 0 && !failed.load(Ordering::SeqCst) {
                thread::yield_now();
            }
        };
        let tell = |()| {
            failed.store(true, Ordering::SeqCst);
            Err("closed")
        };
        assert_eq!(each(&[(); 1000], 2, work, tell), Err("closed"));
        assert!(begun.load(Ordering::SeqCst) < 10, "two in hand, two in the channel, and what was begun while they were told");
    }

    #[test]
    fn nothing_to_do_is_done_at_once() {
        each(&[0; 0], 4, |_, _| (), |()| -> Result<(), ()> { Ok(()) }).expect("nothing fails");
    }
}
