//! Submit bodies: every row of spec section 5, in its validation order, and the way there and back.

use hashlane_job::{BucketName, CallbackAddress, CallbackFormat, CallbackRequest, JobId, MqMode, MqTarget, QueueId};
use hashlane_lanes::Algorithm;
use hashlane_wire::{ErrorCode, SubmitDraft, SubmitRequest, WIRE_ALGORITHMS};
use proptest::prelude::*;

const CONFIG: &str = "<FileHashCodeConfig><Type>MD5</Type></FileHashCodeConfig>";

/// A body with the given parts.
fn body(object: &str, operation: &str, rest: &str) -> String {
    format!(
        "<Request><Tag>FileHashCode</Tag><Input><Object>{object}</Object></Input>\
         <Operation>{operation}</Operation>{rest}</Request>"
    )
}

fn with_rest(rest: &str) -> Result<SubmitRequest, ErrorCode> {
    parse(&body("a", CONFIG, rest))
}

fn with_operation(operation: &str) -> Result<SubmitRequest, ErrorCode> {
    parse(&body("a", operation, ""))
}

fn parse(body: &str) -> Result<SubmitRequest, ErrorCode> {
    SubmitRequest::parse(body.as_bytes()).map_err(|error| error.code)
}

/// Rules W2.7, W5.7, W5.13.
#[test]
fn element_order_declaration_unknown_elements_and_blanks_around_words_do_not_matter() {
    let body = "<?xml version='1.0' encoding='UTF-8'?>\n<Request xmlns='urn:x' a='b'>\n <CallBackFormat> json </CallBackFormat>\n \
        <QueueId>\n p1 </QueueId><Operation><New><Deep/></New><JobLevel> 2 </JobLevel>\n<UserData> kept as it is </UserData>\
        <FileHashCodeConfig><AddToHeader> TRUE </AddToHeader><Type>\n sHa1\n</Type></FileHashCodeConfig></Operation>\
        <Input><Object> a\nb </Object></Input><Tag>\nFileHashCode\n</Tag><!-- c --></Request>\n";
    let expected = SubmitRequest {
        object: " a\nb ".into(),
        algorithm: Algorithm::Sha1,
        algorithm_as_given: "sHa1".into(),
        add_to_header: true,
        user_data: Some(" kept as it is ".into()),
        level: 2,
        queue: Some("p1".into()),
        callback: CallbackRequest { address: CallbackAddress::Queue, format: Some(CallbackFormat::Json) },
    };
    assert_eq!(parse(body), Ok(expected));
}

/// Rule W5.8.
#[test]
fn empty_values_are_absent() {
    let operation = "<FileHashCodeConfig><Type>MD5</Type><AddToHeader/></FileHashCodeConfig><UserData></UserData><JobLevel> </JobLevel>";
    let rest = "<QueueId/><CallBack/><CallBackFormat> </CallBackFormat><CallBackType/><CallBackMqConfig/>";
    assert_eq!(parse(&body("a", operation, rest)), parse(&body("a", CONFIG, "")));
}

/// Rules W5.3, W5.4, W5.5, W5.6, W5.7, W5.8, W5.9, W5.10, W13.3.
#[test]
fn what_is_not_a_submit_is_refused_with_the_documented_code() {
    let long = |characters: usize| "x".repeat(characters);
    for (body, expected) in [
        (String::new(), ErrorCode::MissingContent),
        (" ".into(), ErrorCode::InvalidContent),
        ("{}".into(), ErrorCode::InvalidContent),
        ("<Response/>".into(), ErrorCode::InvalidContent),
        ("<request/>".into(), ErrorCode::InvalidContent),
        ("<x:Request/>".into(), ErrorCode::InvalidContent),
        ("<Request>".into(), ErrorCode::InvalidContent),
        ("<!DOCTYPE Request><Request/>".into(), ErrorCode::InvalidContent),
        ("<Request/>".into(), ErrorCode::InvalidArgument),
        (body("a", CONFIG, "").replace("FileHashCode<", "FileUncompress<"), ErrorCode::InvalidArgument),
        (body("a", CONFIG, "<Tag>FileHashCode</Tag>"), ErrorCode::InvalidArgument),
        (body("", CONFIG, ""), ErrorCode::InvalidArgument),
        (body("a<b/>", CONFIG, ""), ErrorCode::InvalidArgument),
        (body(&long(851), CONFIG, ""), ErrorCode::InvalidArgument),
        (body(&"é".repeat(426), CONFIG, ""), ErrorCode::InvalidArgument),
        (body("a", "", ""), ErrorCode::InvalidArgument),
        (body("a", "<FileHashCodeConfig/>", ""), ErrorCode::InvalidArgument),
        (body("a", "<FileHashCodeConfig>MD5</FileHashCodeConfig>", ""), ErrorCode::InvalidArgument),
        (body("a", CONFIG, "<Operation/>"), ErrorCode::InvalidArgument),
        (body("a", &CONFIG.replace("MD5", "SHA512256"), ""), ErrorCode::InvalidArgument),
        (body("a", &CONFIG.replace("MD5", "MD5,SHA1"), ""), ErrorCode::InvalidArgument),
        (body("a", &CONFIG.replace("</Type>", "</Type><Type>MD5</Type>"), ""), ErrorCode::InvalidArgument),
        (body("a", &CONFIG.replace("MD5", "SHA512"), ""), ErrorCode::InvalidArgument),
        (body("a", &CONFIG.replace("</Type>", "</Type><AddToHeader>1</AddToHeader>"), ""), ErrorCode::InvalidArgument),
        (body("a", &format!("{CONFIG}<UserData>é</UserData>"), ""), ErrorCode::InvalidArgument),
        (body("a", &format!("{CONFIG}<UserData>a&#13;&#10;b</UserData>"), ""), ErrorCode::InvalidArgument),
        (body("a", &format!("{CONFIG}<UserData>{}</UserData>", long(1025)), ""), ErrorCode::InvalidArgument),
        (body("a", &format!("{CONFIG}<UserData>\u{7f}</UserData>"), ""), ErrorCode::InvalidArgument),
        (body("a", CONFIG, "<QueueId>a</QueueId><QueueId>b</QueueId>"), ErrorCode::InvalidArgument),
    ] {
        assert_eq!(parse(&body), Err(expected), "{body}");
    }
    assert!(parse(&body(&long(850), CONFIG, "")).is_ok());
    assert!(with_operation(&format!("{CONFIG}<UserData>{}</UserData>", long(1024))).is_ok());
    for level in ["3", "-1", "00", "+1", "1.0", "x"] {
        let refused = with_operation(&format!("{CONFIG}<JobLevel>{level}</JobLevel>"));
        assert_eq!(refused, Err(ErrorCode::InvalidArgument), "{level}");
    }
}

/// Rules W5.14, W5.15, W16.19.
#[test]
fn the_callback_fields_decide_the_address_field_by_field() {
    let mq = CallbackAddress::Mq(MqTarget { region: "gz".into(), mode: MqMode::Topic, name: "t1".into() });
    let config =
        "<CallBackMqConfig><MqName>t1</MqName><MqRegion>gz</MqRegion><MqMode>topic</MqMode></CallBackMqConfig>";
    let url = CallbackAddress::Url("https://h.example:8443/a?b=c".into());
    let url_field = "<CallBack>https://h.example:8443/a?b=c</CallBack>";
    for (rest, expected) in [
        (String::new(), CallbackAddress::Queue),
        ("<CallBackType>url</CallBackType>".into(), CallbackAddress::QueueUrl),
        ("<CallBack>no</CallBack>".into(), CallbackAddress::Silent),
        ("<CallBack>no</CallBack><CallBackType>Url</CallBackType>".into(), CallbackAddress::Silent),
        (format!("<CallBack>no</CallBack><CallBackType>TDMQ</CallBackType>{config}"), CallbackAddress::Silent),
        (url_field.into(), url.clone()),
        (format!("{url_field}<CallBackType>URL</CallBackType>"), url.clone()),
        (format!("{url_field}{config}"), url),
        (format!("{config}<CallBackType>tdmq</CallBackType>{url_field}"), mq.clone()),
        (format!("{config}<CallBackType>TDMQ</CallBackType>"), mq),
        (config.into(), CallbackAddress::Queue),
    ] {
        assert_eq!(with_rest(&rest).map(|request| request.callback.address), Ok(expected), "{rest}");
    }
    let default_mode = config.replace("<MqMode>topic</MqMode>", "") + "<CallBackType>TDMQ</CallBackType>";
    let target = MqTarget { region: "gz".into(), mode: MqMode::Queue, name: "t1".into() };
    assert_eq!(with_rest(&default_mode).map(|request| request.callback.address), Ok(CallbackAddress::Mq(target)));
}

/// Rules W5.12, W5.13, W5.15, W9.7.
#[test]
fn a_callback_that_could_not_be_sent_is_refused() {
    let long = format!("http://h/{}", "x".repeat(2048 - 8));
    for url in [
        "NO",
        "No",
        "ftp://h/",
        "file:///etc/passwd",
        "h.example/a",
        "//h/a",
        "http://",
        "http:///",
        "javascript:alert(1)",
        "http://user@h/",
        "http://user:pass@h/",
        "http://:pass@h/",
        "http://h/#part",
        "http://h/a b",
        "http://h/a&#10;b",
        "ht&#9;tp://h/",
        "http://[::1/",
        "http://h:99999/",
        &long,
    ] {
        let refused = with_rest(&format!("<CallBack>{url}</CallBack>"));
        assert_eq!(refused.map(|request| request.callback), Err(ErrorCode::InvalidArgument), "{url}");
    }
    for url in ["http://h", "HTTP://h/", "https://[::1]:1/", "http://目.example/é", &long[..2048]] {
        assert!(with_rest(&format!("<CallBack>{url}</CallBack>")).is_ok(), "{url}");
    }
    let mq = |config: &str| format!("<CallBackType>TDMQ</CallBackType><CallBackMqConfig>{config}</CallBackMqConfig>");
    for rest in [
        "<CallBackType>Kafka</CallBackType>".to_owned(),
        "<CallBackType>TDMQ</CallBackType>".to_owned(),
        "<CallBackType>TDMQ</CallBackType><CallBack>http://h/</CallBack>".to_owned(),
        mq(""),
        mq("<MqRegion>gz</MqRegion>"),
        mq("<MqName>a</MqName>"),
        mq("<MqRegion>xx</MqRegion><MqName>a</MqName>"),
        mq("<MqRegion>gz</MqRegion><MqName> </MqName>"),
        mq("<MqRegion>gz</MqRegion><MqName>a</MqName><MqMode>Pipe</MqMode>"),
        "<CallBackFormat>YAML</CallBackFormat>".to_owned(),
        "<CallBack>no</CallBack><CallBack>no</CallBack>".to_owned(),
    ] {
        assert_eq!(with_rest(&rest).map(|request| request.callback), Err(ErrorCode::InvalidArgument), "{rest}");
    }
}

#[test]
fn the_queue_can_be_looked_up_before_any_complaint_about_the_callback() {
    let rest = "<QueueId>p1</QueueId><CallBack>ftp://h/</CallBack>";
    let draft = SubmitDraft::parse(body("a", CONFIG, rest).as_bytes()).expect("all is right up to the queue");
    assert_eq!(draft.queue(), Some("p1"));
    assert_eq!(draft.finish().map_err(|error| error.code), Err(ErrorCode::InvalidArgument));

    let both_wrong = body("a", &format!("{CONFIG}<UserData>é</UserData>"), rest);
    let refusal = SubmitDraft::parse(both_wrong.as_bytes()).expect_err("UserData is wrong");
    assert!(refusal.message.starts_with("UserData"), "{}", refusal.message);
}

#[test]
fn a_request_becomes_the_job_it_asks_for() {
    let request = with_rest("<CallBack>no</CallBack>").expect("it is right");
    let id = JobId::parse("f93984788066911ed89ed352d4d9d2084").expect("it is an id");
    let bucket = BucketName::parse("demo-1").expect("it is a bucket");
    let queue = QueueId::random();
    let job = request.into_job(id, bucket.clone(), queue);
    assert_eq!((job.id, job.queue, job.bucket(), job.object.key.as_str()), (id, queue, &bucket, "a"));
    assert_eq!(job.callback.address, CallbackAddress::Silent);
}

fn xml_text(characters: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = String> {
    let any_xml = any::<char>().prop_filter(
        "XML can carry it",
        |character| matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{fffd}' | '\u{10000}'..),
    );
    prop::collection::vec(
        prop_oneof![any_xml, prop::sample::select("<>&'\"]\r\n\t ;#".chars().collect::<Vec<_>>())],
        characters,
    )
    .prop_map(|characters| characters.into_iter().collect())
}

fn callback() -> impl Strategy<Value = CallbackRequest> {
    let mq = ("sh|bj|gz|cd|hk", any::<bool>(), "[!-~]{1,20}").prop_map(|(region, topic, name)| {
        CallbackAddress::Mq(MqTarget { region, mode: if topic { MqMode::Topic } else { MqMode::Queue }, name })
    });
    let address = prop_oneof![
        Just(CallbackAddress::Queue),
        Just(CallbackAddress::QueueUrl),
        Just(CallbackAddress::Silent),
        "https?://[a-z]{1,10}(:[1-9][0-9]{0,3})?/[!$-~]{0,50}".prop_map(CallbackAddress::Url),
        mq,
    ];
    let format = prop::option::of(prop_oneof![Just(CallbackFormat::Xml), Just(CallbackFormat::Json)]);
    (address, format).prop_map(|(address, format)| CallbackRequest { address, format })
}

proptest! {
    #[test]
    fn what_a_client_prints_a_server_reads_whatever_the_text(
        object in xml_text(1..=200),
        algorithm in prop::sample::select(WIRE_ALGORITHMS.to_vec()),
        add_to_header: bool,
        user_data in prop::option::of("[ -~]{1,200}"),
        level in 0_u8..=2,
        queue in prop::option::of("p[0-9a-f]{32}"),
        callback in callback(),
    ) {
        let algorithm_as_given = algorithm.name().to_uppercase();
        let request =
            SubmitRequest { object, algorithm, algorithm_as_given, add_to_header, user_data, level, queue, callback };
        prop_assert_eq!(SubmitRequest::parse(&request.print()), Ok(request));
    }

    #[test]
    fn a_mutated_body_is_read_or_refused_with_400_and_never_panics(
        at in 0_usize..400, byte: u8, remove: bool,
    ) {
        let rest = "<QueueId>p1</QueueId><CallBack>http://h/?a&amp;b</CallBack><CallBackMqConfig><MqName>&#x41;</MqName></CallBackMqConfig>";
        let mut body = body("a<![CDATA[b]]>", CONFIG, rest).into_bytes();
        let at = at % body.len();
        if remove { body.remove(at); } else { body[at] = byte; }
        if let Err(error) = SubmitRequest::parse(&body) {
            prop_assert_eq!(error.code.status(), 400);
        }
    }
}
