//! The rules of the wire and the tests that hold them: `docs/wire-rules.md` against the sources of the repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A rule and a test that holds it, named `file::function`.
type Pair = (String, String);

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What the page says. Each rule has one row and at least one test.
fn page() -> BTreeSet<Pair> {
    let text = fs::read_to_string(repository().join("docs/wire-rules.md")).expect("the page is there");
    let (mut pairs, mut rules) = (BTreeSet::new(), BTreeSet::new());
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        if !is_rule(cells[0]) {
            continue;
        }
        assert!(rules.insert(cells[0]), "the rule {} has two rows", cells[0]);
        let [rule, words, source, tests] = cells[..] else { panic!("not four cells: {row}") };
        assert!(!words.is_empty() && ["doc", "sdk", "doc, sdk", "ours"].contains(&source), "{row}");
        let tests: Vec<&str> = tests.split('`').filter(|test| test.contains("::")).collect();
        assert!(!tests.is_empty(), "the rule {rule} has no test");
        pairs.extend(tests.into_iter().map(|test| (rule.to_owned(), test.to_owned())));
    }
    // Every failure rule of these groups, none forgotten.
    for rule in (1..=12).map(|number| format!("C{number}")).chain(["E1", "E2", "E3", "E7"].map(str::to_owned)) {
        assert!(rules.contains(&*rule), "the failure rule {rule} has no row");
    }
    pairs
}

/// `W4.3`, `S2.1`, `C5`, `E1`.
fn is_rule(word: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (word.get(..1), word.get(1..)) {
        (Some("W" | "S"), Some(rest)) => {
            rest.split_once('.').is_some_and(|(section, row)| number(section) && number(row))
        }
        (Some("C" | "E"), Some(rest)) => number(rest),
        _ => false,
    }
}

/// The rules that a line of a doc comment names, if it is a line of that kind.
fn named(line: &str) -> Vec<String> {
    let kinds = ["Rule ", "Rules ", "Failure rule ", "Failure rules "];
    let Some(rest) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) else { return vec![] };
    let words = rest.split([',', ' ', ':']).map(|word| word.trim_end_matches('.'));
    words.filter(|word| is_rule(word)).map(str::to_owned).collect()
}

/// The name of a function that begins on this line.
fn function(line: &str, keyword: &str) -> Option<String> {
    let at = line.find(keyword)?;
    let is_start = line[..at].split_whitespace().all(|word| matches!(word, "async" | "pub(crate)"));
    let (name, _) = line[at + keyword.len()..].split_once('(')?;
    (is_start && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')).then(|| name.to_owned())
}

/// What the tests of a Rust file say, in the doc comments above them, and the names of all of its tests.
fn rust(file: &str, text: &str) -> (Vec<Pair>, Vec<String>) {
    let (mut pairs, mut tests) = (vec![], vec![]);
    let (mut rules, mut is_test) = (vec![], false);
    for line in text.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("/// ") {
            rules.extend(named(comment));
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else {
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

#[test]
fn every_rule_has_its_tests_and_every_test_its_rules() {
    let (mut found, root) = (vec![], repository());
    for crate_folder in fs::read_dir(root.join("crates")).expect("the crates").map(|entry| entry.expect("an entry")) {
        for part in ["src", "tests"].map(|part| crate_folder.path().join(part)) {
            if part.is_dir() {
                files(&part, "rs", &mut found);
            }
        }
    }
    files(&root.join("e2e"), "py", &mut found);
    let (mut said, mut tests) = (BTreeSet::new(), BTreeSet::new());
    for path in found {
        let text = fs::read_to_string(&path).expect("a source");
        let is_python = path.extension().is_some_and(|extension| extension == "py");
        let read = if is_python { python } else { rust };
        let (pairs, names) = read(&file_name(&path), &text);
        said.extend(pairs);
        tests.extend(names);
    }
    let page = page();
    let absent: Vec<_> = page.iter().filter(|(_, test)| !tests.contains(test)).collect();
    assert!(absent.is_empty(), "the page names tests that are not there: {absent:#?}");
    let silent: Vec<_> = page.difference(&said).collect();
    assert!(silent.is_empty(), "tests of the page that do not name their rule: {silent:#?}");
    let unknown: Vec<_> = said.difference(&page).collect();
    assert!(unknown.is_empty(), "rules named by tests that the page does not give them: {unknown:#?}");
    assert!(page.len() > 200, "{}", page.len());
}

#[test]
fn what_names_a_rule_and_what_does_not() {
    assert_eq!(named("Rules W2.3, W12.4."), ["W2.3", "W12.4"]);
    assert_eq!(named("Failure rule C11: one parser decides."), ["C11"]);
    assert!(named("As rule W2.3 has it.").is_empty());
    let text = "/// Promised.\n/// Rule W1.2.\n#[tokio::test(x)]\nasync fn it_holds() {\n}\n#[test]\nfn bare() {}\nfn other() {}\n";
    let (pairs, tests) = rust("file", text);
    assert_eq!(pairs, [("W1.2".to_owned(), "file::it_holds".to_owned())]);
    assert_eq!(tests, ["file::it_holds", "file::bare"]);
    let text = "def test_a(\n    x,\n):\n    \"\"\"Rules W1.2, C3.\"\"\"\n\ndef helper():\n    pass\n";
    let (pairs, tests) = python("file", text);
    assert_eq!(pairs.iter().map(|(rule, _)| rule.as_str()).collect::<Vec<_>>(), ["W1.2", "C3"]);
    assert_eq!(tests, ["file::test_a"]);
}
