//! Captured requests with a byte changed, added or taken away (failure rule C5): accepted if and only if the change does
//! not touch the meaning of what is signed.
//!
//! The meaning is worked out here by plain means of its own: method, decoded path, seven fields of the signature, and the
//! decoded values of each listed header and parameter.

use std::collections::BTreeMap;

use crate::capture::{ACCESS_KEY, Capture, NOW, SECRET};
use hashlane_wire::sign;

const MUTATIONS: usize = 20_000;

/// SplitMix64: the same mutations in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }
}

/// Changes, adds or removes one byte; `allowed` are the bytes that can come in.
fn mutate(bytes: &[u8], allowed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let byte = allowed[random.below(allowed.len())];
    match random.below(4) {
        0 => out.insert(random.below(out.len() + 1), byte),
        1 if out.len() > 1 => {
            out.remove(random.below(bytes.len()));
        }
        _ if out.is_empty() => out.push(byte),
        _ => out[random.below(bytes.len())] = byte,
    }
    out
}

fn decode(raw: &[u8], plus_is_space: bool) -> Vec<u8> {
    let hex = |byte: u8| char::from(byte).to_digit(16);
    let mut out = Vec::new();
    let mut rest = raw;
    while let [first, tail @ ..] = rest {
        rest = tail;
        match (first, tail) {
            (b'%', [high, low, after @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                out.push((hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0)) as u8);
                rest = after;
            }
            (b'+', _) if plus_is_space => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
    }
    out
}

fn fields(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    text.split(|byte| *byte == b'&')
        .filter(|field| !field.is_empty())
        .map(|field| match field.iter().position(|byte| *byte == b'=') {
            Some(at) => (field[..at].to_vec(), field[at + 1..].to_vec()),
            None => (field.to_vec(), Vec::new()),
        })
        .collect()
}

/// A parameter name as lists spell it.
fn listed(name: &[u8]) -> String {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let spell = |byte: &u8| if unreserved(*byte) { char::from(*byte).to_string() } else { format!("%{byte:02x}") };
    name.iter().map(spell).collect::<String>().to_lowercase()
}

fn without_port(host: &[u8]) -> &[u8] {
    match host.iter().position(|byte| *byte == b':') {
        Some(at) if host[at + 1..].iter().all(u8::is_ascii_digit) => &host[..at],
        _ => host,
    }
}

#[derive(Debug, PartialEq)]
struct Meaning {
    method: String,
    path: Vec<u8>,
    signature: BTreeMap<String, Vec<Vec<u8>>>,
    params: BTreeMap<String, Vec<Vec<u8>>>,
    headers: BTreeMap<String, Vec<Vec<u8>>>,
}

fn meaning(capture: &Capture) -> Meaning {
    let header = |wanted: &str| -> Vec<Vec<u8>> {
        let all = capture.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let mut values: Vec<Vec<u8>> = all
            .map(|(_, value)| value.trim_ascii().to_vec())
            .map(|value| if wanted == "host" { without_port(&value).to_vec() } else { value })
            .collect();
        values.sort();
        values
    };
    let query: Vec<(Vec<u8>, Vec<u8>)> = fields(capture.query.as_bytes())
        .into_iter()
        .map(|(name, value)| (decode(&name, true), decode(&value, true)))
        .collect();
    let authorization = header("authorization").concat();
    let source = if authorization.is_empty() { query.clone() } else { fields(&authorization) };
    let mut signature: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for (name, value) in source {
        let name = String::from_utf8_lossy(&name).into_owned();
        let ours = ["algorithm", "ak", "time", "list", "signature"].iter().any(|end| name.ends_with(end));
        if name.starts_with("q-") && ours {
            signature.entry(name).or_default().push(value);
        }
    }
    let list = |name: &str| -> Vec<String> {
        let text = signature.get(name).map(|values| values.concat()).unwrap_or_default();
        String::from_utf8_lossy(&text).split(';').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let param = |wanted: &String| -> Vec<Vec<u8>> {
        let mut values: Vec<Vec<u8>> =
            query.iter().filter(|(name, _)| listed(name) == *wanted).map(|(_, value)| value.clone()).collect();
        values.sort();
        values
    };
    Meaning {
        method: capture.method.to_lowercase(),
        path: decode(capture.path.as_bytes(), false),
        params: list("q-url-param-list").into_iter().map(|name| (name.clone(), param(&name))).collect(),
        headers: list("q-header-list").into_iter().map(|name| (name.clone(), header(&name))).collect(),
        signature,
    }
}

fn accepted(capture: &Capture) -> bool {
    let head = capture.head();
    match sign::presented(&head) {
        Ok(Some(presented)) => {
            let secret = (presented.access_key == ACCESS_KEY).then_some(SECRET);
            sign::verify(&head, &presented, secret, None, NOW, sign::Rules::default()).is_ok()
        }
        Ok(None) | Err(_) => false,
    }
}

/// Rule S2.12.
/// Failure rule C5.
#[test]
fn a_mutated_request_is_accepted_only_when_what_is_signed_means_the_same() {
    let visible: Vec<u8> = (0x21..0x7f).collect();
    let in_path: Vec<u8> = visible.iter().copied().filter(|byte| !b"?#".contains(byte)).collect();
    let in_query: Vec<u8> = visible.iter().copied().filter(|byte| *byte != b'#').collect();
    let in_value: Vec<u8> = (0x20..=0xff).filter(|byte| *byte != 0x7f).collect();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("only ASCII came in");

    let captures: Vec<Capture> = Capture::all().into_iter().filter(accepted).collect();
    assert_eq!(captures.len(), 72);
    let random = &mut Random(1);
    let (mut refusals, mut same) = (0, 0);
    for _ in 0..MUTATIONS {
        let original = &captures[random.below(captures.len())];
        let mut mutated = original.clone();
        match random.below(5) {
            0 => mutated.method = text(mutate(original.method.as_bytes(), &visible, random)),
            1 => mutated.path = text(mutate(original.path.as_bytes(), &in_path, random)),
            2 => mutated.query = text(mutate(original.query.as_bytes(), &in_query, random)),
            _ => {
                let of_interest: Vec<usize> = (0..original.headers.len())
                    .filter(|index| {
                        !["user-agent", "accept", "accept-encoding"]
                            .contains(&&*original.headers[*index].0.to_lowercase())
                    })
                    .collect();
                let value = &mut mutated.headers[of_interest[random.below(of_interest.len())]].1;
                *value = mutate(value, &in_value, random);
            }
        }
        let means_the_same = meaning(&mutated) == meaning(original);
        assert_eq!(accepted(&mutated), means_the_same, "{} became {mutated:?}", original.name);
        if means_the_same { same += 1 } else { refusals += 1 }
    }
    assert!(refusals >= 10_000, "{refusals} refused, {same} of the same meaning");
}
