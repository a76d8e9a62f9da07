//! The SQLite backend: the conformance suite, and what is promised of its files and plans.

#[path = "../conformance/mod.rs"]
mod conformance;
mod copies;
mod crashes;
mod files;
mod migrations;
mod plans;
mod rot;

use conformance::world::World;

fn sqlite() -> World {
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    World::new(format!("sqlite:{}", folder.path().join("jobs.db").display()), folder, files::image)
}

conformance::suite!(crate::sqlite);
