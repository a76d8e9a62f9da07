//! A second signer, written from the description of the signature and from nothing else, for comparison with ours.
//!
//! It gives the string that a signature covers, so that two requests can be compared by what was signed of them.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::{Digest as _, Sha1};

use crate::Request;
use crate::reading::{fields, form_decoded, percent_decoded, percent_encoded};

/// The fields of a signature, decoded where they stand in a URL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signature {
    /// `q-sign-time`.
    pub sign_time: Vec<u8>,
    /// `q-key-time`.
    pub key_time: Vec<u8>,
    /// `q-header-list`.
    pub header_list: Vec<u8>,
    /// `q-url-param-list`.
    pub param_list: Vec<u8>,
    /// `q-signature`.
    pub signature: Vec<u8>,
}

impl Signature {
    /// The first of each field, from the header if that is there and not empty, else from the URL.
    pub fn read(request: &Request) -> Signature {
        let in_header =
            request.values("authorization").first().map(|value| String::from_utf8_lossy(value).into_owned());
        let in_header = in_header.filter(|value| !value.is_empty());
        let all: Vec<(Vec<u8>, Vec<u8>)> = match &in_header {
            Some(text) => fields(text).into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
            None => fields(&request.query)
                .into_iter()
                .map(|(name, value)| (form_decoded(name), form_decoded(value)))
                .collect(),
        };
        let field = |name: &str| {
            all.iter().find(|(given, _)| given == name.as_bytes()).map(|(_, value)| value.clone()).unwrap_or_default()
        };
        Signature {
            sign_time: field("q-sign-time"),
            key_time: field("q-key-time"),
            header_list: field("q-header-list"),
            param_list: field("q-url-param-list"),
            signature: field("q-signature"),
        }
    }

    /// Whether it is the signature of the request, for the Host as received or without its port.
    pub fn is_right(&self, request: &Request, secret: &str, body_bytes: Option<u64>) -> bool {
        self.covered(request, body_bytes).iter().any(|covered| self.made(covered, secret) == self.signature)
    }

    /// HttpString for each Host that may have been signed; none when the lists and the request do not agree on how often a
    /// name occurs.
    pub fn covered(&self, request: &Request, body_bytes: Option<u64>) -> Vec<Vec<u8>> {
        let mut params: Vec<(Vec<u8>, Vec<u8>)> = fields(&request.query)
            .into_iter()
            .map(|(name, value)| {
                let name = percent_encoded(&form_decoded(name)).to_ascii_lowercase();
                (name.into_bytes(), form_decoded(value))
            })
            .collect();
        params.sort();
        let Some(params) = listed(&self.param_list, &params) else { return Vec::new() };

        let mut all = Vec::new();
        for with_port in [true, false] {
            let mut headers: Vec<(Vec<u8>, Vec<u8>)> = request
                .headers
                .iter()
                .map(|(name, value)| {
                    let name = name.to_ascii_lowercase();
                    let value = crate::request::without_blanks(value);
                    let value = if name == "host" && !with_port { without_port(value) } else { value };
                    (name.into_bytes(), value.to_vec())
                })
                .collect();
            if !headers.iter().any(|(name, _)| name == b"content-length") {
                headers.extend(body_bytes.map(|bytes| (b"content-length".to_vec(), bytes.to_string().into_bytes())));
            }
            headers.sort();
            let Some(headers) = listed(&self.header_list, &headers) else { continue };
            let method = request.method.to_ascii_lowercase().into_bytes();
            let parts = [method, percent_decoded(&request.path), params.clone(), headers];
            all.push(parts.into_iter().flat_map(|part| [part, b"\n".to_vec()].concat()).collect());
        }
        all
    }

    fn made(&self, covered: &[u8], secret: &str) -> Vec<u8> {
        let sign_key = hmac_hex(secret.as_bytes(), &self.key_time);
        let digest = hex(&Sha1::digest(covered));
        let string_to_sign = [b"sha1\n", self.sign_time.as_slice(), b"\n", digest.as_bytes(), b"\n"].concat();
        hmac_hex(sign_key.as_bytes(), &string_to_sign).into_bytes()
    }
}

/// `name=enc(value)` for each listed name, joined by `&`; the values of a name in sorted order. `None` unless every listed
/// name is listed as often as it occurs.
fn listed(list: &[u8], sorted: &[(Vec<u8>, Vec<u8>)]) -> Option<Vec<u8>> {
    if list.is_empty() {
        return Some(Vec::new());
    }
    let names: Vec<&[u8]> = list.split(|byte| *byte == b';').collect();
    let mut parts = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let values: Vec<&Vec<u8>> = sorted.iter().filter(|(given, _)| given == name).map(|(_, value)| value).collect();
        if values.len() != names.iter().filter(|other| *other == name).count() {
            return None;
        }
        let before = names[..index].iter().filter(|other| *other == name).count();
        parts.push([name, b"=".as_slice(), percent_encoded(values[before]).as_bytes()].concat());
    }
    Some(parts.join(b"&".as_slice()))
}

/// Takes off a port, of a name, an IPv4 address or an IPv6 address in brackets.
fn without_port(host: &[u8]) -> &[u8] {
    let Some(colon) = host.iter().rposition(|byte| *byte == b':') else { return host };
    let (name, port) = (&host[..colon], &host[colon + 1..]);
    let is_port = port.iter().all(u8::is_ascii_digit) && (name.ends_with(b"]") || !name.contains(&b':'));
    if is_port { name } else { host }
}

fn hmac_hex(key: &[u8], message: &[u8]) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(message);
    hex(&mac.finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
