//! Pages by number: `pageNumber` and `pageSize` of the lists of queues and services (spec sections 3 and 4).
//!
//! These lists are short and rarely change, so that a page is a slice of the whole. Jobs are paged by token instead:
//! [`crate::JobListQuery`].

use crate::{Query, WireError};

/// A page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: usize,
    /// 1 to 100 entries.
    pub size: usize,
}

impl Default for Page {
    /// The first ten.
    fn default() -> Page {
        Page { number: 1, size: 10 }
    }
}

impl Page {
    /// The largest `pageSize`.
    pub const SIZE_MAX: usize = 100;

    /// Reads `pageNumber` and `pageSize`.
    ///
    /// # Errors
    /// `InvalidArgument` when one is not a number or is out of its range.
    pub fn parse(query: &Query) -> Result<Page, WireError> {
        let first = Page::default();
        let number = match query.value("pageNumber").map(number) {
            None => first.number,
            Some(Some(number)) if number > 0 => number,
            Some(_) => return Err(WireError::argument("pageNumber must be a whole number from 1 on")),
        };
        let size = match query.value("pageSize").map(self::number) {
            None => first.size,
            Some(Some(size)) if (1..=Page::SIZE_MAX).contains(&size) => size,
            Some(_) => {
                return Err(WireError::argument(format!(
                    "pageSize must be a whole number from 1 to {}",
                    Page::SIZE_MAX
                )));
            }
        };
        Ok(Page { number, size })
    }

    /// The entries of this page; none beyond the last.
    pub fn of<T>(self, all: &[T]) -> &[T] {
        let from = (self.number - 1).saturating_mul(self.size).min(all.len());
        let to = from.saturating_add(self.size).min(all.len());
        &all[from..to]
    }
}

/// Digits only: no sign, no blank.
pub(crate) fn number(text: &str) -> Option<usize> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Option<(usize, usize)> {
        Page::parse(&Query::parse(query).expect("a query")).ok().map(|page| (page.number, page.size))
    }

    /// Rules W3.8, W3.9, W13.5.
    #[test]
    fn pages_are_numbered_from_one_and_hold_one_to_a_hundred() {
        for (query, expected) in [
            ("", Some((1, 10))),
            ("pageNumber=&pageSize=", Some((1, 10))),
            ("pageNumber=2&pageSize=1", Some((2, 1))),
            ("PAGENUMBER=3&pagesize=100", Some((3, 100))),
            ("pageNumber=007", Some((7, 10))),
            ("pageNumber=0", None),
            ("pageNumber=-1", None),
            ("pageNumber=%2B1", None),
            ("pageNumber=1.0", None),
            ("pageNumber=99999999999999999999", None),
            ("pageSize=0", None),
            ("pageSize=101", None),
            ("pageSize=ten", None),
        ] {
            assert_eq!(page(query), expected, "{query}");
        }
    }

    #[test]
    fn pages_cut_a_list_without_gap_or_overlap() {
        let all: Vec<u8> = (0..25).collect();
        let pages = |size| (1..=30).flat_map(|number| Page { number, size }.of(&all).to_vec()).collect::<Vec<_>>();
        for size in [1, 7, 10, 25, 100] {
            assert_eq!(pages(size), all, "{size}");
        }
        assert!(Page { number: usize::MAX, size: 100 }.of(&all).is_empty());
    }
}
