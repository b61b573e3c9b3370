//! Examples in a query: vectors as they are, points by the vectors they have.

use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{
    ContextPair, ContextQuery, DiscoverQuery, FeedbackItem, FeedbackNaiveQuery, Formula, Fusion,
    Mmr, NaiveFeedbackStrategy, NamedQuery, OperationError, OrderBy, PointId, QueryEnum,
    RecommendQuery, Record, RetrieveRequest, Sample, ScoringQuery, VectorInternal, VectorRef,
    WithPayloadInterface, WithVector, avg_vector_for_recommendation,
};
use std::cell::RefCell;
use std::collections::HashSet;

use super::Planner;
use crate::collection::Collection;
use crate::reply::{Answer, ApiError};
use crate::schema::query as body;
use crate::schema::scoring::{self, FeedbackStrategy, QueryInput, RecommendStrategy};
use crate::schema::vector::Example;
use crate::validate;
use crate::vectors::{Space, for_query};

/// As on Qdrant, where it is far smaller than the 60 of the paper.
const RRF_K: usize = 2;
const MMR_DIVERSITY: f32 = 0.5;

/// Turns what a query names into vectors.
pub struct Examples<'a> {
    pub planner: &'a Planner<'a>,
    pub using: &'a str,
    pub lookup: Option<&'a body::LookupLocation>,
    /// Collects the points that are named.
    pub named: &'a RefCell<HashSet<PointId>>,
}

impl Examples<'_> {
    pub fn scoring(&self, input: QueryInput, limit: usize, path: &str) -> Answer<ScoringQuery> {
        let vector = |query: QueryEnum| Ok(ScoringQuery::Vector(query));
        match input {
            QueryInput::Nearest(example) => {
                let query = self.vector(example)?;
                vector(QueryEnum::Nearest(self.named_query(query)))
            }
            QueryInput::Mmr(example, mmr) => self.mmr(example, &mmr, limit, path),
            QueryInput::Recommend(recommend) => vector(self.recommend(recommend)?),
            QueryInput::Discover(discover) => {
                let target = self.vector(discover.target)?;
                let pairs = discover.context.map(scoring::OneOrMany::into_vec);
                let pairs = self.pairs(pairs.unwrap_or_default())?;
                let query = DiscoverQuery::new(target, pairs);
                vector(QueryEnum::Discover(self.named_query(query)))
            }
            QueryInput::Context(pairs) => {
                let query = ContextQuery::new(self.pairs(pairs)?);
                vector(QueryEnum::Context(self.named_query(query)))
            }
            QueryInput::Feedback(feedback) => vector(self.feedback(feedback)?),
            QueryInput::OrderBy(order_by) => Ok(ScoringQuery::OrderBy(OrderBy::from(order_by))),
            QueryInput::Fusion(scoring::Fusion::Rrf) => Ok(ScoringQuery::Fusion(Fusion::Rrf {
                k: RRF_K,
                weights: None,
            })),
            QueryInput::Fusion(scoring::Fusion::Dbsf) => Ok(ScoringQuery::Fusion(Fusion::Dbsf)),
            QueryInput::Rrf(rrf) => {
                validate::at_least(rrf.k, 1, &format!("{path}.query.rrf.k"))?;
                for weight in rrf.weights.iter().flatten() {
                    let path = format!("{path}.query.rrf.weights");
                    validate::at_least(Some(*weight), 0.0, &path)?;
                }
                let weights = rrf
                    .weights
                    .map(|all| all.into_iter().map(OrderedFloat).collect());
                let k = rrf.k.unwrap_or(RRF_K);
                Ok(ScoringQuery::Fusion(Fusion::Rrf { k, weights }))
            }
            QueryInput::Formula(formula) => {
                let formula = Formula {
                    formula: formula.formula.0,
                    defaults: formula.defaults,
                };
                let parsed = formula.try_into().map_err(|error: OperationError| {
                    ApiError::wrong_input(format!("query.formula: {error}"))
                })?;
                Ok(ScoringQuery::Formula(parsed))
            }
            QueryInput::Sample => Ok(ScoringQuery::Sample(Sample::Random)),
        }
    }

    fn named_query<T>(&self, query: T) -> NamedQuery<T> {
        NamedQuery {
            query,
            using: Some(self.using.to_owned()),
        }
    }

    fn mmr(
        &self,
        example: Example,
        mmr: &scoring::Mmr,
        limit: usize,
        path: &str,
    ) -> Answer<ScoringQuery> {
        let diversity = mmr.diversity.unwrap_or(MMR_DIVERSITY);
        let path = format!("{path}.query.mmr");
        validate::between(f64::from(diversity), 0.0, 1.0, &format!("{path}.diversity"))?;
        let candidates = mmr.candidates_limit.unwrap_or(limit);
        let range = format!("{path}.candidates_limit");
        validate::between(candidates.min(1 << 20) as f64, 1.0, 16384.0, &range)?;
        if matches!(self.space()?, Space::Sparse { .. }) {
            return Err(ApiError::unsupported(
                format!("MMR over the sparse vector `{}`", self.using),
                "the engine compares dense vectors and multivectors only",
            ));
        }
        Ok(ScoringQuery::Mmr(Mmr {
            vector: self.vector(example)?,
            using: self.using.to_owned(),
            lambda: OrderedFloat(1.0 - diversity),
            candidates_limit: candidates,
        }))
    }

    fn recommend(&self, recommend: scoring::Recommend) -> Answer<QueryEnum> {
        let positives = self.examples(recommend.positive.unwrap_or_default())?;
        let negatives = self.examples(recommend.negative.unwrap_or_default())?;
        let strategy = recommend.strategy.unwrap_or_default();
        if strategy == RecommendStrategy::AverageVector {
            let average = avg_vector_for_recommendation(
                positives.iter().map(VectorRef::from),
                negatives.iter().map(VectorRef::from).peekable(),
            )?;
            return Ok(QueryEnum::Nearest(self.named_query(average)));
        }
        if positives.is_empty() && negatives.is_empty() {
            return Err(ApiError::bad_request(
                "At least one positive or negative vector ID required with this strategy",
            ));
        }
        let query = self.named_query(RecommendQuery::new(positives, negatives));
        Ok(match strategy {
            RecommendStrategy::BestScore => QueryEnum::RecommendBestScore(query),
            _ => QueryEnum::RecommendSumScores(query),
        })
    }

    fn feedback(&self, feedback: scoring::Feedback) -> Answer<QueryEnum> {
        let FeedbackStrategy::Naive(strategy) = feedback.strategy;
        let items = feedback
            .feedback
            .into_iter()
            .map(|item| {
                Ok(FeedbackItem {
                    vector: self.vector(item.example)?,
                    score: OrderedFloat(item.score),
                })
            })
            .collect::<Answer<Vec<_>>>()?;
        let query = FeedbackNaiveQuery {
            target: self.vector(feedback.target)?,
            feedback: items,
            coefficients: NaiveFeedbackStrategy {
                a: OrderedFloat(strategy.a),
                b: OrderedFloat(strategy.b),
                c: OrderedFloat(strategy.c),
            },
        };
        Ok(QueryEnum::FeedbackNaive(self.named_query(query)))
    }

    fn pairs(&self, pairs: Vec<scoring::ContextPair>) -> Answer<Vec<ContextPair<VectorInternal>>> {
        pairs
            .into_iter()
            .map(|pair| {
                Ok(ContextPair {
                    positive: self.vector(pair.positive)?,
                    negative: self.vector(pair.negative)?,
                })
            })
            .collect()
    }

    fn examples(&self, examples: Vec<Example>) -> Answer<Vec<VectorInternal>> {
        examples.into_iter().map(|one| self.vector(one)).collect()
    }

    fn space(&self) -> Answer<Space> {
        Space::of(&self.planner.settings, self.using)
    }

    fn vector(&self, example: Example) -> Answer<VectorInternal> {
        match example {
            Example::Vector(vector) => for_query(vector, self.space()?),
            Example::Id(id) => self.looked_up(id),
        }
    }

    /// The vector of a point, of another collection when `lookup_from` says so.
    fn looked_up(&self, id: PointId) -> Answer<VectorInternal> {
        let space = self.space()?;
        let own = &self.planner.collection.name;
        let (vector, elsewhere) = match self.lookup {
            Some(lookup) => {
                let name = lookup.vector.as_deref().unwrap_or(self.using);
                let other = self.planner.store.get(&lookup.collection)?;
                let elsewhere = other.name != *own;
                (vector_of(&other, id, name)?, elsewhere)
            }
            None => (vector_of(self.planner.collection, id, self.using)?, false),
        };
        if !elsewhere {
            self.named.borrow_mut().insert(id);
        }
        let received = match (&vector, space) {
            (VectorInternal::Dense(vector), Space::Dense { size }) => Some((vector.len(), size)),
            (VectorInternal::MultiDense(rows), Space::Multi { size }) => Some((rows.dim, size)),
            (VectorInternal::Sparse(_), Space::Sparse { .. }) => None,
            (_, Space::Sparse { .. }) | (VectorInternal::Sparse(_), _) => {
                return Err(ApiError::wrong_input(OperationError::WrongSparse));
            }
            _ => return Err(ApiError::wrong_input(OperationError::WrongMulti)),
        };
        match received {
            Some((received_dim, expected_dim)) if received_dim != expected_dim => Err(
                ApiError::wrong_input(OperationError::WrongVectorDimension {
                    expected_dim,
                    received_dim,
                }),
            ),
            _ => Ok(vector),
        }
    }
}

fn vector_of(collection: &Collection, id: PointId, name: &str) -> Answer<VectorInternal> {
    Space::of(&collection.settings(), name)?;
    let request = RetrieveRequest {
        point_ids: vec![id],
        with_payload: Some(WithPayloadInterface::Bool(false)),
        with_vector: Some(WithVector::Selector(vec![name.to_owned()])),
    };
    let records: Vec<Record> = collection.read(|shard| shard.retrieve(request))?;
    let record = records
        .first()
        .ok_or_else(|| ApiError::not_found(format!("No point with id {id} found")))?;
    record
        .get_vector_by_name(name)
        .map(|vector| vector.to_owned())
        .ok_or_else(|| {
            ApiError::not_found(format!(
                "Vector with name \"{name}\" for point {id} not found"
            ))
        })
}
