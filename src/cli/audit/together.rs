//! Many at a time, in order, and never more than a few held.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::cli::error::Failure;

/// How many are worked on before the first of them must be finished, for each thread.
const AHEAD: usize = 16;

/// Does `work` on each of `items` on all processors and hands the results to `take`
/// in the order of the items.
pub(super) fn each<I: Sync, T: Send>(
    items: &[I],
    work: impl Fn(&I) -> Vec<T> + Sync,
    mut take: impl FnMut(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    for items in items.chunks(threads * AHEAD) {
        let done: Vec<Mutex<Vec<T>>> = items.iter().map(|_| Mutex::default()).collect();
        let next = AtomicUsize::new(0);
        let run = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let (Some(item), Some(place)) = (items.get(index), done.get(index)) else {
                    return;
                };
                let result = work(item);
                if let Ok(mut place) = place.lock() {
                    *place = result;
                }
            }
        };
        thread::scope(|scope| {
            // This thread works too.
            for _ in 1..threads.min(items.len()) {
                scope.spawn(run);
            }
            run();
        });
        for place in done {
            for result in place
                .into_inner()
                .unwrap_or_else(|error| error.into_inner())
            {
                take(result)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_in_order() {
        let items: Vec<usize> = (0..500).collect();
        let mut seen = Vec::new();
        let result = each(
            &items,
            |item| vec![*item, item + 1000],
            |result| {
                seen.push(result);
                Ok(())
            },
        );
        assert!(result.is_ok());
        let wanted: Vec<usize> = items.iter().flat_map(|item| [*item, item + 1000]).collect();
        assert_eq!(seen, wanted);
    }

    #[test]
    fn whoever_takes_can_stop() {
        let mut taken = 0;
        let result = each(
            &[1, 2, 3],
            |item| vec![*item],
            |_| {
                taken += 1;
                Err(Failure::cant_say("full"))
            },
        );
        assert!(result.is_err());
        assert_eq!(taken, 1);
    }
}
