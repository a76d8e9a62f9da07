//! docs/states.md shows the same moves as the state machine allows.

use hashlane_job::{Event, JobState, advance};

const EVENTS: [Event; 5] = [Event::Claim, Event::Release, Event::Succeed, Event::Fail, Event::Cancel];

#[test]
fn the_document_shows_exactly_the_moves_that_the_state_machine_allows() {
    let document = include_str!("../../../docs/states.md");
    let mut expected = row("state", EVENTS.map(|event| format!("{event:?}")));
    expected += "|---|---|---|---|---|---|\n";
    for state in JobState::ALL {
        let moves = EVENTS.map(|event| advance(state, event).map_or("-".into(), |to| to.word().into()));
        expected += &row(state.word(), moves);
    }
    assert!(document.contains(&expected), "docs/states.md must hold this table:\n{expected}");
}

fn row(first: &str, cells: [String; 5]) -> String {
    format!("| {first} | {} |\n", cells.join(" | "))
}
