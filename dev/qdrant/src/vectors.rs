//! Vectors between the bodies and the engine, checked against the collection's.

use qdrant_edge::{
    OperationError, TypedMultiDenseVector, VectorInternal, VectorPersisted, VectorStructInternal,
    VectorStructPersisted,
};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::reply::{Answer, ApiError};
use crate::schema::vector::{PointVectors, VectorInput};
use crate::settings::Settings;

/// What a named vector of a collection may hold.
#[derive(Clone, Copy, PartialEq)]
pub enum Space {
    Dense { size: usize },
    Multi { size: usize },
    Sparse { idf: bool },
}

impl Space {
    pub fn of(settings: &Settings, name: &str) -> Answer<Self> {
        settings.space(name).ok_or_else(|| no_vector(name))
    }
}

pub fn no_vector(name: &str) -> ApiError {
    ApiError::wrong_input(format!("Not existing vector name error: {name}"))
}

/// The vector in the form its space holds: one dense vector for a multivector is a matrix of one row.
fn fitted(vector: VectorInput, space: Space) -> Answer<VectorInput> {
    let check = |size: usize, row: &[f32]| match row.len() {
        received if received == size => Ok(()),
        received => Err(ApiError::wrong_input(
            OperationError::WrongVectorDimension {
                expected_dim: size,
                received_dim: received,
            },
        )),
    };
    match (space, vector) {
        (Space::Dense { size }, VectorInput::Dense(vector)) => {
            check(size, &vector)?;
            Ok(VectorInput::Dense(vector))
        }
        (Space::Multi { size }, VectorInput::Dense(vector)) => {
            check(size, &vector)?;
            Ok(VectorInput::Multi(vec![vector]))
        }
        (Space::Multi { size }, VectorInput::Multi(rows)) => {
            rows.iter().try_for_each(|row| check(size, row))?;
            Ok(VectorInput::Multi(rows))
        }
        (Space::Sparse { .. }, VectorInput::Sparse(vector)) => Ok(VectorInput::Sparse(vector)),
        (Space::Dense { .. }, VectorInput::Multi(_)) => {
            Err(ApiError::wrong_input(OperationError::WrongMulti))
        }
        (_, VectorInput::Sparse(_)) | (Space::Sparse { .. }, _) => {
            Err(ApiError::wrong_input(OperationError::WrongSparse))
        }
    }
}

pub fn for_query(vector: VectorInput, space: Space) -> Answer<VectorInternal> {
    Ok(match fitted(vector, space)? {
        VectorInput::Dense(vector) => VectorInternal::Dense(vector),
        VectorInput::Sparse(vector) => VectorInternal::Sparse(vector),
        VectorInput::Multi(rows) => {
            VectorInternal::MultiDense(TypedMultiDenseVector::try_from_matrix(rows)?)
        }
    })
}

pub fn for_storage(vectors: PointVectors, settings: &Settings) -> Answer<VectorStructPersisted> {
    match vectors {
        PointVectors::Default(vector) => match fitted(vector, Space::of(settings, "")?)? {
            VectorInput::Dense(vector) => Ok(VectorStructPersisted::Single(vector)),
            VectorInput::Multi(rows) => Ok(VectorStructPersisted::MultiDense(rows)),
            VectorInput::Sparse(_) => Err(ApiError::wrong_input(OperationError::WrongSparse)),
        },
        PointVectors::Named(named) => named
            .into_iter()
            .map(|(name, vector)| {
                let stored = match fitted(vector, Space::of(settings, &name)?)? {
                    VectorInput::Dense(vector) => VectorPersisted::Dense(vector),
                    VectorInput::Multi(rows) => VectorPersisted::MultiDense(rows),
                    VectorInput::Sparse(vector) => VectorPersisted::Sparse(vector),
                };
                Ok((name, stored))
            })
            .collect::<Answer<_>>()
            .map(VectorStructPersisted::Named),
    }
}

/// The vectors of a point as the API returns them.
pub struct VectorsOut<'a>(pub &'a VectorStructInternal);

impl Serialize for VectorsOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            VectorStructInternal::Single(vector) => vector.serialize(serializer),
            VectorStructInternal::MultiDense(rows) => Rows(rows).serialize(serializer),
            VectorStructInternal::Named(named) => {
                serializer.collect_map(named.iter().map(|(name, vector)| (name, VectorOut(vector))))
            }
        }
    }
}

struct VectorOut<'a>(&'a VectorInternal);

impl Serialize for VectorOut<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            VectorInternal::Dense(vector) => vector.serialize(serializer),
            VectorInternal::MultiDense(rows) => Rows(rows).serialize(serializer),
            VectorInternal::Sparse(vector) => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("indices", &vector.indices)?;
                map.serialize_entry("values", &vector.values)?;
                map.end()
            }
        }
    }
}

struct Rows<'a>(&'a TypedMultiDenseVector<f32>);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        for row in self.0.flattened_vectors.chunks(self.0.dim.max(1)) {
            seq.serialize_element(row)?;
        }
        seq.end()
    }
}
