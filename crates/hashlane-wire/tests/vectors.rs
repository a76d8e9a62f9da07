//! The golden vectors of the signature: made by the official Python SDK, checked by and against our signer.

use hashlane_job::Timestamp;
use hashlane_wire::sign::{self, Fault};
use hashlane_wire::{ErrorCode, RequestHead, WireError};
use serde_json::Value;

const ACCESS_KEY: &str = "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE";
const SECRET: &str = "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE";
const NOW: Timestamp = Timestamp::from_unix_seconds(1_557_902_860);

/// A vector as a request on the wire.
#[derive(Debug, Clone)]
struct Vector {
    name: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    /// The headers that were given to the signer, with the host it signed.
    given: Vec<(String, String)>,
    authorization: Option<String>,
}

impl Vector {
    fn all(kind: &str) -> Vec<Vector> {
        let file: Value = serde_json::from_str(include_str!("signing-vectors.json")).expect("the vectors are JSON");
        file[kind].as_array().expect("there is a list").iter().map(Vector::read).collect()
    }

    fn named(name: &str) -> Vector {
        let mut all = [Vector::all("header"), Vector::all("presigned")].concat().into_iter();
        all.find(|vector| vector.name == name).expect("there is such a vector")
    }

    fn read(value: &Value) -> Vector {
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        let url = text("url").expect("a vector has a URL");
        let (authority, target) =
            url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("it is http");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut given: Vec<(String, String)> = value["headers"]
            .as_object()
            .expect("a vector has headers")
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().expect("a header is text").to_owned()))
            .collect();
        let mut headers = given.clone();
        let signs_host = text("format_string").is_some_and(|format| format.contains("host="));
        if !given.iter().any(|(name, _)| name == "Host") {
            headers.push(("Host".into(), authority.into()));
            if signs_host {
                given.push(("Host".into(), authority.split(':').next().unwrap_or_default().into()));
            }
        }
        let authorization = text("authorization");
        headers.extend(authorization.clone().map(|value| ("Authorization".into(), value)));
        let (name, method) = (text("name").expect("named"), text("method").expect("a method"));
        Vector { name, method, path: format!("/{path}"), query: query.into(), headers, given, authorization }
    }

    fn head(&self) -> RequestHead<'_> {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        RequestHead { method: &self.method, path: &self.path, query: &self.query, headers }
    }

    fn with_header(mut self, name: &str, value: &str) -> Vector {
        self.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        self.headers.push((name.into(), value.into()));
        self
    }

    fn edit_authorization(mut self, edit: impl Fn(&str) -> String) -> Vector {
        for (_, value) in self.headers.iter_mut().filter(|(name, _)| name == "Authorization") {
            *value = edit(value);
        }
        self
    }

    fn verify(&self) -> Result<(), WireError> {
        self.verify_at(NOW)
    }

    fn verify_at(&self, now: Timestamp) -> Result<(), WireError> {
        let presented = sign::presented(&self.head())?.expect("it is signed");
        let secret = (presented.access_key == ACCESS_KEY).then_some(SECRET);
        Ok(sign::verify(&self.head(), &presented, secret, None, now, sign::Rules::default())?)
    }

    fn code(&self) -> Option<ErrorCode> {
        self.verify().err().map(|error| error.code)
    }
}

/// Rules S1.1, S1.2, S2.3, S2.5, S2.6, S2.11, S5.1, S5.3.
/// Failure rule C5.
#[test]
fn every_vector_verifies() {
    let all = [Vector::all("header"), Vector::all("presigned")].concat();
    assert_eq!(all.len(), 14 + 3);
    for vector in all {
        assert_eq!(vector.verify(), Ok(()), "{}", vector.name);
    }
}

/// Rules S2.1, S2.2, S5.1.
#[test]
fn our_authorization_is_the_official_one_to_the_byte() {
    for vector in Vector::all("header") {
        // The Python SDK appends `?cancel` to the path and so does not sign it (V12); in V10 signing of parameters is off.
        let query = if matches!(vector.name.as_str(), "V10" | "V12") { "" } else { &vector.query };
        let headers = vector.given.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let head = RequestHead { method: &vector.method, path: &vector.path, query, headers };
        let end = if vector.name == "V14" { 1_557_903_160 } else { 1_557_910_000 };
        let made = sign::authorization(&head, ACCESS_KEY, SECRET, 1_557_902_800, end);
        assert_eq!(Some(made), vector.authorization, "{}", vector.name);
    }
}

/// Rule S5.1.
#[test]
fn our_presigned_url_is_the_official_one_to_the_byte() {
    for vector in Vector::all("presigned") {
        let of_signature = |field: &&str| field.starts_with("q-");
        let official: Vec<&str> = vector.query.split('&').filter(of_signature).collect();
        let own: Vec<&str> = vector.query.split('&').filter(|field| !of_signature(field)).collect();
        let query = own.join("&");
        let headers = vector.given.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let head = RequestHead { method: &vector.method, path: &vector.path, query: &query, headers };
        let end = if vector.name == "P3" { 1_557_903_460 } else { 1_557_903_160 };
        let made = sign::presigned_query(&head, ACCESS_KEY, SECRET, 1_557_902_800, end);
        assert_eq!(made, official.join("&"), "{}", vector.name);
    }
}

/// Rules S2.4, S2.9.
#[test]
fn what_we_sign_we_verify_also_with_repeated_values() {
    let head = RequestHead {
        method: "GET",
        path: "/%E7%9B%AE/a+b%2Fc",
        query: "b=2&a=z&a=%20y&A=x&=e&flag",
        headers: vec![("Host", b"h:1"), ("x-cos-a", b"2"), ("X-COS-A", b" 1 ")],
    };
    fn verify(head: &RequestHead<'_>) -> Result<(), Fault> {
        let presented = sign::presented(head)?.expect("it is signed");
        sign::verify(head, &presented, Some(SECRET), None, NOW, sign::Rules::default())
    }
    let authorization = sign::authorization(&head, ACCESS_KEY, SECRET, 1_557_902_800, 1_557_910_000);
    assert!(authorization.contains("q-header-list=host;x-cos-a;x-cos-a&q-url-param-list=a;a;a;b;flag&"));
    let mut signed = head.clone();
    signed.headers.push(("authorization", authorization.as_bytes()));
    assert_eq!(verify(&signed), Ok(()));
    signed.query = "A=x&flag=&a=+y&a=z&b=%32";
    assert_eq!(verify(&signed), Ok(()), "the same values in another spelling and order are the same request");
}

/// Rules S2.7, S5.2.
#[test]
fn a_change_of_anything_that_is_covered_is_refused() {
    let v3 = || Vector::named("V3");
    let mismatch = Some(ErrorCode::SignatureDoesNotMatch);
    for (what, vector) in [
        ("method", Vector { method: "PUT".into(), ..v3() }),
        ("trailing slash", Vector { path: "/file_jobs/".into(), ..v3() }),
        ("path byte", Vector { path: "/file_jobt".into(), ..v3() }),
        ("listed header", v3().with_header("content-type", "text/xml")),
        ("listed header absent", v3().with_header("content-type", "")),
        ("last digit", v3().edit_authorization(|text| format!("{}0", &text[..text.len() - 1]))),
        ("upper-case digest", v3().edit_authorization(|text| text.replace("6a09841d", "6A09841D"))),
        ("short digest", v3().edit_authorization(|text| text[..text.len() - 1].to_owned())),
        ("empty digest", v3().edit_authorization(|text| text[..text.len() - 40].to_owned())),
        ("window", v3().edit_authorization(|text| text.replace("1557910000", "1557910001"))),
        ("sign window", v3().edit_authorization(|text| text.replacen("1557910000", "1557910001", 1))),
        ("leading zero", v3().edit_authorization(|text| text.replace("1557910000", "01557910000"))),
        ("header list order", v3().edit_authorization(|text| text.replace("type;host", "host;type"))),
        ("header unlisted", v3().edit_authorization(|text| text.replace(";host", ""))),
        ("parameter listed", v3().edit_authorization(|text| text.replace("param-list=", "param-list=a"))),
        (
            "values swapped",
            Vector {
                query: "response-content-type=max-age%3D600&response-cache-control=application%2Foctet-stream".into(),
                ..Vector::named("V2")
            },
        ),
        ("V13 normalised", Vector { path: "/b".into(), ..Vector::named("V13") }),
        ("V13 without a slash", Vector { path: "/a/..%2Fb".into(), ..Vector::named("V13") }),
        ("P1 value", {
            let p1 = Vector::named("P1");
            Vector { query: p1.query.replace("=a%2Fb", "=a%2Fc"), ..p1 }
        }),
        ("P3 without a header it signs", Vector { headers: Vec::new(), ..Vector::named("P3") }),
    ] {
        assert_eq!(vector.code(), mismatch, "{what}");
    }
    let other_key = v3().edit_authorization(|text| text.replace(ACCESS_KEY, "AKIDother"));
    assert_eq!(other_key.code(), Some(ErrorCode::InvalidAccessKeyId));
}

/// Rules S2.6, S2.8, S5.3.
#[test]
fn a_change_of_anything_that_is_not_covered_is_accepted() {
    for (what, vector) in [
        ("unlisted header", Vector::named("V1").with_header("User-Agent", "other")),
        ("new header", Vector::named("V1").with_header("x-ci-security-token", "added after signing")),
        ("another spelling of a path", Vector { path: "/%66ile_jobs".into(), ..Vector::named("V3") }),
        ("small hex digits", Vector { path: "//a/..%2fb".into(), ..Vector::named("V13") }),
        ("unlisted parameter", Vector { query: "cancel&x=y".into(), ..Vector::named("V12") }),
        ("letter case of a method", Vector { method: "post".into(), ..Vector::named("V3") }),
        (
            "host with a port",
            Vector::named("V3").with_header("Host", "examplebucket-1250000000.ci.ap-chongqing.myqcloud.com:80"),
        ),
        ("blanks around a value", Vector::named("V3").with_header("Content-Type", " \tapplication/xml ")),
    ] {
        assert_eq!(vector.verify(), Ok(()), "{what}");
    }
}

#[test]
fn a_listed_name_cannot_be_given_a_further_value_on_the_way() {
    let v2 = Vector::named("V2");
    for query in [format!("response-content-type=a&{}", v2.query), format!("{}&Response-Cache-Control=z", v2.query)] {
        let vector = Vector { query, ..v2.clone() };
        assert_eq!(vector.code(), Some(ErrorCode::SignatureDoesNotMatch), "{}", vector.query);
    }
    let mut v3 = Vector::named("V3");
    v3.headers.push(("content-TYPE".into(), "text/xml".into()));
    assert_eq!(v3.code(), Some(ErrorCode::SignatureDoesNotMatch));
}

#[test]
fn a_list_cannot_be_forged_to_uncover_an_empty_value() {
    fn head(query: &str) -> RequestHead<'_> {
        RequestHead { method: "GET", path: "/", query, headers: vec![("host", b"h")] }
    }
    // `a=&b=2` is what the lists `a;b` and `a%3D%26b` would both print.
    let fields = sign::presigned_query(&head("a=&b=2"), ACCESS_KEY, SECRET, 1_557_902_800, 1_557_910_000);
    let verify = |query: &str| {
        let presented = sign::presented(&head(query))?.expect("it is signed");
        sign::verify(&head(query), &presented, Some(SECRET), None, NOW, sign::Rules::default())
    };
    assert_eq!(verify(&format!("{fields}&a=&b=2")), Ok(()));
    for list in ["a%3D%26b", "a%0Ab", "a%20b", "a%3B", "%3Ba", "%3B"] {
        let forged = fields.replace("q-url-param-list=a%3Bb", &format!("q-url-param-list={list}"));
        let refused = verify(&format!("{forged}&a=evil&b=2"));
        assert_eq!(refused, Err(Fault::Unreadable), "{list}");
    }
}

/// Rules S3.1, S5.2.
#[test]
fn the_window_is_kept_to_the_second_and_refusals_have_the_texts_of_the_table() {
    let v3 = Vector::named("V3");
    let at = |seconds| v3.verify_at(Timestamp::from_unix_seconds(seconds)).map_err(|error| (error.code, error.message));
    assert_eq!(at(1_557_910_000), Ok(()));
    assert_eq!(at(1_557_910_001), Err((ErrorCode::AccessDenied, "Request has expired".into())));
    assert_eq!(at(1_557_901_900), Ok(()));
    assert_eq!(at(1_557_901_899).map_err(|error| error.0), Err(ErrorCode::RequestTimeTooSkewed));
    assert_eq!(at(i64::MAX / 1000).map_err(|error| error.0), Err(ErrorCode::AccessDenied));

    let unknown = v3.clone().edit_authorization(|text| text.replace(ACCESS_KEY, "AKIDnobody"));
    let refusal = unknown.verify_at(Timestamp::from_unix_seconds(1_557_910_001)).expect_err("nobody has that key");
    assert_eq!(refusal.message, "The Access Key Id you provided does not exist in our records");
    assert_eq!(refusal.code.status(), 403);
}

/// Rule S4.2.
/// Failure rule C6.
#[test]
fn a_signature_that_cannot_be_read_is_access_denied() {
    let v3 = || Vector::named("V3");
    let twice = |field: &'static str| v3().edit_authorization(move |text| format!("{text}&{field}"));
    let replaced = |from: &'static str, to: &'static str| v3().edit_authorization(move |text| text.replace(from, to));
    let window = |window: &'static str| replaced("1557902800;1557910000", window);
    let mut two_headers = v3();
    two_headers.headers.push(("authorization".into(), v3().authorization.expect("it has one")));
    for vector in [
        two_headers,
        v3().edit_authorization(|text| format!("{text}, {text}")),
        v3().with_header("authorization", "Bearer abc"),
        v3().with_header("authorization", "&&&"),
        replaced("=sha1", "=sha256"),
        replaced("q-sign-algorithm=sha1&", ""),
        replaced("&q-ak=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", ""),
        replaced("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", ""),
        replaced("&q-url-param-list=", ""),
        replaced("q-header-list", "Q-Header-List"),
        replaced("content-length;", "content-length;;"),
        replaced("content-length;", "content length;"),
        twice("q-ak=AKIDother"),
        twice("q-signature=6a09841d3076ff241a6007f8add23eabfc85172b"),
        window(""),
        window("1557902800"),
        window("1557902800;"),
        window("1557910000;1557902800"),
        window("-1;1557910000"),
        window("+1;1557910000"),
        window("1557902800;1557910000;1"),
        window("1557902800; 1557910000"),
        window("1557902800;9223372036854775808"),
        window("0x1;1557910000"),
        window("1.0;1557910000"),
    ] {
        let refusal = vector.verify().expect_err("it is unreadable");
        assert_eq!((refusal.code, refusal.message.as_str()), (ErrorCode::AccessDenied, "Access Denied."), "{vector:?}");
    }
}

/// Rule S1.3.
#[test]
fn no_or_an_empty_authorization_is_unsigned_and_a_header_wins_over_the_url() {
    let head = |query, headers| RequestHead { method: "GET", path: "/", query, headers };
    for head in [
        head("", vec![]),
        head("", vec![("Authorization", b"")]),
        head("", vec![("Authorization", b"  ")]),
        head("q-ak=a&x=q-signature", vec![]),
    ] {
        assert!(sign::presented(&head).is_ok_and(|presented| presented.is_none()), "{head:?}");
    }
    let p2 = Vector::named("P2");
    assert_eq!(p2.clone().with_header("Authorization", "").verify(), Ok(()), "the SDK sends it empty");
    assert_eq!(p2.with_header("Authorization", "nonsense").code(), Some(ErrorCode::AccessDenied));
}

/// Rule S1.4.
#[test]
fn a_token_is_read_from_either_header_or_parameter() {
    let with = |query, headers| {
        let vector = Vector::named("P2");
        let query = format!("{}{query}", vector.query);
        let head = RequestHead { method: "GET", path: "/", query: &query, headers };
        sign::presented(&head).expect("it is readable").expect("it is signed").token
    };
    assert_eq!(with("", vec![]), None);
    assert_eq!(with("&x-cos-security-token=a%2B", vec![]).as_deref(), Some("a+"));
    assert_eq!(with("&x-ci-security-token=b", vec![]).as_deref(), Some("b"));
    assert_eq!(with("", vec![("X-Ci-Security-Token", b"c")]).as_deref(), Some("c"));
    assert_eq!(with("&x-cos-security-token=a", vec![("x-cos-security-token", b"d")]).as_deref(), Some("d"));
}

/// Rule S2.14.
/// Failure rule C1.
#[test]
fn a_signed_host_can_be_required() {
    let strict = sign::Rules { require_signed_host: true, ..sign::Rules::default() };
    for (name, expected) in [("V3", Ok(())), ("V10", Err(Fault::Unreadable))] {
        let vector = Vector::named(name);
        let head = vector.head();
        let presented = sign::presented(&head).expect("it is readable").expect("it is signed");
        assert_eq!(presented.signs_header("Host"), expected.is_ok());
        let verified = sign::verify(&head, &presented, Some(SECRET), None, NOW, strict);
        assert_eq!(verified, expected, "{name}");
    }
}

#[test]
fn neither_signature_nor_token_is_shown_in_debug_output() {
    let vector = Vector::named("V11");
    let presented = sign::presented(&vector.head()).expect("it is readable").expect("it is signed");
    let shown = format!("{presented:?}");
    assert!(shown.contains(ACCESS_KEY) && !shown.contains("475839535b") && !shown.contains("made/up"), "{shown}");
}
