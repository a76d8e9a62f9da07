//! The query parser and the readers of queries: no harm, bounded memory, the fields that a plain reading finds, and what is
//! read and printed again reads the same.
#![no_main]

use hashlane_fuzz::{bounded, reading};
use hashlane_wire::queue::QueueListQuery;
use hashlane_wire::service::ServiceListQuery;
use hashlane_wire::storage::{ListObjectsQuery, ListPartsQuery, ListUploadsQuery, response_overrides};
use hashlane_wire::sync_hash::SyncHashQuery;
use hashlane_wire::{JobListQuery, Page, Query, TimeOffset};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let raw = String::from_utf8_lossy(input);
    let fields: Option<Vec<(String, String)>> = reading::fields(&raw)
        .into_iter()
        .map(|(name, value)| {
            let text = |raw| String::from_utf8(reading::form_decoded(raw)).ok();
            Some((text(name)?, text(value)?))
        })
        .collect();
    let query = bounded(raw.len(), || Query::parse(&raw));
    assert_eq!(query.is_ok(), fields.is_some(), "only what is not UTF-8 is refused");
    let (Ok(query), Some(fields)) = (query, fields) else { return };

    assert!(query.names().eq(fields.iter().map(|(name, _)| name.as_str())));
    for (name, _) in fields.iter().take(50) {
        let of_name = |(given, _): &&(String, String)| given.eq_ignore_ascii_case(name);
        let value = fields.iter().filter(of_name).map(|(_, value)| value.as_str()).find(|value| !value.is_empty());
        assert!(query.has(name));
        assert_eq!(query.value(&name.to_ascii_uppercase()), value);
    }
    let printed: Vec<String> = fields
        .iter()
        .map(|(name, value)| {
            let encoded = |text: &str| reading::percent_encoded(text.as_bytes());
            format!("{}={}", encoded(name), encoded(value))
        })
        .collect();
    let again = Query::parse(&printed.join("&")).expect("a printed query is one");
    assert!(query.names().eq(again.names()) || fields.iter().any(|(name, _)| name.is_empty()));

    read_calls(&raw, &query);
    read_storage_calls(&raw, &query);
});

/// The queries of calls.
fn read_calls(raw: &str, query: &Query) {
    if let Ok(page) = Page::parse(query) {
        assert!(page.number > 0 && (1..=Page::SIZE_MAX).contains(&page.size));
        assert!(page.of(&[0; 250]).len() <= page.size);
    }
    if let Ok(list) = bounded(raw.len(), || QueueListQuery::parse(query)) {
        assert!(list.ids.len() <= QueueListQuery::IDS_MAX);
        assert_eq!(QueueListQuery::parse(&parsed(&list.print())), Ok(list));
    }
    if let Ok(list) = bounded(raw.len(), || JobListQuery::parse(query)) {
        let again = JobListQuery::parse(&parsed(&list.print())).expect("a printed list is one");
        // Printed times stay within the years of four digits, so that an offset may move those at the border.
        let times = |list: &JobListQuery| {
            [list.created_from, list.created_to].map(|time| time.map(|time| TimeOffset::UTC.print(time)))
        };
        assert_eq!(times(&list), times(&again));
        let without_times = |list: JobListQuery| JobListQuery { created_from: None, created_to: None, ..list };
        assert_eq!(without_times(list), without_times(again));
    }
    if let Ok(list) = bounded(raw.len(), || ServiceListQuery::parse(query)) {
        for bucket in &list.buckets {
            let region = list.regions.first().map_or("", String::as_str);
            assert_eq!(list.meets(bucket, region), bucket.starts_with(&list.prefix));
        }
    }
    for text in raw.split(['&', '=']) {
        if let Some(time) = TimeOffset::read(text) {
            let printed = TimeOffset::UTC.print(time);
            assert_eq!(TimeOffset::read(&printed).map(|time| TimeOffset::UTC.print(time)), Some(printed));
        }
        if let Some(offset) = TimeOffset::parse(text) {
            assert!(offset.minutes.abs() <= 14 * 60);
        }
    }
}

/// The queries of storage calls, of which no page has more than a thousand entries.
fn read_storage_calls(raw: &str, query: &Query) {
    let _ = bounded(raw.len(), || SyncHashQuery::parse(raw));
    if let Ok(list) = bounded(raw.len(), || ListObjectsQuery::parse(query)) {
        assert!(list.entries_max <= 1000);
        assert_eq!(list.prefix, query.value("prefix").unwrap_or_default());
    }
    if let Ok(list) = bounded(raw.len(), || ListUploadsQuery::parse(query)) {
        assert!(list.entries_max <= 1000);
    }
    if let Ok(list) = bounded(raw.len(), || ListPartsQuery::parse(query)) {
        assert!(list.entries_max <= 1000);
    }
    for (name, value) in response_overrides(query) {
        assert_eq!(query.value(&format!("response-{name}")), Some(value));
    }
}

fn parsed(query: &str) -> Query {
    Query::parse(query).expect("what is printed is a query")
}
