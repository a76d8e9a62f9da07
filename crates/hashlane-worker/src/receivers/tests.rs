//! The lines and places of receivers, with a clock that the test moves.

use super::*;

/// Receivers with so many quick places, and the time.
struct Stand {
    receivers: Receivers<u32>,
    now: Instant,
}

impl Stand {
    fn new(quick_max: usize) -> Stand {
        Stand { receivers: Receivers::new(quick_max), now: Instant::now() }
    }

    /// How many of the items were taken in.
    fn offer(&mut self, receiver: &str, items: std::ops::Range<u32>) -> usize {
        items.filter(|item| self.receivers.offer(receiver.into(), *item, self.now).is_ok()).count()
    }

    fn refused(&mut self, receiver: &str) -> Option<Duration> {
        let refused = (0..1_000).find_map(|item| self.receivers.offer(receiver.into(), item, self.now).err());
        refused.expect("there is no room").silent_for
    }

    fn take(&mut self) -> Vec<(Ticket, u32)> {
        self.receivers.pass_slow(self.now);
        self.receivers.take(usize::MAX, self.now)
    }

    fn items(&mut self) -> Vec<u32> {
        self.take().into_iter().map(|(_, item)| item).collect()
    }

    fn end(&mut self, ticket: Ticket, showed: Showed) -> usize {
        self.receivers.ended(ticket, Some(showed), self.now).len()
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }
}

/// Failure rule D6.
#[test]
fn a_receiver_gets_one_until_it_has_answered_and_then_four() {
    let mut stand = Stand::new(100);
    stand.offer("a", 0..20);
    let first = stand.take();
    assert_eq!(first.len(), 1);
    assert!(stand.take().is_empty());
    stand.end(first[0].0, Showed::Answer);
    let next = stand.take();
    assert_eq!(next.iter().map(|(_, item)| *item).collect::<Vec<_>>(), [1, 2, 3, 4], "in order");
    stand.end(next[0].0, Showed::Answer);
    assert_eq!(stand.items(), [5]);
}

#[test]
fn a_receiver_that_answered_is_remembered_when_it_has_nothing_to_do() {
    let mut stand = Stand::new(100);
    stand.offer("a", 0..1);
    let first = stand.take();
    stand.end(first[0].0, Showed::Answer);
    assert!(stand.receivers.lines.is_empty());
    stand.offer("a", 1..20);
    assert_eq!(stand.items(), [1, 2, 3, 4]);
}

#[test]
fn a_silent_receiver_gets_single_probes_and_what_waited_for_it_is_given_back() {
    let mut stand = Stand::new(100);
    stand.offer("a", 0..20);
    let first = stand.take();
    stand.pass(Duration::from_secs(10));
    assert_eq!(stand.end(first[0].0, Showed::Silence), 19);
    assert!(stand.take().is_empty());
    // Until the pause is over nothing is sent, then one.
    assert_eq!(stand.offer("a", 0..5), 0);
    assert_eq!(stand.refused("a"), Some(Duration::from_secs(10)));
    stand.pass(Duration::from_secs(2));
    assert_eq!(stand.offer("a", 0..5), 1);
    let probe = stand.take();
    assert_eq!(probe.len(), 1);
    assert_eq!(stand.refused("a"), Some(Duration::from_secs(12)));
    // It is well again.
    stand.end(probe[0].0, Showed::Answer);
    assert_eq!(stand.offer("a", 0..5), 5);
    assert_eq!(stand.items().len(), 4);
}

#[test]
fn who_is_turned_away_learns_that_the_receiver_does_not_answer_as_soon_as_it_is_slow() {
    let mut stand = Stand::new(100);
    stand.offer("a", 0..1_000);
    stand.take();
    assert_eq!(stand.refused("a"), None);
    stand.pass(QUICK);
    stand.take();
    assert_eq!(stand.refused("a"), Some(QUICK));
}

/// Failure rule D6.
#[test]
fn a_receiver_is_held_back_from_when_it_is_slow_or_refuses_until_it_answers() {
    fn held(stand: &mut Stand) -> Vec<Option<(Duration, Duration)>> {
        let holdings = stand.receivers.take_holdings().into_iter();
        let times = holdings.map(|it| it.silence.map(|silence| (silence.since, silence.until)));
        times.collect()
    }
    let mut stand = Stand::new(100);
    stand.offer("a", 0..5);
    let first = stand.take()[0].0;
    assert_eq!(held(&mut stand), []);
    stand.pass(QUICK);
    stand.take();
    assert_eq!(held(&mut stand), [Some((QUICK, HELD_MAX))]);
    stand.end(first, Showed::Answer);
    assert_eq!(held(&mut stand), [None]);

    // Who has answered may take his time.
    let next = stand.take();
    stand.pass(QUICK);
    stand.take();
    assert_eq!(held(&mut stand), []);
    stand.pass(Duration::from_secs(10) - QUICK);
    stand.end(next[0].0, Showed::Silence);
    assert_eq!(held(&mut stand), [Some((Duration::from_secs(10), Duration::from_secs(2)))]);
    stand.end(next[1].0, Showed::Answer);
    assert_eq!(held(&mut stand), [None]);

    for item in 0..3 {
        assert_eq!(held(&mut stand), []);
        stand.offer("b", item..item + 1);
        let taken = stand.take();
        let ticket = taken.into_iter().find(|(_, taken)| *taken == item).expect("it is sent").0;
        stand.end(ticket, Showed::Refusal);
    }
    assert_eq!(held(&mut stand), [Some((Duration::ZERO, Duration::from_secs(2)))]);
}

#[test]
fn what_is_not_answered_quickly_gives_up_its_quick_place() {
    let mut stand = Stand::new(8);
    // One of the eight is kept for receivers that are known to answer; 24 places are slow.
    let mut sent = 0;
    for index in 0..100 {
        stand.offer(&format!("hanging-{index}"), 0..1);
    }
    for expected in [7, 14, 21, 28, 31, 31] {
        sent += stand.take().len();
        assert_eq!(sent, expected);
        stand.pass(QUICK);
    }
    assert_eq!(stand.receivers.slow_from(), None, "there is nowhere to go, so nothing is to be done");
}

#[test]
fn places_are_kept_for_receivers_that_are_known_to_answer() {
    let mut stand = Stand::new(8);
    stand.offer("known", 0..1);
    let first = stand.take();
    stand.end(first[0].0, Showed::Answer);
    for index in 0..100 {
        stand.offer(&format!("hanging-{index}"), 1..2);
    }
    for _ in 0..10 {
        stand.take();
        stand.pass(QUICK);
    }
    assert!(stand.take().is_empty());
    stand.offer("known", 7..8);
    assert_eq!(stand.items(), [7]);
}

#[test]
fn those_that_answer_and_those_that_are_new_take_turns() {
    let mut stand = Stand::new(8);
    for index in 0..20 {
        stand.offer(&format!("known-{index}"), 0..1);
    }
    loop {
        let taken = stand.take();
        if taken.is_empty() {
            break;
        }
        for (ticket, _) in taken {
            stand.end(ticket, Showed::Answer);
        }
    }
    for index in 0..20 {
        stand.offer(&format!("known-{index}"), 0..1);
        stand.offer(&format!("new-{index}"), 1..2);
    }
    let new: u32 = stand.items().into_iter().sum();
    assert_eq!(new, 4);
}

#[test]
fn probes_take_no_more_than_a_quarter_of_the_slow_places() {
    let mut stand = Stand::new(8);
    for index in 0..50 {
        stand.offer(&format!("silent-{index}"), 0..1);
    }
    let mut silent = 0;
    while silent < 50 {
        for (ticket, _) in stand.take() {
            stand.end(ticket, Showed::Silence);
            silent += 1;
        }
    }
    stand.pass(Duration::from_secs(60));
    for index in 0..50 {
        stand.offer(&format!("silent-{index}"), 0..1);
    }
    assert_eq!(stand.take().len(), 6);
}

#[test]
fn no_more_waits_than_the_bounds_say() {
    let mut stand = Stand::new(100);
    assert_eq!(stand.offer("a", 0..1_000), IN_FLIGHT_UNPROVEN_MAX + WAITING_UNPROVEN_MAX);
    for index in 0..1_000 {
        stand.offer(&format!("b{index}"), 0..1_000);
    }
    assert_eq!(stand.receivers.waiting, WAITING_MAX);
    // A receiver that nobody is sent to is lined up even then, as far as the other bound allows.
    assert_eq!(stand.offer("healthy", 0..5), 1);
    for index in 0..5_000 {
        stand.offer(&format!("c{index}"), 0..1);
    }
    assert_eq!(stand.receivers.ready.new.len(), WAITING_MAX);
    assert!(stand.receivers.lines.len() <= WAITING_MAX);
}

#[test]
fn a_receiver_that_turned_away_and_runs_low_is_hungry_once() {
    let mut stand = Stand::new(100);
    stand.offer("a", 0..1_000);
    assert!(!stand.receivers.take_hungry());
    let mut asked = 0;
    loop {
        let taken = stand.take();
        if taken.is_empty() {
            break;
        }
        for (ticket, _) in taken {
            stand.end(ticket, Showed::Answer);
            asked += usize::from(stand.receivers.take_hungry());
        }
    }
    assert_eq!(asked, 1);
}

#[test]
fn everything_that_was_not_taken_can_be_drained() {
    let mut stand = Stand::new(100);
    let taken_in = stand.offer("a", 0..10) + stand.offer("b", 0..10);
    let taken = stand.receivers.take(1, stand.now);
    assert_eq!(stand.receivers.drain().len() + taken.len(), taken_in);
    // What ends afterwards finds no line any more.
    assert_eq!(stand.end(taken[0].0, Showed::Answer), 0);
}

#[test]
fn an_attempt_that_showed_nothing_changes_nothing() {
    let mut stand = Stand::new(100);
    stand.offer("a", 0..3);
    let first = stand.take();
    stand.receivers.ended(first[0].0, None, stand.now);
    assert_eq!(stand.items(), [1]);
}
