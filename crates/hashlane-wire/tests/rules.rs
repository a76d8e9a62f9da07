//! The rules and the tests that hold them: `docs/wire-rules.md`, `docs/failure-rules.md` and the crash points of
//! `docs/store.md` against the sources of the repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A rule and a test that holds it, named `file::function`.
type Pair = (String, String);

/// A page with a row for each of its rules: the id first, the tests in backticks.
struct Page {
    path: &'static str,
    /// How many cells a row has.
    cells: usize,
    /// Groups of rules by their letter, and how many there are; the rest of a group is on another page, or has its reason
    /// on this one.
    groups: &'static [(&'static str, &'static [u32])],
}

const WIRE: Page = Page {
    path: "docs/wire-rules.md",
    cells: 4,
    groups: &[("C", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]), ("E", &[1, 2, 3, 7])],
};
const FAILURES: Page = Page {
    path: "docs/failure-rules.md",
    cells: 4,
    groups: &[
        ("A", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 21, 22, 23, 24, 25]),
        ("B", &[1, 2, 3, 5, 7, 8]),
        ("D", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("E", &[4, 5, 6, 8]),
    ],
};
const CRASHES: Page = Page { path: "docs/store.md", cells: 5, groups: &[] };

impl Page {
    fn holds(&self, rule: &str) -> bool {
        match rule.get(..1) {
            Some("W" | "S") => self.path == WIRE.path,
            Some("K") => self.path == CRASHES.path,
            _ => self.required().any(|it| it == rule),
        }
    }

    fn required(&self) -> impl Iterator<Item = String> {
        self.groups.iter().flat_map(|(letter, numbers)| numbers.iter().map(move |it| format!("{letter}{it}")))
    }

    /// What the page says. Each rule has one row and at least one test.
    fn read(&self) -> BTreeSet<Pair> {
        let text = fs::read_to_string(repository().join(self.path)).expect("the page is there");
        let (mut pairs, mut rules) = (BTreeSet::new(), BTreeSet::new());
        for row in text.lines().filter(|line| line.starts_with("| ")) {
            let row = row.trim_start_matches("| ").trim_end_matches('|').trim_end();
            let cells: Vec<&str> = row.split(" | ").map(str::trim).collect();
            if !is_rule(cells[0]) {
                continue;
            }
            let rule = cells[0];
            assert!(rules.insert(rule), "{}: the rule {rule} has two rows", self.path);
            assert!(self.holds(rule), "{}: the rule {rule} is not of this page", self.path);
            assert_eq!(cells.len(), self.cells, "{}: {row}", self.path);
            assert!(!cells[1].is_empty(), "{}: {row}", self.path);
            let tests: Vec<&str> = row.split('`').filter(|word| is_test(word)).collect();
            assert!(!tests.is_empty(), "{}: the rule {rule} has no test", self.path);
            pairs.extend(tests.into_iter().map(|test| (rule.to_owned(), test.to_owned())));
        }
        for rule in self.required() {
            assert!(rules.contains(&*rule), "{}: the rule {rule} has no row", self.path);
        }
        pairs
    }
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// `file::function`, and nothing else.
fn is_test(word: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_');
    word.split_once("::").is_some_and(|(file, function)| is_name(file) && is_name(function))
}

/// `W4.3`, `S2.1`, `C5`, `A12`, `K3`.
fn is_rule(word: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (word.get(..1), word.get(1..)) {
        (Some("W" | "S"), Some(rest)) => {
            rest.split_once('.').is_some_and(|(section, row)| number(section) && number(row))
        }
        (Some("A" | "B" | "C" | "D" | "E" | "K"), Some(rest)) => number(rest),
        _ => false,
    }
}

/// The rules that a line of a doc comment names, if it is a line of that kind.
fn named(line: &str) -> Vec<String> {
    let kinds = ["Rule ", "Rules ", "Failure rule ", "Failure rules ", "Crash point ", "Crash points "];
    let Some(rest) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) else { return vec![] };
    let words = rest.split([',', ' ', ':', ';']).map(|word| word.trim_end_matches('.'));
    words.filter(|word| is_rule(word)).map(str::to_owned).collect()
}

/// The name of a function that begins on this line.
fn function(line: &str, keyword: &str) -> Option<String> {
    let at = line.find(keyword)?;
    let is_start = line[..at].split_whitespace().all(|word| matches!(word, "async" | "pub(crate)"));
    let (name, _) = line[at + keyword.len()..].split_once('(')?;
    (is_start && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')).then(|| name.to_owned())
}

/// What the tests of a Rust file say, in the doc comments above them, and the names of all of its tests. The promises of a
/// suite are tests of whoever calls it.
fn rust(file: &str, text: &str, is_suite: bool) -> (Vec<Pair>, Vec<String>) {
    let (mut pairs, mut tests) = (vec![], vec![]);
    let (mut rules, mut is_test) = (vec![], false);
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("/// ") {
            rules.extend(named(comment));
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else {
            is_test |= is_suite && line.starts_with("pub(crate) async fn ");
            if let Some(name) = function(line, "fn ").filter(|_| is_test) {
                let test = format!("{file}::{name}");
                pairs.extend(rules.drain(..).map(|rule| (rule, test.clone())));
                tests.push(test);
            }
            assert!(rules.is_empty(), "{file}: {rules:?} stand above something that is no test: {line}");
            is_test = false;
        }
    }
    (pairs, tests)
}

/// What the tests of a Python file say, in their docstrings, and the names of all of its tests.
fn python(file: &str, text: &str) -> (Vec<Pair>, Vec<String>) {
    let (mut pairs, mut tests) = (vec![], vec![]);
    for line in text.lines() {
        if let Some(name) = function(line, "def ").filter(|name| name.starts_with("test_")) {
            tests.push(format!("{file}::{name}"));
        }
        let rules = named(line.trim().trim_matches('"'));
        if let Some(test) = tests.last().filter(|_| line.starts_with("    ")) {
            pairs.extend(rules.into_iter().map(|rule| (rule, test.clone())));
        }
    }
    (pairs, tests)
}

/// The name that a file goes by.
fn file_name(path: &Path) -> String {
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    match name(path).as_str() {
        "main" | "mod" | "tests" | "lib" => path.parent().map(name).unwrap_or_default(),
        other => other.to_owned(),
    }
}

fn files(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if entry.file_type().expect("a type").is_dir() {
            files(&path, extension, found);
        } else if path.extension().is_some_and(|have| have == extension) {
            found.push(path);
        }
    }
}

/// Everything that tests say of rules, and the names of all tests.
fn sources() -> (BTreeSet<Pair>, BTreeSet<String>) {
    let (mut found, root) = (vec![], repository());
    let crates = fs::read_dir(root.join("crates")).expect("the crates").map(|entry| entry.expect("an entry").path());
    for folder in crates.chain([root.join("chaos")]) {
        for part in ["src", "tests"].map(|part| folder.join(part)).iter().filter(|part| part.is_dir()) {
            files(part, "rs", &mut found);
        }
    }
    files(&root.join("e2e"), "py", &mut found);
    let (mut said, mut tests) = (BTreeSet::new(), BTreeSet::new());
    for path in found {
        let text = fs::read_to_string(&path).expect("a source");
        let is_suite = path.parent().is_some_and(|folder| folder.ends_with("conformance"));
        let (pairs, names) = match path.extension().is_some_and(|extension| extension == "py") {
            true => python(&file_name(&path), &text),
            false => rust(&file_name(&path), &text, is_suite),
        };
        said.extend(pairs);
        tests.extend(names);
    }
    (said, tests)
}

#[test]
fn every_rule_has_its_tests_and_every_test_its_rules() {
    let (mut said, tests) = sources();
    for page in [WIRE, FAILURES, CRASHES] {
        let rows = page.read();
        let absent: Vec<_> = rows.iter().filter(|(_, test)| !tests.contains(test)).collect();
        assert!(absent.is_empty(), "{} names tests that are not there: {absent:#?}", page.path);
        let silent: Vec<_> = rows.difference(&said).collect();
        assert!(silent.is_empty(), "tests of {} that do not name their rule: {silent:#?}", page.path);
        let unknown: Vec<_> =
            said.iter().filter(|(rule, _)| page.holds(rule)).filter(|it| !rows.contains(it)).collect();
        assert!(unknown.is_empty(), "rules named by tests to which {} does not give them: {unknown:#?}", page.path);
        said.retain(|(rule, _)| !page.holds(rule));
    }
    assert!(said.is_empty(), "rules that are on no page: {said:#?}");
}

/// The records that a page names are there.
#[test]
fn every_record_that_a_page_of_rules_names_is_there() {
    for page in [WIRE, FAILURES, CRASHES] {
        let text = fs::read_to_string(repository().join(page.path)).expect("the page is there");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = link.split('#').next().unwrap_or_default();
            let is_here = file.is_empty() || file.contains("://") || repository().join("docs").join(file).exists();
            assert!(is_here, "{} names {file}, which is not there", page.path);
        }
    }
}

#[test]
fn what_names_a_rule_and_what_does_not() {
    assert_eq!(named("Rules W2.3, W12.4."), ["W2.3", "W12.4"]);
    assert_eq!(named("Failure rule C11: one parser decides."), ["C11"]);
    assert_eq!(named("Crash points K1, K12."), ["K1", "K12"]);
    assert!(named("As rule W2.3 has it.").is_empty());
    let text = "/// Promised.\n/// Rule W1.2.\n#[tokio::test(x)]\nasync fn it_holds() {\n}\n#[test]\nfn bare() {}\nfn other() {}\n";
    let (pairs, tests) = rust("file", text, false);
    assert_eq!(pairs, [("W1.2".to_owned(), "file::it_holds".to_owned())]);
    assert_eq!(tests, ["file::it_holds", "file::bare"]);
    let text = "/// Failure rule A1.\npub(crate) async fn it_is_promised(world: World) {\n}\nfn helper() {}\n";
    assert_eq!(rust("file", text, true).0, [("A1".to_owned(), "file::it_is_promised".to_owned())]);
    let text = "def test_a(\n    x,\n):\n    \"\"\"Rules W1.2, C3.\"\"\"\n\ndef helper():\n    pass\n";
    let (pairs, tests) = python("file", text);
    assert_eq!(pairs.iter().map(|(rule, _)| rule.as_str()).collect::<Vec<_>>(), ["W1.2", "C3"]);
    assert_eq!(tests, ["file::test_a"]);
}
