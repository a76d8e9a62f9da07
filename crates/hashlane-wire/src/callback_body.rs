//! Bodies of callbacks (spec section 9).
//!
//! One tree of the sample's order serves both formats. XML prints every element of it; JSON has no Response around it,
//! all its leaves are strings, and empty ones are left out. Failed jobs have no FileHashCodeResult.

use hashlane_job::{CallbackFormat, Job};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::TimeOffset;
use crate::job_detail::JobDetail;
use crate::xml::Writer;

/// What bodies have in common, whatever their job.
#[derive(Debug, Clone, Copy, Default)]
pub struct BodyStyle {
    /// The offset of their times.
    pub time_offset: TimeOffset,
    /// Whether `JobsDetail` of JSON bodies is an array of one object, as newer pages have it, instead of the object (decision D13
    /// of spec section 16). XML is the same either way.
    pub json_array: bool,
}

/// The Content-Type and the body for a job that ended. `region` is its bucket's.
pub fn print(job: &Job, region: &str, format: CallbackFormat, style: BodyStyle) -> (&'static str, Vec<u8>) {
    let detail = JobDetail::described(job, region, style.time_offset);
    let event = event(&detail, style.json_array && format == CallbackFormat::Json);
    match format {
        CallbackFormat::Xml => {
            let mut out = Writer::new();
            write("Response", &event, &mut out);
            ("application/xml", out.finish())
        }
        CallbackFormat::Json => {
            let body = serde_json::to_vec(&event).expect("texts under texts always have a JSON form");
            ("application/json", body)
        }
    }
}

/// A text, or named nodes in order.
enum Node<'a> {
    Text(String),
    /// One of several of a kind, of which there is only this one: JSON says so, XML cannot.
    Only(Box<Node<'a>>),
    Nodes(Vec<(&'a str, Node<'a>)>),
}

fn text(text: impl ToString) -> Node<'static> {
    Node::Text(text.to_string())
}

fn event(job: &JobDetail, in_array: bool) -> Node<'_> {
    let mut operation = vec![(
        "FileHashCodeConfig",
        Node::Nodes(vec![("Type", text(&job.algorithm)), ("AddToHeader", text(job.add_to_header))]),
    )];
    if let Some(result) = &job.result {
        let mut nodes: Vec<_> = result.digests.iter().map(|(name, digest)| (name.as_str(), text(digest))).collect();
        nodes.push(("FileSize", text(result.file_size)));
        nodes.push(("LastModified", text(&result.last_modified)));
        nodes.push(("Etag", text(&result.etag)));
        operation.push(("FileHashCodeResult", Node::Nodes(nodes)));
    }
    if let Some(user_data) = &job.user_data {
        operation.push(("UserData", text(user_data)));
    }
    operation.push(("JobLevel", text(job.level)));
    let detail = vec![
        ("Code", text(&job.code)),
        ("CreationTime", text(&job.creation_time)),
        ("EndTime", text(&job.end_time)),
        (
            "Input",
            Node::Nodes(vec![
                ("BucketId", text(&job.bucket)),
                ("Object", text(&job.object)),
                ("Region", text(&job.region)),
            ]),
        ),
        ("JobId", text(&job.job_id)),
        ("Message", text(&job.message)),
        ("Operation", Node::Nodes(operation)),
        ("QueueId", text(&job.queue_id)),
        ("StartTime", text(&job.start_time)),
        ("State", text(&job.state)),
        ("Tag", text(&job.tag)),
    ];
    let detail = Node::Nodes(detail);
    let detail = if in_array { Node::Only(Box::new(detail)) } else { detail };
    Node::Nodes(vec![("EventName", text("TaskFinish")), ("JobsDetail", detail)])
}

fn write(name: &str, node: &Node<'_>, out: &mut Writer) {
    match node {
        Node::Text(text) => out.leaf(name, text),
        Node::Only(node) => write(name, node, out),
        Node::Nodes(nodes) => {
            out.open(name);
            for (name, node) in nodes {
                write(name, node, out);
            }
            out.close(name);
        }
    }
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Node::Text(text) => serializer.serialize_str(text),
            Node::Only(node) => [node].serialize(serializer),
            Node::Nodes(nodes) => {
                let mut map = serializer.serialize_map(None)?;
                for (name, node) in nodes {
                    if !matches!(node, Node::Text(text) if text.is_empty()) {
                        map.serialize_entry(name, node)?;
                    }
                }
                map.end()
            }
        }
    }
}
