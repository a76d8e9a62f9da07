//! The conformance suite on SQLite.

mod conformance;

use conformance::world::World;

fn sqlite() -> World {
    let folder = tempfile::tempdir().expect("a temporary folder is made");
    World::new(format!("sqlite:{}", folder.path().join("jobs.db").display()), folder)
}

conformance::suite!(crate::sqlite);
