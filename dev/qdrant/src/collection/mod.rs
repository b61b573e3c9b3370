//! One collection: the engine's shard, and the threads that optimize and flush it.

mod background;

use qdrant_edge::{EdgeShard, OperationResult, SegmentState, UpdateOperation};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use crate::reply::{Answer, ApiError};
use crate::settings::Settings;
use crate::strict::Buckets;

/// Present only in a directory whose collection was created completely and not deleted.
pub const SETTINGS_FILE: &str = "collection.json";
const SHARD_DIR: &str = "shard";
#[derive(serde::Serialize, serde::Deserialize)]
struct Saved {
    name: String,
    settings: Settings,
}

pub struct Collection {
    pub name: String,
    dir: PathBuf,
    settings: RwLock<Arc<Settings>>,
    /// None once deleted. A PATCH takes it for writing to reload the shard, so whoever keeps a
    /// clone of the inner Arc must hold `optimizing` or `flushing` for as long.
    shard: RwLock<Option<Arc<EdgeShard>>>,
    optimizing: Mutex<()>,
    flushing: Mutex<()>,
    /// The engine numbers writes in this order; holds the next number.
    next_operation: Mutex<u64>,
    progress: Mutex<Progress>,
    buckets: Mutex<Buckets>,
    changed: Condvar,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What the background threads know and want to know.
#[derive(Default)]
pub struct Progress {
    /// Counts writes and setting changes.
    written: u64,
    /// `written` as it was before the last optimization round that left nothing to do.
    optimized: u64,
    /// `written` as it was before the last flush.
    flushed: u64,
    stopping: bool,
    pub running: Option<Run>,
    pub error: Option<String>,
    pub history: VecDeque<Done>,
    pub rounds: u64,
}

#[derive(Clone)]
pub struct Run {
    pub id: String,
    pub started: Instant,
    pub started_at: SystemTime,
    pub segments: Vec<Segment>,
}

/// An optimization round that changed something.
#[derive(Clone)]
pub struct Done {
    pub run: Run,
    pub took: Duration,
    pub error: Option<String>,
}

/// A segment as its `segment.json` on disk tells.
#[derive(Clone)]
pub struct Segment {
    pub id: String,
    pub state: SegmentState,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Status {
    Green,
    Yellow,
    Red,
}

impl Progress {
    pub fn status(&self) -> Status {
        if self.error.is_some() {
            Status::Red
        } else if self.pending() {
            Status::Yellow
        } else {
            Status::Green
        }
    }
    pub fn pending(&self) -> bool {
        self.running.is_some() || self.optimized != self.written
    }
}

/// A poisoned lock means a panic in the engine; the data behind our locks is still whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Collection {
    pub fn create(dir: PathBuf, name: String, settings: Settings) -> Answer<Arc<Self>> {
        let shard_dir = dir.join(SHARD_DIR);
        std::fs::create_dir_all(&shard_dir).map_err(ApiError::internal)?;
        let made = EdgeShard::new(&shard_dir, settings.to_engine()?)
            .map_err(ApiError::from)
            .and_then(|shard| save(&dir, &name, &settings).map(|()| shard));
        match made {
            Ok(shard) => Ok(Self::start(dir, name, settings, shard, 0)),
            Err(error) => {
                std::fs::remove_dir_all(&dir).ok();
                Err(error)
            }
        }
    }

    /// Opens a directory left by an earlier process; None when it holds no complete collection.
    pub fn open(dir: PathBuf) -> Answer<Option<Arc<Self>>> {
        let path = dir.join(SETTINGS_FILE);
        let Ok(bytes) = std::fs::read(&path) else {
            return Ok(None);
        };
        let saved: Saved = serde_json::from_slice(&bytes)
            .map_err(|error| ApiError::internal(format!("{}: {error}", path.display())))?;
        let shard = load(&dir.join(SHARD_DIR), &saved.settings)?;
        // The engine does not tell its next operation number, but what it flushed does.
        shard.flush().map_err(ApiError::from)?;
        let newest = segments(&dir.join(SHARD_DIR))
            .iter()
            .filter_map(|segment| segment.state.version)
            .max();
        let next = newest.map_or(0, |version| version + 1);
        let collection = Self::start(dir, saved.name, saved.settings, shard, next);
        collection.touch();
        Ok(Some(collection))
    }

    fn start(
        dir: PathBuf,
        name: String,
        settings: Settings,
        shard: EdgeShard,
        next_operation: u64,
    ) -> Arc<Self> {
        let collection = Arc::new(Self {
            name,
            dir,
            settings: RwLock::new(Arc::new(settings)),
            shard: RwLock::new(Some(Arc::new(shard))),
            optimizing: Mutex::default(),
            flushing: Mutex::default(),
            next_operation: Mutex::new(next_operation),
            progress: Mutex::default(),
            buckets: Mutex::default(),
            changed: Condvar::new(),
            threads: Mutex::default(),
        });
        let optimizer = spawn("optimizer", &collection, Self::optimize_forever);
        let flusher = spawn("flusher", &collection, Self::flush_forever);
        locked(&collection.threads).extend([optimizer, flusher]);
        collection
    }

    pub fn settings(&self) -> Arc<Settings> {
        let guard = self.settings.read();
        guard.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn progress(&self) -> MutexGuard<'_, Progress> {
        locked(&self.progress)
    }

    /// The tokens of strict mode's rate limits.
    pub fn buckets(&self) -> MutexGuard<'_, Buckets> {
        locked(&self.buckets)
    }

    pub fn segments(&self) -> Vec<Segment> {
        segments(&self.dir.join(SHARD_DIR))
    }

    /// Runs a read on the shard. Reads run beside each other and beside an optimization.
    pub fn read<T>(&self, run: impl FnOnce(&EdgeShard) -> OperationResult<T>) -> Answer<T> {
        let guard = self.shard_guard();
        let shard = guard
            .as_ref()
            .ok_or_else(|| ApiError::no_collection(&self.name))?;
        run(shard).map_err(ApiError::from)
    }

    fn shard_guard(&self) -> RwLockReadGuard<'_, Option<Arc<EdgeShard>>> {
        self.shard.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a read would have to wait for a PATCH or a DELETE.
    pub fn is_reloading(&self) -> bool {
        self.shard.try_read().is_err()
    }

    /// Applies a write and returns its operation number. It is in the WAL when this returns.
    pub fn update(&self, operation: UpdateOperation) -> Answer<u64> {
        let mut next = locked(&self.next_operation);
        let result = self.read(|shard| shard.update(operation));
        let number = *next;
        *next += 1;
        drop(next);
        self.touch();
        result.map(|()| number)
    }

    /// Something changed that an optimization may have to follow.
    fn touch(&self) {
        self.progress().written += 1;
        self.changed.notify_all();
    }

    /// Applies new settings; waits for a running optimization, as Qdrant does.
    pub fn patch(&self, change: impl FnOnce(&Settings) -> Answer<Settings>) -> Answer<()> {
        let _optimizing = locked(&self.optimizing);
        let _flushing = locked(&self.flushing);
        let old = self.settings();
        let next = change(&old)?;
        let (before, after) = (old.to_engine()?, next.to_engine()?);
        let mut slot = self.shard.write().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            return Err(ApiError::no_collection(&self.name));
        }
        save(&self.dir, &self.name, &next)?;
        if before != after {
            // The engine has setters for some settings only and cannot unset any: a reload takes
            // all of them. Dropping the shard flushes it.
            drop(slot.take());
            let path = self.dir.join(SHARD_DIR);
            // On failure go back, so that the collection stays usable and the files agree.
            let loaded = load(&path, &next).or_else(|error| {
                save(&self.dir, &self.name, &old)?;
                *slot = Some(Arc::new(load(&path, &old)?));
                Err(error)
            });
            *slot = Some(Arc::new(loaded?));
        }
        drop(slot);
        *self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        self.touch();
        Ok(())
    }

    /// Deletes the collection's files after its running optimization has ended: the engine cannot
    /// cancel one, and left alone it would eat the next collection's CPU.
    pub fn delete(&self) -> Answer<()> {
        self.stop();
        let mut slot = self.shard.write().unwrap_or_else(PoisonError::into_inner);
        drop(slot.take());
        drop(slot);
        // From here on it is gone, whenever the process dies.
        std::fs::remove_file(self.dir.join(SETTINGS_FILE)).map_err(ApiError::internal)?;
        std::fs::remove_dir_all(&self.dir).map_err(ApiError::internal)
    }

    fn stop(&self) {
        self.progress().stopping = true;
        self.changed.notify_all();
        for thread in locked(&self.threads).drain(..) {
            thread.join().ok();
        }
    }

    /// Holds off new writes for good and puts the old ones on disk. For the process's last moments.
    pub fn seal(&self) -> Answer<()> {
        std::mem::forget(locked(&self.next_operation));
        self.read(EdgeShard::flush)
    }
}

fn spawn(
    task: &str,
    collection: &Arc<Collection>,
    run: impl FnOnce(&Collection) + Send + 'static,
) -> JoinHandle<()> {
    let collection = Arc::clone(collection);
    std::thread::Builder::new()
        .name(task.to_owned())
        .spawn(move || run(&collection))
        .expect("the system refuses a thread")
}

/// The engine resolves unset values from its own saved config; ours is complete, so it replaces it.
fn load(path: &Path, settings: &Settings) -> Answer<EdgeShard> {
    settings.to_engine()?.save(path).map_err(ApiError::from)?;
    EdgeShard::load(path, None).map_err(ApiError::from)
}

fn save(dir: &Path, name: &str, settings: &Settings) -> Answer<()> {
    let saved = Saved {
        name: name.to_owned(),
        settings: settings.clone(),
    };
    let bytes = serde_json::to_vec_pretty(&saved).map_err(ApiError::internal)?;
    write_atomically(&dir.join(SETTINGS_FILE), &bytes).map_err(ApiError::internal)
}

/// A reader, or a process started after a crash, sees the old content or the new, never a part.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension("tmp");
    let mut file = std::fs::File::create(&draft)?;
    std::io::Write::write_all(&mut file, bytes)?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    match path.parent() {
        Some(parent) => std::fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

pub fn uuid() -> String {
    qdrant_edge::external::uuid::Uuid::new_v4().to_string()
}

fn segments(shard_dir: &Path) -> Vec<Segment> {
    let Ok(entries) = std::fs::read_dir(shard_dir.join("segments")) else {
        return Vec::new();
    };
    let mut found: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let bytes = std::fs::read(entry.path().join(qdrant_edge::SEGMENT_STATE_FILE)).ok()?;
            Some(Segment {
                id: entry.file_name().into_string().ok()?,
                state: serde_json::from_slice(&bytes).ok()?,
            })
        })
        .collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found
}
