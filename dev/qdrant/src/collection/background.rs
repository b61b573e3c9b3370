//! The threads of a collection: one optimizes what was written, one flushes it.

use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use super::{Collection, Done, Progress, Run, Segment, locked, uuid};

/// How many finished optimizations are remembered, as on Qdrant.
const HISTORY: usize = 16;
/// An upload is optimized once it pauses for so long …
const QUIET: Duration = Duration::from_millis(250);
/// … or has gone on for so long: a graph built over half of it would be built again.
const LONGEST: Duration = Duration::from_secs(5);

impl Collection {
    pub(super) fn optimize_forever(&self) {
        while self
            .next_work(|progress| progress.optimized, None)
            .is_some()
        {
            let Some(seen) = self.settled() else {
                return;
            };
            let guard = locked(&self.optimizing);
            let Some(shard) = self.shard_guard().clone() else {
                return;
            };
            let mut run = Run {
                id: uuid(),
                started: Instant::now(),
                started_at: SystemTime::now(),
                segments: self.segments(),
            };
            self.progress().running = Some(run.clone());
            let result = shard.optimize();
            if !matches!(result, Ok(false)) {
                // The engine deletes replaced segments only once their successors are on disk.
                if let Err(error) = shard.flush() {
                    eprintln!("flushing `{}` failed: {error}", self.name);
                }
                let left = self.segments();
                let replaced = |segment: &Segment| left.iter().all(|other| other.id != segment.id);
                run.segments.retain(replaced);
            }
            drop(shard);
            drop(guard);
            let mut progress = self.progress();
            progress.running = None;
            progress.rounds += 1;
            let error = result.as_ref().err().map(ToString::to_string);
            if !matches!(result, Ok(false)) {
                let took = run.started.elapsed();
                progress.history.push_front(Done {
                    run,
                    took,
                    error: error.clone(),
                });
                progress.history.truncate(HISTORY);
            }
            // After a round that did something, look once more: green means "nothing left to do".
            if !matches!(result, Ok(true)) {
                progress.optimized = seen;
            }
            progress.error = error;
        }
    }

    pub(super) fn flush_forever(&self) {
        loop {
            let interval = Duration::from_secs(self.settings().optimizers.flush_interval_sec);
            let Some(seen) = self.next_work(|progress| progress.flushed, Some(interval)) else {
                return;
            };
            let guard = locked(&self.flushing);
            let Some(shard) = self.shard_guard().clone() else {
                return;
            };
            let result = shard.flush();
            drop(shard);
            drop(guard);
            let mut progress = self.progress();
            match result {
                Ok(()) => progress.flushed = seen,
                Err(error) => progress.error = Some(error.to_string()),
            }
        }
    }

    /// Waits until writes pause; what was written by then. None: stop.
    fn settled(&self) -> Option<u64> {
        let latest = Instant::now() + LONGEST;
        let mut progress = self.progress();
        loop {
            let (seen, now) = (progress.written, Instant::now());
            let until = latest.min(now + QUIET);
            while !progress.stopping && Instant::now() < until {
                let left = until.saturating_duration_since(Instant::now());
                let woken = self.changed.wait_timeout(progress, left);
                progress = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
            if progress.stopping {
                return None;
            }
            if progress.written == seen || Instant::now() >= latest {
                return Some(progress.written);
            }
        }
    }

    /// Waits until `done` lags behind `written`, then for the rest of `pause`. None: stop.
    fn next_work(&self, done: impl Fn(&Progress) -> u64, pause: Option<Duration>) -> Option<u64> {
        let mut progress = self.progress();
        while !progress.stopping && done(&progress) == progress.written {
            let woken = self.changed.wait(progress);
            progress = woken.unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(pause) = pause {
            let until = Instant::now() + pause;
            while !progress.stopping && Instant::now() < until {
                let left = until.saturating_duration_since(Instant::now());
                let woken = self.changed.wait_timeout(progress, left);
                progress = woken.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        (!progress.stopping).then_some(progress.written)
    }
}
