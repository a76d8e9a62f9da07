//! "Did you mean": the known word nearest to an unknown one.

/// As many letters may differ as a slip of the hand explains; more would suggest unrelated words.
const DISTANCE_MAX: usize = 3;

/// `; did you mean `listen`?` for `lisen`, empty when no known word is near.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let word = word.to_ascii_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= DISTANCE_MAX && *distance < candidate.len().max(2))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| format!("; did you mean `{candidate}`?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["listen", "admin_listen", "role", "data_dir"];
        for (word, expected) in [
            ("lisen", "; did you mean `listen`?"),
            ("Listen", "; did you mean `listen`?"),
            ("data-dir", "; did you mean `data_dir`?"),
            ("admin-listn", "; did you mean `admin_listen`?"),
            ("colour", ""),
            ("", ""),
        ] {
            assert_eq!(did_you_mean(word, known), expected, "{word}");
        }
    }
}
