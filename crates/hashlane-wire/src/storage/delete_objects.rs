//! `POST /?delete`: many keys at once, and what became of each.

use crate::WireError;
use crate::xml::{self, Writer};

/// How many keys one request may name.
pub const KEYS_MAX: usize = 1000;

/// The request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRequest {
    /// The keys in order; repeats stay.
    pub keys: Vec<String>,
    /// Only failures are to be answered.
    pub quiet: bool,
}

/// A key that was not deleted, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeleteRefusal {
    /// The key.
    pub key: String,
    /// Why.
    pub error: WireError,
}

impl DeleteRequest {
    /// Reads the body.
    ///
    /// # Errors
    /// `InvalidContent` for what is not a `Delete`; `InvalidArgument` for no key, too many, or a version of one.
    pub fn parse(body: &[u8]) -> Result<DeleteRequest, WireError> {
        let root = xml::parse(body, xml::Limits::STORAGE)?;
        if root.name() != "Delete" {
            return Err(WireError::content("the root of the XML must be Delete"));
        }
        let quiet = root.word_of("Quiet")?.is_some_and(|word| word.eq_ignore_ascii_case("true"));
        let mut keys = Vec::new();
        for object in root.children_named("Object") {
            if object.word_of("VersionId")?.is_some() {
                return Err(WireError::argument("objects have no versions here; leave VersionId out"));
            }
            let key = object.text_of("Key")?.ok_or_else(|| WireError::argument("an Object has no Key"))?;
            keys.push(key.to_owned());
        }
        if keys.is_empty() || keys.len() > KEYS_MAX {
            return Err(WireError::argument(format!("name 1 to {KEYS_MAX} objects, not {}", keys.len())));
        }
        Ok(DeleteRequest { keys, quiet })
    }
}

/// The answer.
pub fn print_deleted(deleted: &[String], refused: &[DeleteRefusal]) -> Vec<u8> {
    let mut out = Writer::new();
    out.open("DeleteResult");
    for key in deleted {
        out.open("Deleted");
        out.leaf("Key", key);
        out.close("Deleted");
    }
    for DeleteRefusal { key, error } in refused {
        out.open("Error");
        out.leaf("Key", key);
        out.leaf("Code", error.code.as_str());
        out.leaf("Message", &error.message);
        out.close("Error");
    }
    out.close("DeleteResult");
    out.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_taken_literally_and_in_order() {
        let body =
            "<Delete><Object><Key> a </Key></Object><Quiet>true</Quiet><Object><Key>é&amp;</Key></Object></Delete>";
        let request = DeleteRequest::parse(body.as_bytes()).expect("it is one");
        assert_eq!(request, DeleteRequest { keys: vec![" a ".into(), "é&".into()], quiet: true });
    }

    #[test]
    fn one_to_a_thousand_keys_are_taken() {
        let body = |count: usize| {
            format!("<Delete>{}</Delete>", "<Object><Key>a</Key><VersionId/></Object>".repeat(count)).into_bytes()
        };
        assert!(DeleteRequest::parse(&body(0)).is_err());
        assert_eq!(DeleteRequest::parse(&body(1000)).map(|request| request.keys.len()), Ok(1000));
        assert!(DeleteRequest::parse(&body(1001)).is_err());
        for body in [
            "",
            "<Other/>",
            "<Delete><Object/></Delete>",
            "<Delete><Object><Key/></Object></Delete>",
            "<Delete><Object><Key>a</Key><VersionId>1</VersionId></Object></Delete>",
            "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        ] {
            assert!(DeleteRequest::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
