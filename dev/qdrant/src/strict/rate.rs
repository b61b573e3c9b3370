//! Rate limits: a bucket of tokens for reads and one for writes, full at the start and refilled evenly.

use qdrant_edge::{Filter, Prefetch, QueryRequest, ScoringQuery};
use std::time::{Duration, Instant};

use crate::collection::Collection;
use crate::reply::{Answer, ApiError};
use crate::schema::strict_mode::StrictModeConfig;

/// The buckets of a collection, made when first needed.
#[derive(Default)]
pub struct Buckets {
    read: Option<Bucket>,
    write: Option<Bucket>,
}

struct Bucket {
    /// Tokens a minute, and at most.
    capacity: usize,
    tokens: f64,
    at: Instant,
}

enum Refusal {
    Never,
    Wait { left: f64, wait: Duration },
}

impl Bucket {
    fn full(capacity: usize, now: Instant) -> Self {
        Self {
            capacity,
            tokens: capacity as f64,
            at: now,
        }
    }

    fn take(&mut self, cost: usize, now: Instant) -> Result<(), Refusal> {
        if cost > self.capacity {
            return Err(Refusal::Never);
        }
        let per_second = self.capacity as f64 / 60.0;
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * per_second;
        self.tokens = (self.tokens + earned).min(self.capacity as f64);
        self.at = now;
        let missing = cost as f64 - self.tokens;
        if missing > 0.0 {
            return Err(Refusal::Wait {
                left: self.tokens,
                wait: Duration::from_secs_f64(missing / per_second),
            });
        }
        self.tokens -= cost as f64;
        Ok(())
    }
}

fn take(slot: &mut Option<Bucket>, limit: usize, cost: usize, kind: &str) -> Answer<()> {
    let now = Instant::now();
    // A changed limit starts a new bucket.
    let bucket = match slot {
        Some(bucket) if bucket.capacity == limit => bucket,
        _ => slot.insert(Bucket::full(limit, now)),
    };
    bucket.take(cost, now).map_err(|refusal| match refusal {
        Refusal::Never => ApiError::rate_limited(
            format!(
                "{kind} rate limit exceeded, request larger than rate limiter capacity, please try \
                 to split your request"
            ),
            None,
        ),
        Refusal::Wait { left, wait } => {
            let seconds = wait.as_secs_f64().ceil() as u64;
            ApiError::rate_limited(
                format!(
                    "{kind} rate limit exceeded: Operation requires {cost} tokens but only \
                     {left:.1} were available. Retry after {seconds}s"
                ),
                Some(seconds),
            )
        }
    })
}

pub fn take_read(collection: &Collection, config: &StrictModeConfig, cost: usize) -> Answer<()> {
    match config.read_rate_limit {
        Some(limit) => take(&mut collection.buckets().read, limit, cost, "Read"),
        None => Ok(()),
    }
}

pub fn take_write(collection: &Collection, config: &StrictModeConfig, cost: usize) -> Answer<()> {
    match config.write_rate_limit {
        Some(limit) => take(&mut collection.buckets().write, limit, cost, "Write"),
        None => Ok(()),
    }
}

/// One, and one for each condition.
pub fn scan_cost(filter: Option<&Filter>) -> usize {
    1 + filter.map_or(0, Filter::total_conditions_count)
}

/// What the searches and scrolls cost that a query starts from.
pub fn read_rate<'a>(
    collection: &Collection,
    requests: impl IntoIterator<Item = &'a QueryRequest>,
) -> Answer<()> {
    let settings = collection.settings();
    let Some(config) = settings.strict() else {
        return Ok(());
    };
    let cost = requests
        .into_iter()
        .map(|request| match request.prefetches.as_slice() {
            [] => leaf_cost(request.query.as_ref(), request.filter.as_ref()),
            prefetches => prefetches.iter().map(prefetch_cost).sum(),
        })
        .sum();
    take_read(collection, config, cost)
}

fn prefetch_cost(prefetch: &Prefetch) -> usize {
    match prefetch.prefetches.as_slice() {
        [] => leaf_cost(prefetch.query.as_ref(), prefetch.filter.as_ref()),
        prefetches => prefetches.iter().map(prefetch_cost).sum(),
    }
}

fn leaf_cost(query: Option<&ScoringQuery>, filter: Option<&Filter>) -> usize {
    let conditions = filter.map_or(0, Filter::total_conditions_count);
    let comparisons = match query {
        Some(ScoringQuery::Vector(query)) => query.search_cost(),
        Some(ScoringQuery::Mmr(mmr)) => mmr.vector.similarity_cost(),
        _ => 1,
    };
    comparisons + conditions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_refills() {
        let start = Instant::now();
        let mut bucket = Bucket::full(60, start);
        assert!(bucket.take(60, start).is_ok());
        match bucket.take(2, start) {
            Err(Refusal::Wait { left, wait }) => {
                assert!(left.abs() < 1e-9);
                assert!((wait.as_secs_f64() - 2.0).abs() < 1e-6);
            }
            _ => panic!("an empty bucket gave tokens"),
        }
        assert!(bucket.take(2, start + Duration::from_secs(2)).is_ok());
        assert!(matches!(bucket.take(61, start), Err(Refusal::Never)));
    }
}
