//! What each endpoint does.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::collection::Collection;
use crate::observe;
use crate::reply::{Answer, ApiError, HttpResponse, failure, json as json_response, ok, text};
use crate::route::{Route, check_new_name};
use crate::schema::collection::CreateCollection;
use crate::schema::points::{CountPoints, UpdateBatch};
use crate::schema::query::Query;
use crate::server::Server;
use crate::settings::Settings;
use crate::store::ChangeAliases;
use crate::writes::{self, Operations};
use crate::{aggregate, groups, points, query, strict};

/// The version of Qdrant whose API this is.
pub const VERSION: &str = "1.19.0";

pub struct Call {
    pub route: Route,
    /// The URL's query parameters.
    pub options: HashMap<String, String>,
    pub body: Bytes,
    pub start: Instant,
}

impl Call {
    fn wait(&self) -> bool {
        self.options
            .get("wait")
            .is_some_and(|value| value == "true")
    }
    fn parse<T: DeserializeOwned>(&self) -> Answer<T> {
        parse(&self.body)
    }
    /// The collection a request is about, whose strict mode may limit the request's timeout.
    fn collection(&self, server: &Server, name: &str) -> Answer<Arc<Collection>> {
        let collection = server.store.get(name)?;
        let seconds = self.options.get("timeout");
        if let Some(seconds) = seconds.and_then(|text| text.parse().ok()) {
            strict::timeout(&collection, seconds)?;
        }
        Ok(collection)
    }
    /// Reads a body, makes the engine's operations of it, and applies them.
    fn write<T: DeserializeOwned>(
        &self,
        server: &Server,
        name: &str,
        operations: impl FnOnce(&Settings, T) -> Answer<Operations>,
    ) -> Answer<HttpResponse> {
        let body: T = parse_placeless(&self.body)?;
        let collection = self.collection(server, name)?;
        let operations = operations(&collection.settings(), body)?;
        let number = writes::apply(&collection, operations)?;
        Ok(ok(&writes::written(number, self.wait()), self.start))
    }
    fn write_batch(&self, server: &Server, name: &str) -> Answer<HttpResponse> {
        let body: UpdateBatch = parse_placeless(&self.body)?;
        let collection = self.collection(server, name)?;
        let settings = collection.settings();
        let requests = body
            .operations
            .into_iter()
            .map(|update| writes::one(&settings, update))
            .collect::<Answer<Vec<_>>>()?;
        let results: Vec<_> = writes::apply_batch(&collection, requests)?
            .into_iter()
            .map(|number| writes::written(number, self.wait()))
            .collect();
        Ok(ok(&results, self.start))
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    serde_json::from_slice(body).map_err(ApiError::format)
}

/// Qdrant reads these bodies through a generic value first, so its message has no position.
fn parse_placeless<T: DeserializeOwned>(body: &[u8]) -> Answer<T> {
    serde_json::from_slice(body).map_err(|error| match error.is_data() {
        true => ApiError::format(placeless(&error)),
        false => ApiError::format(error),
    })
}

fn placeless(error: &serde_json::Error) -> String {
    let mut message = error.to_string();
    message.truncate(message.rfind(" at line ").unwrap_or(message.len()));
    message
}

fn end_of(body: &[u8]) -> String {
    let body = body.trim_ascii_end();
    let line = body.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = body.iter().rev().take_while(|byte| **byte != b'\n').count();
    format!("line {line} column {column}")
}

pub fn parse_query(body: &[u8]) -> Answer<Query> {
    // Qdrant reads a query through a flattened struct, which puts every problem at the body's end.
    serde_json::from_slice(body).map_err(|error| match error.is_data() {
        true => ApiError::format(format!("{} at {}", placeless(&error), end_of(body))),
        false => ApiError::format(error),
    })
}

pub fn reply<T: Serialize>(result: Answer<T>, start: Instant) -> HttpResponse {
    match result {
        Ok(result) => ok(&result, start),
        Err(error) => failure(&error, start),
    }
}

pub fn run(server: &Server, call: Call) -> HttpResponse {
    let start = call.start;
    answer(server, call).unwrap_or_else(|error| failure(&error, start))
}

fn answer(server: &Server, call: Call) -> Answer<HttpResponse> {
    let store = &server.store;
    let start = call.start;
    let written = |number: u64| ok(&writes::written(number, call.wait()), start);
    let response = match &call.route {
        Route::Root => {
            let about = json!({"title": "qdrant - vector search engine", "version": VERSION});
            json_response(hyper::StatusCode::OK, about.to_string().into_bytes())
        }
        Route::Healthz | Route::Livez => text(hyper::StatusCode::OK, "healthz check passed"),
        Route::Readyz => text(hyper::StatusCode::OK, "all shards are ready"),
        Route::Metrics => text(hyper::StatusCode::OK, observe::metrics(server)),
        Route::Telemetry => ok(&observe::telemetry(server, &call.options)?, start),
        Route::ListCollections => {
            let collections: Vec<_> = store
                .collections()
                .keys()
                .map(|name| json!({"name": name}))
                .collect();
            ok(&json!({"collections": collections}), start)
        }
        Route::CreateCollection(name) => {
            check_new_name(name)?;
            let body: CreateCollection = call.parse()?;
            store.create(name, || Settings::create(body))?;
            ok(&true, start)
        }
        Route::PatchCollection(name) => {
            let body = call.parse()?;
            store.get(name)?.patch(|settings| settings.patched(body))?;
            ok(&true, start)
        }
        Route::DeleteCollection(name) => ok(&store.delete(name)?, start),
        Route::CollectionInfo(name) => ok(&points::info(&*store.get(name)?)?, start),
        Route::CollectionExists(name) => {
            let exists = store.collections().contains_key(name);
            ok(&json!({"exists": exists}), start)
        }
        Route::Optimizations(name) => {
            let collection = store.get(name)?;
            ok(&observe::optimizations(&collection, &call.options)?, start)
        }
        Route::ChangeAliases => {
            store.change_aliases(call.parse::<ChangeAliases>()?)?;
            ok(&true, start)
        }
        Route::ListAliases => ok(&alias_list(server, None), start),
        Route::CollectionAliases(name) => ok(&alias_list(server, Some(name)), start),
        Route::CreateIndex(name) => {
            let body = call.parse()?;
            let collection = call.collection(server, name)?;
            let operations = writes::create_index(&collection.settings(), body)?;
            written(writes::apply(&collection, operations)?)
        }
        Route::DeleteIndex(name, field) => {
            let collection = call.collection(server, name)?;
            written(writes::apply(&collection, writes::delete_index(field)?)?)
        }
        Route::Upsert(name) => call.write(server, name, writes::upsert)?,
        Route::DeletePoints(name) => call.write(server, name, writes::delete)?,
        Route::SetPayload(name) => call.write(server, name, writes::set_payload)?,
        Route::OverwritePayload(name) => call.write(server, name, writes::overwrite_payload)?,
        Route::DeletePayload(name) => call.write(server, name, writes::delete_payload)?,
        Route::ClearPayload(name) => call.write(server, name, writes::clear_payload)?,
        Route::UpdateVectors(name) => call.write(server, name, writes::update_vectors)?,
        Route::DeleteVectors(name) => call.write(server, name, writes::delete_vectors)?,
        Route::UpdateBatch(name) => call.write_batch(server, name)?,
        Route::Retrieve(name) => {
            let body = call.parse()?;
            ok(
                &points::retrieve(&*call.collection(server, name)?, body)?,
                start,
            )
        }
        Route::GetPoint(name, id) => ok(&points::get(&*call.collection(server, name)?, id)?, start),
        Route::Scroll(name) => {
            let body = call.parse()?;
            ok(
                &points::scroll(&*call.collection(server, name)?, body)?,
                start,
            )
        }
        Route::Count(name) => {
            let body: CountPoints = call.parse()?;
            let count = points::count(&*call.collection(server, name)?, body)?;
            ok(&json!({"count": count}), start)
        }
        Route::Query(name) => {
            let query = parse_query(&call.body)?;
            let collection = call.collection(server, name)?;
            ok(&query::query(store, &collection, query)?, start)
        }
        Route::QueryBatch(name) => {
            let batch = call.parse()?;
            let collection = call.collection(server, name)?;
            ok(&query::query_batch(store, &collection, batch)?, start)
        }
        Route::QueryGroups(name) => {
            let body = call.parse()?;
            let collection = call.collection(server, name)?;
            ok(&groups::query_groups(store, &collection, body)?, start)
        }
        Route::Search(name) => {
            let body = call.parse()?;
            let collection = call.collection(server, name)?;
            ok(&query::search(store, &collection, body)?, start)
        }
        Route::SearchBatch(name) => {
            let body = call.parse()?;
            let collection = call.collection(server, name)?;
            ok(&query::search_batch(store, &collection, body)?, start)
        }
        Route::SearchGroups(name) => {
            let body = call.parse()?;
            let collection = call.collection(server, name)?;
            ok(&groups::search_groups(store, &collection, body)?, start)
        }
        Route::Facet(name) => {
            let body = call.parse()?;
            ok(
                &aggregate::facet(&*call.collection(server, name)?, body)?,
                start,
            )
        }
        Route::MatrixPairs(name) => {
            let body = call.parse()?;
            let collection = call.collection(server, name)?;
            ok(&aggregate::matrix_pairs(&collection, body)?, start)
        }
        Route::MatrixOffsets(name) => {
            let body = call.parse()?;
            let collection = call.collection(server, name)?;
            ok(&aggregate::matrix_offsets(&collection, body)?, start)
        }
        Route::Unserved(what) => {
            return Err(ApiError::not_implemented(format!(
                "this development server does not serve `{what}`; see its README for what it does"
            )));
        }
    };
    Ok(response)
}

fn alias_list(server: &Server, of: Option<&str>) -> serde_json::Value {
    let aliases: Vec<_> = server
        .store
        .aliases()
        .into_iter()
        .filter(|(_, target)| of.is_none_or(|name| name == target))
        .map(|(alias, target)| json!({"alias_name": alias, "collection_name": target}))
        .collect();
    json!({"aliases": aliases})
}
