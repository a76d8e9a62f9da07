//! OpenDAL's `cos` service against a running server: write, read, range, conditional read, stat with user metadata, list, copy,
//! delete, multipart. Ends with an exit code of 0 when everything was as it must be.
//!
//! Usage: `hashlane-opendal-test <endpoint> <bucket> <secret id> <secret key>`. The bucket becomes the first label of the
//! endpoint's host; whoever calls sees to it that the name leads to the server, by `http_proxy` if there is no name service.

use std::error::Error;

use futures_util::TryStreamExt;
use opendal::options::{CopyOptions, ListOptions, ReadOptions, StatOptions, WriteOptions};
use opendal::{Buffer, ErrorKind, Operator, services};

const MIB: usize = 1 << 20;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "a TLS provider is installed already")?;
    opendal_http_transport_reqwest::install_default();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, bucket, secret_id, secret_key] = &arguments[..] else {
        return Err("usage: hashlane-opendal-test <endpoint> <bucket> <secret id> <secret key>".into());
    };
    let service = services::Cos::default()
        .endpoint(endpoint)
        .bucket(bucket)
        .secret_id(secret_id)
        .secret_key(secret_key)
        .disable_config_load();
    let operator = Operator::new(service)?;

    write_read_and_stat(&operator).await?;
    conditions(&operator).await?;
    list(&operator).await?;
    copy_and_delete(&operator).await?;
    multipart(&operator).await?;
    println!("opendal: all as it must be");
    Ok(())
}

async fn write_read_and_stat(operator: &Operator) -> opendal::Result<()> {
    let key = "opendal/目录/a b+c!'()*~.txt";
    let content: Vec<u8> = (0..MIB).map(|index| (index * 31 % 251) as u8).collect();
    let options = WriteOptions {
        content_type: Some("text/plain".into()),
        cache_control: Some("no-cache".into()),
        user_metadata: Some([("author".to_owned(), "x y".to_owned())].into()),
        ..Default::default()
    };
    operator.write_options(key, content.clone(), options).await?;
    assert_eq!(operator.read(key).await?.to_vec(), content);
    for range in [0..1, 1000..2000, MIB as u64 - 1..MIB as u64] {
        let options = ReadOptions { range: range.clone().into(), ..Default::default() };
        let part = operator.read_options(key, options).await?.to_vec();
        assert_eq!(part, content[range.start as usize..range.end as usize], "{range:?}");
    }
    let told = operator.stat(key).await?;
    assert_eq!((told.content_length(), told.content_type()), (MIB as u64, Some("text/plain")));
    assert_eq!(told.cache_control(), Some("no-cache"));
    assert_eq!(told.user_metadata().and_then(|all| all.get("author")), Some("x y"));
    assert!(told.etag().is_some_and(|etag| etag.len() == 34) && told.last_modified().is_some());

    operator.write("opendal/empty", Buffer::new()).await?;
    assert!(operator.read("opendal/empty").await?.is_empty());
    let missing = operator.stat("opendal/no such").await.expect_err("it does not exist");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    Ok(())
}

async fn conditions(operator: &Operator) -> opendal::Result<()> {
    let key = "opendal/conditions";
    operator.write(key, "abc").await?;
    let etag = operator.stat(key).await?.etag().expect("an ETag").to_owned();
    let other = "\"00000000000000000000000000000000\"".to_owned();
    let met = |if_match: &str| ReadOptions { if_match: Some(if_match.to_owned()), ..Default::default() };
    assert_eq!(operator.read_options(key, met(&etag)).await?.to_vec(), b"abc");
    let refused = operator.read_options(key, met(&other)).await.expect_err("another version");
    assert_eq!(refused.kind(), ErrorKind::ConditionNotMatch);
    let unless = ReadOptions { if_none_match: Some(etag.clone()), ..Default::default() };
    assert_eq!(operator.read_options(key, unless).await.expect_err("the same").kind(), ErrorKind::ConditionNotMatch);
    let stat = StatOptions { if_match: Some(other), ..Default::default() };
    assert_eq!(operator.stat_options(key, stat).await.expect_err("another").kind(), ErrorKind::ConditionNotMatch);
    let new = WriteOptions { if_not_exists: true, ..Default::default() };
    let refused = operator.write_options(key, "new", new).await.expect_err("it exists");
    assert_eq!(refused.kind(), ErrorKind::ConditionNotMatch);
    Ok(())
}

async fn list(operator: &Operator) -> opendal::Result<()> {
    let mut keys: Vec<String> = (0..25).map(|number| format!("opendal/list/{}/é {number}", number % 3)).collect();
    keys.push("opendal/list/z&".into());
    for key in &keys {
        operator.write(key, "x").await?;
    }
    keys.sort_unstable();
    let options = ListOptions { recursive: true, limit: Some(4), ..Default::default() };
    let lister = operator.lister_options("opendal/list/", options).await?;
    let found: Vec<String> = lister.map_ok(|entry| entry.path().to_owned()).try_collect().await?;
    assert_eq!(found, keys);
    let mut rolled: Vec<String> =
        operator.list("opendal/list/").await?.into_iter().map(|entry| entry.path().to_owned()).collect();
    rolled.sort_unstable();
    assert_eq!(rolled, ["opendal/list/0/", "opendal/list/1/", "opendal/list/2/", "opendal/list/z&"]);
    Ok(())
}

async fn copy_and_delete(operator: &Operator) -> opendal::Result<()> {
    let options = WriteOptions { user_metadata: Some([("a".to_owned(), "1".to_owned())].into()), ..Default::default() };
    operator.write_options("opendal/copy/é a", "abc", options).await?;
    operator.copy("opendal/copy/é a", "opendal/copy/b").await?;
    assert_eq!(operator.read("opendal/copy/b").await?.to_vec(), b"abc");
    let told = operator.stat("opendal/copy/b").await?;
    assert_eq!(told.user_metadata().and_then(|all| all.get("a")), Some("1"));
    let new = CopyOptions { if_not_exists: true, ..Default::default() };
    let refused = operator.copy_options("opendal/copy/é a", "opendal/copy/b", new).await.expect_err("it exists");
    assert_eq!(refused.kind(), ErrorKind::ConditionNotMatch);
    for _ in 0..2 {
        operator.delete("opendal/copy/b").await?;
    }
    assert!(!operator.exists("opendal/copy/b").await?);
    assert!(operator.exists("opendal/copy/é a").await?);
    Ok(())
}

async fn multipart(operator: &Operator) -> opendal::Result<()> {
    let key = "opendal/parts/big";
    let content: Vec<u8> = (0..5 * MIB + 1).map(|index| (index * 37 % 253) as u8).collect();
    let options =
        WriteOptions { chunk: Some(MIB), concurrent: 4, content_type: Some("a/b".into()), ..Default::default() };
    let mut writer = operator.writer_options(key, options.clone()).await?;
    for piece in content.chunks(700_001) {
        writer.write(piece.to_vec()).await?;
    }
    writer.close().await?;
    assert_eq!(operator.read(key).await?.to_vec(), content);
    let told = operator.stat(key).await?;
    assert_eq!((told.content_length(), told.content_type()), (content.len() as u64, Some("a/b")));
    assert!(told.etag().is_some_and(|etag| etag.ends_with("-6\"")), "{told:?}");

    let mut writer = operator.writer_options("opendal/parts/aborted", options).await?;
    writer.write(content[..3 * MIB].to_vec()).await?;
    writer.abort().await?;
    assert!(!operator.exists("opendal/parts/aborted").await?);
    Ok(())
}
