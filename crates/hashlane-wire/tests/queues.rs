//! Queues and services on the wire (spec sections 3 and 4): what is read, what is refused, what is printed.

use hashlane_job::{BucketName, CallbackFormat, MqMode, MqTarget, Notify, NotifyAddress, Queue, QueueId, Timestamp};
use hashlane_wire::queue::{NotifyDetail, QueueDetail, QueueList, QueueListQuery, QueueUpdate};
use hashlane_wire::service::{ServiceDetail, ServiceListQuery};
use hashlane_wire::{ErrorCode, Page, Query, TimeOffset};

fn update(notify: &str) -> String {
    format!("<Request><Name>q</Name><State>Active</State><NotifyConfig>{notify}</NotifyConfig></Request>")
}

fn url(url: &str) -> Option<NotifyAddress> {
    Some(NotifyAddress::Url(url.into()))
}

fn mq(mode: MqMode) -> Option<NotifyAddress> {
    Some(NotifyAddress::Mq(MqTarget { region: "gz".into(), mode, name: "n".into() }))
}

const MQ: &str = "<Type>TDMQ</Type><MqRegion>gz</MqRegion><MqName>n</MqName>";
const URL: &str = "<Type>Url</Type><Url>http://h/p?a=1&amp;b</Url>";

/// Rules W4.11, W4.14, W4.15, W4.16, W4.17, W4.19.
#[test]
fn every_field_of_an_update_is_read() {
    let off = Notify::default();
    let on = Notify { on: true, on_task_finish: true, address: url("http://h/p?a=1&b"), ..off.clone() };
    for (notify, expected) in [
        ("", off.clone()),
        ("<State/><Event/><Type/><Url/><ResultFormat/>", off.clone()),
        ("<State>Off</State>", off.clone()),
        // What is given while it is off is kept.
        (URL, Notify { address: url("http://h/p?a=1&b"), ..off.clone() }),
        ("<Url>http://h/</Url>", Notify { address: url("http://h/"), ..off.clone() }),
        ("<Type>TDMQ</Type>", off.clone()),
        (&format!("<State>On</State><Event>TaskFinish</Event>{URL}"), on.clone()),
        (&format!("<State>on</State><Event> TaskFinish </Event>{}", URL.replace(">Url<", ">url<")), on.clone()),
        (
            &format!("<State>On</State><Event>TaskFinish,WorkflowFinish</Event><ResultFormat>JSON</ResultFormat>{URL}"),
            Notify { on_workflow_finish: true, format: CallbackFormat::Json, ..on.clone() },
        ),
        (
            &format!("<State>On</State><Event>WorkflowFinish</Event><ResultFormat>xml</ResultFormat>{URL}"),
            Notify { on_task_finish: false, on_workflow_finish: true, ..on.clone() },
        ),
        (
            &format!("<State>On</State><Event>TaskFinish</Event>{MQ}"),
            Notify { address: mq(MqMode::Queue), ..on.clone() },
        ),
        (
            &format!("<State>On</State><Event>TaskFinish</Event>{MQ}<MqMode>topic</MqMode><Unknown/>"),
            Notify { address: mq(MqMode::Topic), ..on },
        ),
    ] {
        let read = QueueUpdate::parse(update(notify).as_bytes());
        let expected = QueueUpdate { name: "q".into(), paused: false, notify: expected };
        assert_eq!(read.as_ref(), Ok(&expected), "{notify}");
        assert_eq!(QueueUpdate::parse(&expected.print()), Ok(expected), "{notify} printed");
    }
    let paused =
        "<Request><QueueID>other</QueueID><State>paused</State><NotifyConfig/><Name>\n 队列-1_*〇Z9 </Name></Request>";
    let paused = QueueUpdate::parse(paused.as_bytes()).expect("it is allowed");
    assert_eq!((paused.name.as_str(), paused.paused), ("队列-1_*〇Z9", true));
}

/// Rules W4.11, W4.12, W4.13, W4.14, W4.15, W4.16, W4.17, W4.18, W4.19, W4.20, W4.21, W16.18.
#[test]
fn every_violation_of_an_update_is_refused_with_its_code() {
    use ErrorCode::{InvalidArgument, InvalidContent, MissingContent};
    let with_name = |name: &str| update("").replace("<Name>q</Name>", &format!("<Name>{name}</Name>"));
    let on = |rest: &str| update(&format!("<State>On</State>{rest}"));
    let long_url = format!("<Type>Url</Type><Url>http://h/{}</Url>", "a".repeat(2048));
    for (body, code) in [
        (String::new(), MissingContent),
        ("nothing".into(), InvalidContent),
        ("<Queue/>".into(), InvalidContent),
        ("<!DOCTYPE a><Request/>".into(), InvalidContent),
        ("<Request/>".into(), InvalidArgument),
        (with_name(""), InvalidArgument),
        (with_name(&"n".repeat(129)), InvalidArgument),
        (with_name("a b"), InvalidArgument),
        (with_name("a.b"), InvalidArgument),
        // Letters and digits of other scripts are none of A to Z and 0 to 9.
        (with_name("é"), InvalidArgument),
        (with_name("имя"), InvalidArgument),
        (with_name("カ"), InvalidArgument),
        (with_name("９"), InvalidArgument),
        (with_name("a&lt;b"), InvalidArgument),
        (with_name("<x/>"), InvalidArgument),
        (update("").replace("<Name>", "<Name>a</Name><Name>"), InvalidArgument),
        (update("").replace("<State>Active</State>", ""), InvalidArgument),
        (update("").replace("Active", "Pause"), InvalidArgument),
        ("<Request><Name>q</Name><State>Active</State></Request>".into(), InvalidArgument),
        (update("").replace("<NotifyConfig>", "<NotifyConfig/><NotifyConfig>"), InvalidArgument),
        (update("<State>Maybe</State>"), InvalidArgument),
        (on(""), InvalidArgument),
        (on(URL), InvalidArgument),
        (on("<Event>TaskFinish</Event>"), InvalidArgument),
        (on("<Event>TaskFinish</Event><Url>http://h/</Url>"), InvalidArgument),
        (on("<Event>TaskFinish</Event><Type>Url</Type>"), InvalidArgument),
        (on("<Event>TaskFinish</Event><Type>TDMQ</Type>"), InvalidArgument),
        (on(&format!("<Event>TaskFinish,</Event>{URL}")), InvalidArgument),
        (on(&format!("<Event>TaskStart</Event>{URL}")), InvalidArgument),
        (on("<Event>TaskFinish</Event><Type>Kafka</Type><KafkaName>k</KafkaName>"), InvalidArgument),
        // Also while it is off: what is kept must be allowed.
        (update("<Event>TaskStart</Event>"), InvalidArgument),
        (update("<Type>Kafka</Type>"), InvalidArgument),
        (update("<ResultFormat>YAML</ResultFormat>"), InvalidArgument),
        (update("<Url>ftp://h/</Url>"), InvalidArgument),
        (update("<Type>Url</Type><Url>not a URL</Url>"), InvalidArgument),
        (update("<Type>Url</Type><Url>http://user:password@h/</Url>"), InvalidArgument),
        (update("<Type>Url</Type><Url>http://h/#f</Url>"), InvalidArgument),
        (update("<Type>Url</Type><Url>no</Url>"), InvalidArgument),
        (update(&long_url), InvalidArgument),
        (update("<Type>TDMQ</Type><MqName>n</MqName>"), InvalidArgument),
        (update("<Type>TDMQ</Type><MqRegion>gz</MqRegion>"), InvalidArgument),
        (update(&MQ.replace("gz", "xx")), InvalidArgument),
        (update(&format!("{MQ}<MqMode>Both</MqMode>")), InvalidArgument),
        (update(&format!("{URL}<Url>http://h/2</Url>")), InvalidArgument),
    ] {
        let refused = QueueUpdate::parse(body.as_bytes()).map_err(|error| error.code);
        assert_eq!(refused.err(), Some(code), "{body}");
    }
    assert!(QueueUpdate::parse(with_name(&"队".repeat(128)).as_bytes()).is_ok(), "128 characters, not bytes");
}

fn queue(notify: Notify) -> Queue {
    Queue {
        id: QueueId::parse("p2911917386e148639319e13c285cc774").expect("an id"),
        bucket: BucketName::parse("demo-1250000000").expect("a bucket"),
        name: "队列*".into(),
        paused: true,
        notify,
        jobs_waiting_max: 10_000_000,
        jobs_running_max: 7,
        created: Timestamp::from_unix_seconds(1_658_128_603),
        updated: Timestamp::from_unix_seconds(1_658_128_604),
    }
}

/// Rules W4.1, W4.6, W4.8, W16.8.
#[test]
fn a_new_queue_is_printed_as_documented() {
    let list = QueueList {
        total: 1,
        page: Page::default(),
        queues: vec![QueueDetail::of(&queue(Notify::default()), TimeOffset::default())],
        missing: vec!["pA".into(), "p<B>".into()],
    };
    let text = String::from_utf8(list.print("id1")).expect("UTF-8");
    let (_, text) = text.split_once('\n').expect("a declaration");
    assert_eq!(
        text,
        "<Response><RequestId>id1</RequestId><TotalCount>1</TotalCount><PageNumber>1</PageNumber><PageSize>10</PageSize>\
         <QueueList><QueueId>p2911917386e148639319e13c285cc774</QueueId><Name>队列*</Name><State>Paused</State>\
         <NotifyConfig><Url/><Event/><Type/><State>Off</State><ResultFormat>XML</ResultFormat></NotifyConfig>\
         <MaxSize>10000000</MaxSize><MaxConcurrent>7</MaxConcurrent><UpdateTime>2022-07-18T15:16:44+0800</UpdateTime>\
         <CreateTime>2022-07-18T15:16:43+0800</CreateTime><Category>FileProcessing</Category></QueueList>\
         <NonExistPIDs>pA</NonExistPIDs><NonExistPIDs>p&lt;B&gt;</NonExistPIDs></Response>"
    );
}

/// Rule W4.9.
#[test]
fn answers_are_read_as_they_were_printed() {
    for notify in [
        Notify::default(),
        Notify {
            on: true,
            on_task_finish: true,
            on_workflow_finish: true,
            format: CallbackFormat::Json,
            address: mq(MqMode::Topic),
        },
        Notify { on: true, on_task_finish: true, address: url("http://h/?a&b=<c>"), ..Notify::default() },
    ] {
        let detail = QueueDetail::of(&queue(notify.clone()), TimeOffset::UTC);
        assert_eq!(detail.notify.check(), Ok(notify));
        assert_eq!(QueueDetail::parse_updated(&detail.print_updated("r")), Ok(detail.clone()));
        let list = QueueList {
            total: 12,
            page: Page { number: 2, size: 1 },
            queues: vec![detail.clone(), detail],
            missing: vec!["a".into()],
        };
        assert_eq!(QueueList::parse(&list.print("r")), Ok(list));
    }
    // The original leaves the page out of a list by ids; an answer of another kind is told as such.
    let bare = QueueList::parse(b"<Response><RequestId>r</RequestId><NonExistPIDs>p</NonExistPIDs></Response>");
    assert_eq!(bare.map(|list| (list.total, list.page, list.missing)), Ok((0, Page::default(), vec!["p".to_owned()])));
    for other in ["<Error/>", "<Response/>", "<html>"] {
        assert!(QueueDetail::parse_updated(other.as_bytes()).is_err(), "{other}");
    }
    let kafka = NotifyDetail { kind: "Kafka".into(), ..NotifyDetail::default() };
    assert!(kafka.check().is_err(), "what this dialect does not have can be shown but not sent");
}

/// Rule W4.3.
#[test]
fn a_list_of_queues_is_asked_for_by_ids_state_and_page() {
    let parse = |query: &str| QueueListQuery::parse(&Query::parse(query).expect("a query"));
    let all = QueueListQuery::default();
    let ids = vec!["p1".to_owned(), "pA".to_owned()];
    for (query, expected) in [
        ("", all.clone()),
        ("queueIds=&state=All&pageNumber=&pageSize=", all.clone()),
        ("category=CateAll", all.clone()),
        ("queueIds=p1%2CpA,p1,", QueueListQuery { ids: ids.clone(), ..all.clone() }),
        ("STATE=active", QueueListQuery { paused: Some(false), ..all.clone() }),
        (
            "state=Paused&pageNumber=2&pageSize=100",
            QueueListQuery { paused: Some(true), page: Page { number: 2, size: 100 }, ..all },
        ),
    ] {
        assert_eq!(parse(query), Ok(expected.clone()), "{query}");
        assert_eq!(parse(&expected.print()), Ok(expected), "{query} printed");
    }
    let many = (0..101).map(|id| format!("p{id}")).collect::<Vec<_>>().join(",");
    for query in ["state=Idle", "pageNumber=0", "pageSize=101", &format!("queueIds={many}")] {
        assert_eq!(parse(query).map_err(|error| error.code), Err(ErrorCode::InvalidArgument), "{query}");
    }
}

/// Rules W3.5, W3.6, W3.7.
#[test]
fn services_are_found_by_region_name_and_beginning_of_the_name() {
    let meets = |query: &str| {
        let query = ServiceListQuery::parse(&Query::parse(query).expect("a query")).expect("it is allowed");
        [("a-1", "north"), ("ab-1", "south"), ("b-1", "north")].map(|(bucket, region)| query.meets(bucket, region))
    };
    for (query, expected) in [
        ("", [true, true, true]),
        ("regions=&bucketNames=&bucketName=", [true, true, true]),
        ("regions=north", [true, false, true]),
        ("regions=south,%20north", [true, true, true]),
        ("regions=nort", [false, false, false]),
        ("bucketNames=a-1,b-1,c-1", [true, false, true]),
        ("bucketNames=a", [false, false, false]),
        ("bucketName=a", [true, true, false]),
        ("bucketName=a&regions=south", [false, true, false]),
    ] {
        assert_eq!(meets(query), expected, "{query}");
    }
}

/// Rules W3.2, W3.3.
#[test]
fn services_are_printed_as_documented() {
    let text = |body: Vec<u8>| {
        let text = String::from_utf8(body).expect("UTF-8");
        text.split_once('\n').expect("a declaration").1.to_owned()
    };
    let service = ServiceDetail { bucket: "a-1".into(), region: "r".into(), created: "c".into() };
    let item = "<BucketId>a-1</BucketId><Name>a-1</Name><Region>r</Region><CreateTime>c</CreateTime>";
    assert_eq!(
        text(service.print_opened("id1")),
        format!("<Response><RequestId>id1</RequestId><FileBucket>{item}</FileBucket></Response>")
    );
    assert_eq!(
        text(ServiceDetail::print_list(&[service.clone(), service], 9, Page { number: 2, size: 2 }, "id1")),
        format!(
            "<Response><RequestId>id1</RequestId><TotalCount>9</TotalCount><PageNumber>2</PageNumber>\
             <PageSize>2</PageSize><FileBucketList>{item}</FileBucketList><FileBucketList>{item}</FileBucketList></Response>"
        )
    );
    assert_eq!(
        text(ServiceDetail::print_closed("a-1", "id1")),
        "<Response><RequestId>id1</RequestId><BucketName>a-1</BucketName></Response>"
    );
}
