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
use crate::points;
use crate::query;
use crate::reply::{Answer, ApiError, HttpResponse, failure, json as json_response, ok, text};
use crate::route::{Route, check_new_name};
use crate::schema::collection::CreateCollection;
use crate::schema::points::{CountPoints, Query, UpsertPoints};
use crate::server::Server;
use crate::settings::Settings;
use crate::store::ChangeAliases;

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

pub fn parse_query(server: &Server, name: &str, body: &[u8]) -> Answer<(Arc<Collection>, Query)> {
    // Qdrant reads a query through a flattened struct, which puts every problem at the body's end.
    let query = serde_json::from_slice(body).map_err(|error| match error.is_data() {
        true => ApiError::format(format!("{} at {}", placeless(&error), end_of(body))),
        false => ApiError::format(error),
    })?;
    Ok((server.store.get(name)?, query))
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
    let written = |number: u64| ok(&points::written(number, call.wait()), start);
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
            written(points::create_index(&*store.get(name)?, body)?)
        }
        Route::DeleteIndex(name, field) => {
            written(points::delete_index(&*store.get(name)?, field)?)
        }
        Route::Upsert(name) => {
            let body: UpsertPoints = parse_placeless(&call.body)?;
            written(points::upsert(&*store.get(name)?, body)?)
        }
        Route::DeletePoints(name) => {
            let body = call.parse()?;
            written(points::delete(&*store.get(name)?, body)?)
        }
        Route::Retrieve(name) => {
            let body = call.parse()?;
            ok(&points::retrieve(&*store.get(name)?, body)?, start)
        }
        Route::GetPoint(name, id) => ok(&points::get(&*store.get(name)?, id)?, start),
        Route::Scroll(name) => {
            let body = call.parse()?;
            ok(&points::scroll(&*store.get(name)?, body)?, start)
        }
        Route::Count(name) => {
            let body: CountPoints = call.parse()?;
            let count = points::count(&*store.get(name)?, body)?;
            ok(&json!({"count": count}), start)
        }
        Route::Query(name) => {
            let (collection, query) = parse_query(server, name, &call.body)?;
            ok(&query::query(&collection, query)?, start)
        }
        Route::QueryBatch(name) => {
            let batch = call.parse()?;
            ok(&query::query_batch(&*store.get(name)?, batch)?, start)
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
