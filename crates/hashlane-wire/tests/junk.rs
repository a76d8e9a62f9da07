//! Arbitrary input to every reader: an answer or a refusal, never a panic.

use hashlane_job::Timestamp;
use hashlane_wire::{
    ErrorAnswer, HostRules, Query, RequestHead, SubmitRequest, TimeOffset, address, check_content_md5,
    check_content_type, job_detail, route, sign,
};
use proptest::prelude::*;

/// Bytes, or pieces of XML in any order.
fn document() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        "<?xml version='1.0'?>",
        "<Request>",
        "</Request>",
        "<Tag>",
        "</Tag>",
        "FileHashCode",
        "<Input>",
        "</Input>",
        "<Object>",
        "</Object>",
        "<a/>",
        "<a b='c'>",
        "</a>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "&",
        ";",
        "&#x41;",
        "&amp;",
        "<",
        ">",
        "<!",
        "<?",
        "?>",
        "<!DOCTYPE a [",
        "<Response>",
        "<JobsDetail>",
        "<Error>",
        "'",
        "\"",
        "é",
        "-",
        " ",
    ];
    let pieces = prop::collection::vec(prop::sample::select(pieces), 0..40);
    prop_oneof![any::<Vec<u8>>(), pieces.prop_map(|pieces| pieces.concat().into_bytes())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Failure rule C9.
    #[test]
    fn bodies(body in document(), header in prop::option::of(any::<String>())) {
        let _ = SubmitRequest::parse(&body);
        let _ = job_detail::parse(&body);
        let _ = ErrorAnswer::parse(&body);
        let _ = check_content_md5(header.as_deref(), &body);
        let _ = check_content_type(header.as_deref());
    }

    /// Failure rule C6.
    #[test]
    fn heads(
        method in "[!-~]{0,8}|GET|PUT|POST|DELETE|HEAD",
        path in any::<String>().prop_map(|path| format!("/{path}")),
        query in prop_oneof![any::<String>(), "((q-sign-algorithm|q-ak|q-sign-time|q-header-list|a|%)(=|%3D|;)?(sha1|[0-9]{0,25};?|%ff|\\+)?&?){0,12}"],
        host: String,
        authorization: Vec<u8>,
        now: i64,
    ) {
        let headers = vec![("Host", host.as_bytes()), ("authorization", authorization.as_slice())];
        let head = RequestHead { method: &method, path: &path, query: &query, headers };
        let address = address(&host, &HostRules { base_domains: vec!["".into(), "a".into()], ..HostRules::default() });
        let _ = route(&head, &address, true);
        let _ = Query::parse(&query);
        let _ = sign::presented(&head);

        // A well-formed signature over whatever the request is.
        let made = sign::authorization(&head, "ak", "secret", 0, i64::MAX);
        let headers = vec![("Host", host.as_bytes()), ("Authorization", made.as_bytes())];
        let head = RequestHead { headers, ..head };
        if let Ok(Some(presented)) = sign::presented(&head) {
            let now = Timestamp::from_unix_millis(now);
            let rules = sign::Rules { skew_seconds: i64::MAX, ..sign::Rules::default() };
            prop_assert_eq!(sign::verify(&head, &presented, Some("secret"), None, now, rules), Ok(()));
        }
    }

    #[test]
    fn offsets(text: String) {
        let _ = TimeOffset::parse(&text);
    }
}

/// The work is not that of comparing each header with each, which would take minutes here.
#[test]
fn a_head_of_many_headers_is_verified_like_a_small_one() {
    let names: Vec<String> = (0..30_000).map(|number| format!("X-Other-{number}")).collect();
    let mut headers: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), b" v ".as_slice())).collect();
    headers.extend([("x-cos-b", b"2".as_slice()), ("Host", b"a.example"), ("X-Cos-B", b"1")]);
    let mut head = RequestHead { method: "GET", path: "/a", query: "", headers };
    let made = sign::authorization(&head, "ak", "secret", 0, 10);
    head.headers.push(("Authorization", made.as_bytes()));
    let presented = sign::presented(&head).expect("it is well-formed").expect("it is signed");
    let now = Timestamp::from_unix_seconds(5);
    assert_eq!(sign::verify(&head, &presented, Some("secret"), None, now, sign::Rules::default()), Ok(()));
}
