//! Which endpoint a request means.

use hyper::Method;

use crate::reply::{Answer, ApiError};
use crate::validate::name_characters;

#[derive(Clone, Debug, PartialEq)]
pub enum Route {
    Root,
    Healthz,
    Livez,
    Readyz,
    Metrics,
    Telemetry,
    ListCollections,
    CreateCollection(String),
    PatchCollection(String),
    DeleteCollection(String),
    CollectionInfo(String),
    CollectionExists(String),
    Optimizations(String),
    ChangeAliases,
    ListAliases,
    CollectionAliases(String),
    CreateIndex(String),
    DeleteIndex(String, String),
    Upsert(String),
    DeletePoints(String),
    SetPayload(String),
    OverwritePayload(String),
    DeletePayload(String),
    ClearPayload(String),
    UpdateVectors(String),
    DeleteVectors(String),
    UpdateBatch(String),
    Retrieve(String),
    GetPoint(String, String),
    Scroll(String),
    Count(String),
    Query(String),
    QueryBatch(String),
    QueryGroups(String),
    Search(String),
    SearchBatch(String),
    SearchGroups(String),
    Facet(String),
    MatrixPairs(String),
    MatrixOffsets(String),
    /// An endpoint of Qdrant that this server does not serve.
    Unserved(&'static str),
}

impl Route {
    /// None: no endpoint of Qdrant's.
    pub fn find(method: &Method, path: &str) -> Answer<Option<Self>> {
        use Route::*;
        let parts = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(decode)
            .collect::<Answer<Vec<_>>>()?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let name = |name: &str| name.to_owned();
        let route = match (method.as_str(), parts.as_slice()) {
            ("GET", []) => Root,
            ("GET", ["healthz"]) => Healthz,
            ("GET", ["livez"]) => Livez,
            ("GET", ["readyz"]) => Readyz,
            ("GET", ["metrics"]) => Metrics,
            ("GET", ["telemetry"]) => Telemetry,
            ("GET", ["collections"]) => ListCollections,
            ("POST", ["collections", "aliases"]) => ChangeAliases,
            ("GET", ["aliases"]) => ListAliases,
            ("PUT", ["collections", c]) => CreateCollection(name(c)),
            ("PATCH", ["collections", c]) => PatchCollection(name(c)),
            ("DELETE", ["collections", c]) => DeleteCollection(name(c)),
            ("GET", ["collections", c]) => CollectionInfo(name(c)),
            ("GET", ["collections", c, "exists"]) => CollectionExists(name(c)),
            ("GET", ["collections", c, "aliases"]) => CollectionAliases(name(c)),
            ("GET", ["collections", c, "optimizations"]) => Optimizations(name(c)),
            ("PUT", ["collections", c, "index"]) => CreateIndex(name(c)),
            ("DELETE", ["collections", c, "index", f]) => DeleteIndex(name(c), name(f)),
            ("PUT", ["collections", c, "points"]) => Upsert(name(c)),
            ("POST", ["collections", c, "points", "delete"]) => DeletePoints(name(c)),
            ("POST", ["collections", c, "points", "payload"]) => SetPayload(name(c)),
            ("PUT", ["collections", c, "points", "payload"]) => OverwritePayload(name(c)),
            ("POST", ["collections", c, "points", "payload", "delete"]) => DeletePayload(name(c)),
            ("POST", ["collections", c, "points", "payload", "clear"]) => ClearPayload(name(c)),
            ("PUT", ["collections", c, "points", "vectors"]) => UpdateVectors(name(c)),
            ("POST", ["collections", c, "points", "vectors", "delete"]) => DeleteVectors(name(c)),
            ("POST", ["collections", c, "points", "batch"]) => UpdateBatch(name(c)),
            ("POST", ["collections", c, "points"]) => Retrieve(name(c)),
            ("GET", ["collections", c, "points", id]) => GetPoint(name(c), name(id)),
            ("POST", ["collections", c, "points", "scroll"]) => Scroll(name(c)),
            ("POST", ["collections", c, "points", "count"]) => Count(name(c)),
            ("POST", ["collections", c, "points", "query"]) => Query(name(c)),
            ("POST", ["collections", c, "points", "query", "batch"]) => QueryBatch(name(c)),
            ("POST", ["collections", c, "points", "query", "groups"]) => QueryGroups(name(c)),
            ("POST", ["collections", c, "points", "search"]) => Search(name(c)),
            ("POST", ["collections", c, "points", "search", "batch"]) => SearchBatch(name(c)),
            ("POST", ["collections", c, "points", "search", "groups"]) => SearchGroups(name(c)),
            ("POST", ["collections", c, "facet"]) => Facet(name(c)),
            ("POST", ["collections", c, "points", "search", "matrix", "pairs"]) => {
                MatrixPairs(name(c))
            }
            ("POST", ["collections", c, "points", "search", "matrix", "offsets"]) => {
                MatrixOffsets(name(c))
            }
            (method, parts) => match unserved(method, parts) {
                Some(what) => Unserved(what),
                None => return Ok(None),
            },
        };
        Ok(Some(route))
    }

    /// As in Qdrant's telemetry and metrics.
    pub fn label(&self) -> &'static str {
        use Route::*;
        match self {
            Root => "GET /",
            Healthz => "GET /healthz",
            Livez => "GET /livez",
            Readyz => "GET /readyz",
            Metrics => "GET /metrics",
            Telemetry => "GET /telemetry",
            ListCollections => "GET /collections",
            CreateCollection(_) => "PUT /collections/{collection_name}",
            PatchCollection(_) => "PATCH /collections/{collection_name}",
            DeleteCollection(_) => "DELETE /collections/{collection_name}",
            CollectionInfo(_) => "GET /collections/{collection_name}",
            CollectionExists(_) => "GET /collections/{collection_name}/exists",
            Optimizations(_) => "GET /collections/{collection_name}/optimizations",
            ChangeAliases => "POST /collections/aliases",
            ListAliases => "GET /aliases",
            CollectionAliases(_) => "GET /collections/{collection_name}/aliases",
            CreateIndex(_) => "PUT /collections/{collection_name}/index",
            DeleteIndex(..) => "DELETE /collections/{collection_name}/index/{field_name}",
            Upsert(_) => "PUT /collections/{collection_name}/points",
            DeletePoints(_) => "POST /collections/{collection_name}/points/delete",
            SetPayload(_) => "POST /collections/{collection_name}/points/payload",
            OverwritePayload(_) => "PUT /collections/{collection_name}/points/payload",
            DeletePayload(_) => "POST /collections/{collection_name}/points/payload/delete",
            ClearPayload(_) => "POST /collections/{collection_name}/points/payload/clear",
            UpdateVectors(_) => "PUT /collections/{collection_name}/points/vectors",
            DeleteVectors(_) => "POST /collections/{collection_name}/points/vectors/delete",
            UpdateBatch(_) => "POST /collections/{collection_name}/points/batch",
            Retrieve(_) => "POST /collections/{collection_name}/points",
            GetPoint(..) => "GET /collections/{collection_name}/points/{id}",
            Scroll(_) => "POST /collections/{collection_name}/points/scroll",
            Count(_) => "POST /collections/{collection_name}/points/count",
            Query(_) => "POST /collections/{collection_name}/points/query",
            QueryBatch(_) => "POST /collections/{collection_name}/points/query/batch",
            QueryGroups(_) => "POST /collections/{collection_name}/points/query/groups",
            Search(_) => "POST /collections/{collection_name}/points/search",
            SearchBatch(_) => "POST /collections/{collection_name}/points/search/batch",
            SearchGroups(_) => "POST /collections/{collection_name}/points/search/groups",
            Facet(_) => "POST /collections/{collection_name}/facet",
            MatrixPairs(_) => "POST /collections/{collection_name}/points/search/matrix/pairs",
            MatrixOffsets(_) => "POST /collections/{collection_name}/points/search/matrix/offsets",
            Unserved(_) => "unserved",
        }
    }

    /// Qdrant answers these without a key.
    pub fn is_public(&self) -> bool {
        use Route::*;
        matches!(self, Root | Healthz | Livez | Readyz)
    }

    /// A write with one result, which the client may learn later.
    pub fn is_point_write(&self) -> bool {
        use Route::*;
        matches!(
            self,
            Upsert(_)
                | DeletePoints(_)
                | SetPayload(_)
                | OverwritePayload(_)
                | DeletePayload(_)
                | ClearPayload(_)
                | UpdateVectors(_)
                | DeleteVectors(_)
                | CreateIndex(_)
                | DeleteIndex(..)
        )
    }

    /// May read many points.
    pub fn is_scan(&self) -> bool {
        use Route::*;
        matches!(
            self,
            Query(_)
                | QueryBatch(_)
                | QueryGroups(_)
                | Search(_)
                | SearchBatch(_)
                | SearchGroups(_)
                | Facet(_)
                | MatrixPairs(_)
                | MatrixOffsets(_)
                | Scroll(_)
                | Count(_)
                | Retrieve(_)
                | GetPoint(..)
        )
    }

    /// Answered from memory in microseconds, so not worth a hand-over to another thread.
    pub fn is_light(&self) -> bool {
        use Route::*;
        matches!(
            self,
            Root | Healthz
                | Livez
                | Readyz
                | ListCollections
                | CollectionExists(_)
                | ListAliases
                | CollectionAliases(_)
                | Unserved(_)
        )
    }
}

fn unserved(method: &str, parts: &[&str]) -> Option<&'static str> {
    let what = match (method, parts) {
        ("POST", ["collections", _, "points", "recommend", ..]) => "points/recommend",
        ("POST", ["collections", _, "points", "discover", ..]) => "points/discover",
        ("PUT" | "DELETE", ["collections", _, "vectors", _]) => "named vectors",
        (_, ["collections", _, "snapshots", ..] | ["snapshots", ..]) => "snapshots",
        (_, ["collections", _, "shards", ..]) => "shards",
        (_, ["collections", _, "cluster"] | ["cluster", ..]) => "cluster",
        (_, ["issues"]) => "issues",
        (_, ["quotas"]) => "quotas",
        _ => return None,
    };
    Some(what)
}

/// Whether a new collection may have this name.
pub fn check_new_name(name: &str) -> Answer<()> {
    if name.is_empty() || name.len() > 255 {
        return Err(ApiError::invalid_path(
            "collection_name: value invalid, length must be from 1 to 255 characters",
        ));
    }
    match name_characters(name) {
        Ok(()) => Ok(()),
        Err(c) => Err(ApiError::invalid_path(format!(
            "collection_name: collection name cannot contain \"{c}\" char"
        ))),
    }
}

/// Percent-decoding of one path segment.
fn decode(part: &str) -> Answer<String> {
    let bytes = part.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let escaped = (bytes[i] == b'%')
            .then(|| part.get(i + 1..i + 3))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match escaped {
            Some(byte) => {
                decoded.push(byte);
                i += 3;
            }
            None => {
                decoded.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8(decoded)
        .map_err(|_| ApiError::bad_request(format!("path segment `{part}` is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_routes_and_decodes_names() {
        let found = Route::find(&Method::GET, "/collections/a%20b/points/7").unwrap();
        assert_eq!(found, Some(Route::GetPoint("a b".into(), "7".into())));
        assert_eq!(Route::find(&Method::GET, "/nothing").unwrap(), None);
        assert!(check_new_name("b*d").is_err());
        assert!(check_new_name("b.d").is_ok());
    }
}
