//! The query of a request as calls read it (spec section 2).
//!
//! Names are matched in any letter case, an empty value counts as absent, a plus is a space. Signatures do not use this
//! reading but the raw query.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode};

use crate::{ErrorCode, WireError};

/// What stays as it is in a value that we print: the unreserved characters of RFC 3986.
pub(crate) const VALUE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The fields of a query, decoded, in order.
#[derive(Debug, Clone, Default)]
pub struct Query {
    fields: Vec<(String, String)>,
}

impl Query {
    /// Reads a raw query without its `?`. A stray `%` stands for itself.
    ///
    /// # Errors
    /// `InvalidURI` when a name or value is not UTF-8 once decoded.
    pub fn parse(raw: &str) -> Result<Query, WireError> {
        let text = |bytes: Cow<'_, [u8]>| {
            String::from_utf8(bytes.into_owned())
                .map_err(|_| WireError::new(ErrorCode::InvalidUri, "the query is not UTF-8 once it is percent-decoded"))
        };
        let fields = raw_fields(raw)
            .map(|(name, value)| Ok((text(decode_form(name))?, text(decode_form(value))?)))
            .collect::<Result<_, WireError>>()?;
        Ok(Query { fields })
    }

    /// Whether a name is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(given, _)| given.eq_ignore_ascii_case(name))
    }

    /// The first non-empty value of a name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(given, value)| given.eq_ignore_ascii_case(name) && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The names, decoded, in order and as written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }
}

/// The raw fields of a query: split on `&`, each on its first `=`; a missing `=` is an empty value.
pub(crate) fn raw_fields(raw: &str) -> impl Iterator<Item = (&str, &str)> {
    raw.split('&').filter(|field| !field.is_empty()).map(|field| field.split_once('=').unwrap_or((field, "")))
}

/// Decodes a name or value once: a plus is a space, `%XX` is a byte.
pub(crate) fn decode_form(raw: &str) -> Cow<'_, [u8]> {
    if raw.contains('+') {
        let spaced = raw.replace('+', " ");
        return Cow::Owned(percent_decode(spaced.as_bytes()).collect());
    }
    percent_decode(raw.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule W2.6.
    #[test]
    fn names_are_found_in_any_letter_case_and_empty_values_are_absent() {
        let query = Query::parse("queueIds=&STATE=All&cancel&pageSize=&pageSize=7").expect("it is a query");
        assert!(query.has("queueids") && query.has("Cancel") && !query.has("pageNumber"));
        assert_eq!(query.value("queueIds"), None);
        assert_eq!(query.value("state"), Some("All"));
        assert_eq!(query.value("pagesize"), Some("7"));
    }

    /// Rule S2.4.
    #[test]
    fn a_plus_is_a_space_and_each_value_is_decoded_once() {
        let query = Query::parse("a+b=c+d%2B%2541&=x&stray=%zz%").expect("it is a query");
        assert_eq!(query.value("a b"), Some("c d+%41"));
        assert_eq!(query.value("stray"), Some("%zz%"));
    }

    #[test]
    fn a_query_that_is_not_utf8_is_refused() {
        assert_eq!(Query::parse("a=%ff").map_err(|error| error.code).err(), Some(ErrorCode::InvalidUri));
    }
}
