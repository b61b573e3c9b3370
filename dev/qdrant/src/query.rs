//! `points/query` and `points/query/batch`.

use qdrant_edge::{QueryBatchRequest, QueryRequest, ScoredPoint, ScoringQuery, WithVector};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::collection::Collection;
use crate::plan::Planner;
use crate::reply::Answer;
use crate::schema::query::{Query, QueryBatch, Search, SearchBatch};
use crate::schema::scoring::QueryInput;
use crate::schema::vector::{Example, VectorInput};
use crate::store::Store;
use crate::strict;
use crate::vectors::VectorsOut;

#[derive(Serialize)]
pub struct Hits {
    points: Vec<Hit>,
}

impl Query {
    /// Whether it may take longer than one walk through a graph.
    pub fn is_heavy(&self) -> bool {
        let nearest_dense = match &self.query {
            Some(QueryInput::Nearest(Example::Vector(vector))) => {
                matches!(vector, VectorInput::Dense(_))
            }
            Some(QueryInput::Nearest(Example::Id(_))) | None => true,
            Some(_) => false,
        };
        let exact = self.params.as_ref().is_some_and(|p| p.exact == Some(true));
        !nearest_dense || exact || self.filter.is_some() || !self.prefetch.0.is_empty()
    }
}

pub fn query(store: &Store, collection: &Collection, query: Query) -> Answer<Hits> {
    strict::query(collection, &query)?;
    let request = Planner::new(store, collection).query(query, "internal")?;
    strict::read_rate(collection, [&request])?;
    let shown = shown_vectors(&request);
    let points = collection.read(|shard| shard.query(request))?;
    Ok(hits(points, shown))
}

/// `points/search`: the hits without an object around them.
pub fn search(store: &Store, collection: &Collection, search: Search) -> Answer<Vec<Hit>> {
    query(store, collection, search.into()).map(|hits| hits.points)
}

pub fn search_batch(
    store: &Store,
    collection: &Collection,
    batch: SearchBatch,
) -> Answer<Vec<Vec<Hit>>> {
    let searches = batch.searches.into_iter().map(Query::from).collect();
    let results = query_batch(store, collection, QueryBatch { searches })?;
    Ok(results.into_iter().map(|hits| hits.points).collect())
}

pub fn query_batch(store: &Store, collection: &Collection, batch: QueryBatch) -> Answer<Vec<Hits>> {
    strict::query_batch(collection, &batch.searches)?;
    let planner = Planner::new(store, collection);
    let queries = batch
        .searches
        .into_iter()
        .enumerate()
        .map(|(i, query)| planner.query(query, &format!("searches[{i}].internal")))
        .collect::<Answer<Vec<_>>>()?;
    strict::read_rate(collection, &queries)?;
    let shown: Vec<_> = queries.iter().map(shown_vectors).collect();
    let results = collection.read(|shard| shard.query_batch(QueryBatchRequest { queries }))?;
    Ok(results
        .into_iter()
        .zip(shown)
        .map(|(points, shown)| hits(points, shown))
        .collect())
}

/// The engine returns the vectors it needed for MMR along with those asked for; None: nothing to hide.
pub fn shown_vectors(request: &QueryRequest) -> Option<WithVector> {
    matches!(request.query, Some(ScoringQuery::Mmr(_))).then(|| request.with_vector.clone())
}

/// Leaves the vectors a client asked for.
pub fn hide_vectors(point: &mut ScoredPoint, shown: &WithVector) {
    use qdrant_edge::VectorStructInternal::Named;
    match (shown, &mut point.vector) {
        (WithVector::Bool(true), _) => {}
        (WithVector::Selector(names), Some(Named(named))) => {
            named.retain(|name, _| names.contains(name));
        }
        (WithVector::Selector(names), _) if names.iter().any(String::is_empty) => {}
        _ => point.vector = None,
    }
}

fn hits(points: Vec<ScoredPoint>, shown: Option<WithVector>) -> Hits {
    let show = |mut point: ScoredPoint| {
        if let Some(shown) = &shown {
            hide_vectors(&mut point, shown);
        }
        Hit(point)
    };
    Hits {
        points: points.into_iter().map(show).collect(),
    }
}

pub struct Hit(pub ScoredPoint);

impl Serialize for Hit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let point = &self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &point.id)?;
        map.serialize_entry("version", &point.version)?;
        map.serialize_entry("score", &point.score)?;
        if let Some(payload) = &point.payload {
            map.serialize_entry("payload", payload)?;
        }
        if let Some(vector) = &point.vector {
            map.serialize_entry("vector", &VectorsOut(vector))?;
        }
        if let Some(value) = &point.order_value {
            map.serialize_entry("order_value", value)?;
        }
        map.end()
    }
}
