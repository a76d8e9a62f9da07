//! Both columns of the error table of signing.md section 4, row by row over the wire.

use hashlane_server::AccessKey;
use hashlane_wire::sign::ErrorDialect;

use crate::exchange::Ask;
use crate::server::{KEY_ID, KEY_SECRET, NOW, Server, full_key};

fn query() -> Ask {
    Ask::get("/file_jobs/f93984788066911ed89ed352d4d9d2084")
}

async fn start(dialect: ErrorDialect) -> Server {
    Server::start_with(|setup| {
        setup.options.error_dialect = dialect;
        setup.options.sign_rules.require_signed_host = true;
        setup.options.keys.extend([
            AccessKey { token: Some("token".into()), ..full_key("temporary", "secret") },
            AccessKey { actions: vec!["cos:*".into()], ..full_key("limited", "secret") },
        ]);
    })
    .await
}

/// Rules W14.9, W16.11, S4.1, S4.2, S4.3, S4.4, S4.5, S4.6, S4.7, S4.8.
#[tokio::test]
async fn every_row_of_the_table_is_answered_as_the_dialect_of_the_listener_says() {
    let unsigned_host = {
        // Signed without a Host, which is sent all the same.
        let signed = Ask { headers: vec![], ..query() }.signed();
        Ask { headers: [query().headers, signed.headers].concat(), ..query() }
    };
    let by = |id: &str, secret: &str| query().signed_by(id, secret, NOW, NOW + 60);
    let denied = Some("Access Denied.");
    let unknown = Some("The Access Key Id you provided does not exist in our records");
    let expired = query().signed_by(KEY_ID, KEY_SECRET, NOW - 100, NOW - 1);
    let early = query().signed_by(KEY_ID, KEY_SECRET, NOW + 901, NOW + 3600);
    let rows = [
        ("unsigned", query(), (403, "AccessDenied"), (401, "MissingAuthorization"), denied),
        (
            "empty header",
            query().header("Authorization", ""),
            (403, "AccessDenied"),
            (401, "MissingAuthorization"),
            denied,
        ),
        (
            "not parseable",
            query().header("Authorization", "Basic abc"),
            (403, "AccessDenied"),
            (401, "InvalidAuthorization"),
            denied,
        ),
        ("no signed host", unsigned_host, (403, "AccessDenied"), (401, "InvalidAuthorization"), denied),
        ("unknown key", by("nobody", "secret"), (403, "InvalidAccessKeyId"), (401, "SecretidNotExist"), unknown),
        ("expired", expired, (403, "AccessDenied"), (401, "SignatureExpired"), Some("Request has expired")),
        ("not yet valid", early, (403, "RequestTimeTooSkewed"), (401, "SignatureExpired"), None),
        ("digest differs", by(KEY_ID, "another"), (403, "SignatureDoesNotMatch"), (401, "InvalidAuthorization"), None),
        ("no token", by("temporary", "secret"), (403, "AccessDenied"), (401, "AccessDenied"), denied),
        ("not allowed", by("limited", "secret"), (403, "AccessDenied"), (403, "AccessDenied"), denied),
    ];
    for dialect in [ErrorDialect::Cos, ErrorDialect::Ci] {
        let server = start(dialect).await;
        for (row, ask, cos, ci, text) in &rows {
            let (status, code) = if dialect == ErrorDialect::Cos { *cos } else { *ci };
            let reply = ask.send(server.api).await;
            let (got_status, got_code, message) = reply.error();
            assert_eq!((got_status, got_code.as_str()), (status, code), "{row} {dialect:?}");
            assert!(text.is_none_or(|text| text == message), "{row} {dialect:?}: {message}");
        }
        by("temporary", "secret").header("x-cos-security-token", "token").send(server.api).await.expect_ok();
        query().signed().send(server.api).await.expect_ok();
        // What is no fault of a signature is the same in both.
        Ask::submit("no XML").signed().send(server.api).await.expect_error(400, "InvalidContent");
    }
}
