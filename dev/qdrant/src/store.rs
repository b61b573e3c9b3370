//! All collections of a storage folder, and their aliases.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use crate::collection::{Collection, uuid, write_atomically};
use crate::reply::{Answer, ApiError};
use crate::settings::Settings;

type Collections = BTreeMap<String, Arc<Collection>>;
type Aliases = BTreeMap<String, String>;

pub struct Store {
    root: PathBuf,
    collections: RwLock<Collections>,
    aliases: RwLock<Aliases>,
    /// One creation at a time, so that two of one name cannot both succeed.
    creating: Mutex<()>,
}

/// One step of `POST /collections/aliases`.
#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub enum AliasAction {
    #[serde(rename = "create_alias")]
    Create(CreateAlias),
    #[serde(rename = "delete_alias")]
    Delete(DeleteAlias),
    #[serde(rename = "rename_alias")]
    Rename(RenameAlias),
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateAlias {
    collection_name: String,
    alias_name: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteAlias {
    alias_name: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RenameAlias {
    old_alias_name: String,
    new_alias_name: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAliases {
    actions: Vec<AliasAction>,
}

impl Store {
    /// Opens the folder, making it if need be, and removes what an interrupted create or delete left.
    pub fn open(root: PathBuf) -> Answer<Self> {
        let folder = root.join("collections");
        let fail = |error| ApiError::internal(format!("{}: {error}", folder.display()));
        std::fs::create_dir_all(&folder).map_err(fail)?;
        let mut collections = Collections::new();
        for entry in std::fs::read_dir(&folder).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            match Collection::open(path.clone())? {
                Some(collection) => {
                    collections.insert(collection.name.clone(), collection);
                }
                None => std::fs::remove_dir_all(&path).map_err(fail)?,
            }
        }
        let aliases = match std::fs::read(root.join("aliases.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(ApiError::internal)?,
            Err(_) => Aliases::new(),
        };
        Ok(Self {
            root,
            collections: RwLock::new(collections),
            aliases: RwLock::new(aliases),
            creating: Mutex::default(),
        })
    }

    pub fn collections(&self) -> RwLockReadGuard<'_, Collections> {
        self.collections
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub fn aliases(&self) -> Aliases {
        let guard = self.aliases.read();
        guard.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The collection of this name or alias.
    pub fn get(&self, name: &str) -> Answer<Arc<Collection>> {
        if let Some(collection) = self.collections().get(name) {
            return Ok(Arc::clone(collection));
        }
        let target = self.aliases().get(name).cloned();
        target
            .and_then(|target| self.collections().get(&target).cloned())
            .ok_or_else(|| ApiError::no_collection(name))
    }

    pub fn create(&self, name: &str, settings: impl FnOnce() -> Answer<Settings>) -> Answer<()> {
        let _creating = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
        if self.collections().contains_key(name) {
            let message = format!("Collection `{name}` already exists!");
            return Err(ApiError::conflict(message));
        }
        if self.aliases().contains_key(name) {
            let message = format!(
                "Can't create collection with name {name}. Alias with the same name already exists"
            );
            return Err(ApiError::wrong_input(message));
        }
        // The folder has a name of its own: collection names may hold dots and slashes' kin, and a
        // deleted collection may still be waiting for its optimization to end.
        let dir = self.root.join("collections").join(uuid());
        let collection = Collection::create(dir, name.to_owned(), settings()?)?;
        self.collections
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), collection);
        Ok(())
    }

    /// False when there was none.
    pub fn delete(&self, name: &str) -> Answer<bool> {
        let removed = self
            .collections
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        let Some(collection) = removed else {
            return Ok(false);
        };
        let mut aliases = self.aliases();
        aliases.retain(|_, target| target != name);
        self.save_aliases(aliases)?;
        collection.delete().map(|()| true)
    }

    /// All actions or none.
    pub fn change_aliases(&self, change: ChangeAliases) -> Answer<()> {
        let _creating = self.creating.lock().unwrap_or_else(PoisonError::into_inner);
        let mut aliases = self.aliases();
        let missing = |name: &str| ApiError::not_found(format!("Alias {name} does not exists!"));
        for action in change.actions {
            match action {
                AliasAction::Create(CreateAlias {
                    collection_name,
                    alias_name,
                }) => {
                    if !self.collections().contains_key(&collection_name) {
                        return Err(ApiError::no_collection(&collection_name));
                    }
                    if self.collections().contains_key(&alias_name) {
                        let message = format!("Collection `{alias_name}` already exists!");
                        return Err(ApiError::conflict(message));
                    }
                    aliases.insert(alias_name, collection_name);
                }
                AliasAction::Delete(DeleteAlias { alias_name }) => {
                    let removed = aliases.remove(&alias_name);
                    removed.ok_or_else(|| missing(&alias_name))?;
                }
                AliasAction::Rename(RenameAlias {
                    old_alias_name,
                    new_alias_name,
                }) => {
                    let target = aliases.remove(&old_alias_name);
                    let target = target.ok_or_else(|| missing(&old_alias_name))?;
                    aliases.insert(new_alias_name, target);
                }
            }
        }
        self.save_aliases(aliases)
    }

    fn save_aliases(&self, aliases: Aliases) -> Answer<()> {
        let bytes = serde_json::to_vec(&aliases).map_err(ApiError::internal)?;
        let path = self.root.join("aliases.json");
        write_atomically(&path, &bytes).map_err(ApiError::internal)?;
        *self.aliases.write().unwrap_or_else(PoisonError::into_inner) = aliases;
        Ok(())
    }

    /// Ends writing and flushes everything, as the process's last act.
    pub fn seal(&self) {
        for collection in self.collections().values() {
            if let Err(error) = collection.seal() {
                eprintln!("flushing `{}` failed: {}", collection.name, error.message);
            }
        }
    }
}
