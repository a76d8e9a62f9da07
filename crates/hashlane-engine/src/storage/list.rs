//! One page of a listing: which keys stand on it, which are rolled up into a common prefix, and where it ends.
//!
//! It promises that keys come in the order of their bytes, that a page has at most as many entries as asked for, and that
//! the next page begins right after it. Whoever walks a storage offers its keys in order and does as it is told; no more
//! than a page is ever in memory.

use super::ObjectHead;

/// What a listing asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListRequest {
    /// Only keys that begin so.
    pub prefix: String,
    /// Keys that have it after the prefix are rolled up into one common prefix that ends with it; empty for none.
    pub delimiter: String,
    /// Only keys after this one; a common prefix that it begins with, or is, counts as passed.
    pub marker: String,
    /// How many keys and common prefixes at most.
    pub entries_max: usize,
}

/// One object of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// The key.
    pub key: String,
    /// What is told of it.
    pub head: ObjectHead,
}

/// One page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// Objects by key.
    pub objects: Vec<ListedObject>,
    /// Common prefixes in order.
    pub prefixes: Vec<String>,
    /// Where the next page begins, as its marker; `None` when this is the last.
    pub next_marker: Option<String>,
}

/// What becomes of an offered key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It stands on the page: give its head to [`Pager::take`].
    Take,
    /// It does not; go on.
    Skip,
    /// The page is full and there is more.
    Full,
}

/// A page while it grows.
#[derive(Debug)]
pub(crate) struct Pager {
    request: ListRequest,
    page: ListPage,
    /// What the page has last.
    last: String,
    /// The common prefix whose keys are passed over.
    rolled: Option<String>,
}

impl Pager {
    /// An empty page.
    pub(crate) fn new(request: ListRequest) -> Pager {
        Pager { request, page: ListPage::default(), last: String::new(), rolled: None }
    }

    /// What is asked for.
    pub(crate) fn request(&self) -> &ListRequest {
        &self.request
    }

    /// The common prefix whose keys need not be offered.
    pub(crate) fn rolled(&self) -> Option<&str> {
        self.rolled.as_deref()
    }

    /// Whether any key that begins with `start`, or is it, can stand on the page; `start` ends with a slash, or is a key.
    pub(crate) fn wants(&self, start: &str) -> bool {
        let ListRequest { prefix, marker, .. } = &self.request;
        let is_folder = start.ends_with('/');
        let fits = start.starts_with(prefix.as_str()) || (is_folder && prefix.starts_with(start));
        let is_after = start > marker.as_str() || (is_folder && marker.starts_with(start));
        fits && is_after && !self.rolled.as_ref().is_some_and(|rolled| start.starts_with(rolled.as_str()))
    }

    /// What becomes of the next key; keys are offered in ascending order.
    pub(crate) fn offer(&mut self, key: &str) -> Turn {
        let ListRequest { prefix, delimiter, marker, entries_max } = &self.request;
        if !key.starts_with(prefix.as_str())
            || key <= marker.as_str()
            || self.rolled.as_ref().is_some_and(|rolled| key.starts_with(rolled.as_str()))
        {
            return Turn::Skip;
        }
        let is_full = self.page.objects.len() + self.page.prefixes.len() >= *entries_max;
        let rest = &key[prefix.len()..];
        if let Some(at) = rest.find(delimiter.as_str()).filter(|_| !delimiter.is_empty()) {
            let common = &key[..prefix.len() + at + delimiter.len()];
            if !marker.starts_with(common) {
                if is_full {
                    return self.end();
                }
                self.page.prefixes.push(common.to_owned());
                self.last = common.to_owned();
            }
            self.rolled = Some(common.to_owned());
            return Turn::Skip;
        }
        if is_full { self.end() } else { Turn::Take }
    }

    /// Puts the key that was offered last on the page.
    pub(crate) fn take(&mut self, key: &str, head: ObjectHead) {
        self.last = key.to_owned();
        self.page.objects.push(ListedObject { key: key.to_owned(), head });
    }

    /// The page.
    pub(crate) fn finish(self) -> ListPage {
        self.page
    }

    fn end(&mut self) -> Turn {
        self.page.next_marker = Some(self.last.clone());
        Turn::Full
    }
}

#[cfg(test)]
mod tests {
    use hashlane_job::Timestamp;

    use super::*;

    const KEYS: [&str; 8] = ["a", "a.txt", "a/1", "a/2", "a/b/3", "a0", "b/1", "c"];

    fn page(
        prefix: &str,
        delimiter: &str,
        marker: &str,
        entries_max: usize,
    ) -> (Vec<String>, Vec<String>, Option<String>) {
        let mut pager = Pager::new(ListRequest {
            prefix: prefix.into(),
            delimiter: delimiter.into(),
            marker: marker.into(),
            entries_max,
        });
        let head = ObjectHead {
            size_bytes: 0,
            etag: String::new(),
            modified: Timestamp::default(),
            crc64: None,
            attributes: Default::default(),
        };
        for key in KEYS {
            match pager.offer(key) {
                Turn::Take => pager.take(key, head.clone()),
                Turn::Skip => {}
                Turn::Full => break,
            }
        }
        let page = pager.finish();
        (page.objects.into_iter().map(|object| object.key).collect(), page.prefixes, page.next_marker)
    }

    #[test]
    fn pages_put_together_are_the_whole_listing() {
        for (prefix, delimiter) in
            [("", ""), ("", "/"), ("a", "/"), ("a/", "/"), ("a/", ""), ("", "1"), ("", "a"), ("x", "")]
        {
            let (keys, prefixes, none) = page(prefix, delimiter, "", 1000);
            assert_eq!(none, None);
            for entries_max in 1..5 {
                let (mut all_keys, mut all_prefixes, mut marker) = (vec![], vec![], String::new());
                loop {
                    let (keys, prefixes, next) = page(prefix, delimiter, &marker, entries_max);
                    assert!(keys.len() + prefixes.len() <= entries_max);
                    all_keys.extend(keys);
                    all_prefixes.extend(prefixes);
                    match next {
                        Some(next) => marker = next,
                        None => break,
                    }
                }
                assert_eq!((&all_keys, &all_prefixes), (&keys, &prefixes), "{prefix:?} {delimiter:?} {entries_max}");
            }
        }
    }

    #[test]
    fn keys_with_the_delimiter_are_rolled_up_once() {
        let (keys, prefixes, _) = page("", "/", "", 1000);
        assert_eq!(
            (keys, prefixes),
            (vec!["a".into(), "a.txt".into(), "a0".into(), "c".into()], vec!["a/".into(), "b/".into()])
        );
        // A marker within a common prefix has passed it.
        for marker in ["a/", "a/1", "a/zzz"] {
            assert_eq!(page("", "/", marker, 1000).1, ["b/"], "{marker}");
        }
        assert_eq!(page("a/", "/", "", 1000), (vec!["a/1".into(), "a/2".into()], vec!["a/b/".into()], None));
    }
}
