//! The bucket over canned answers of S3, with the real SDK above them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::{Arc, Mutex};

use aws_sdk_s3::{
    Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
};
use aws_smithy_http_client::test_util::infallible_client_fn;

use super::*;
use crate::error::ExitCode;

const PREFIX: &str = "app/lambda/";

/// A request as `METHOD /path?query`, and whether it named the owner.
type Asked = Arc<Mutex<Vec<(String, bool)>>>;

fn key(digit: char) -> String {
    format!("{PREFIX}{}.zip", digit.to_string().repeat(64))
}

/// A bucket that holds these (digit of the hash, day, size), and others' things besides; `status` 200 lists it.
fn bucket(status: u16, zips: &'static [(char, u8, u8)]) -> (Bucket, Asked) {
    let asked = Asked::default();
    let seen = asked.clone();
    let http = infallible_client_fn(move |request| {
        let owner = request.headers().contains_key("x-amz-expected-bucket-owner");
        let line = format!("{} {}", request.method(), request.uri().path_and_query().unwrap());
        seen.lock().unwrap().push((line.clone(), owner));
        let body = match (status, line.as_str()) {
            (403, _) => "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>".to_owned(),
            (404, _) => "<Error><Code>NoSuchBucket</Code><Message>none</Message></Error>".to_owned(),
            (_, line) if line.contains("list-type=2") => {
                let object = |key: &str, day: u8, size: u8| {
                    format!(
                        "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>2026-01-{day:02}T00:00:00Z</LastModified></Contents>"
                    )
                };
                let ours: String = zips.iter().map(|(digit, day, size)| object(&key(*digit), *day, *size)).collect();
                let theirs =
                    object(&format!("{PREFIX}notes.txt"), 31, 1) + &object(&format!("{PREFIX}mine.zip"), 30, 1);
                format!("<ListBucketResult>{ours}{theirs}</ListBucketResult>")
            }
            (_, line) if line.contains("versions") => {
                // Gone the second time, as the loop expects.
                let again = seen.lock().unwrap().iter().filter(|(other, _)| other == line).count() > 1;
                let prefix = line.split("prefix=").nth(1).unwrap_or_default().split('&').next().unwrap_or_default();
                let found =
                    format!("<Version><Key>{}</Key><VersionId>1</VersionId></Version>", prefix.replace("%2F", "/"));
                format!("<ListVersionsResult>{}</ListVersionsResult>", if again { "" } else { &found })
            }
            _ => "<DeleteResult></DeleteResult>".to_owned(),
        };
        http::Response::builder().status(status).body(body).unwrap()
    });
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("id", "key", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .http_client(http)
        .force_path_style(true)
        .build();
    (Bucket::with_client(Client::from_conf(config), "artefacts", "111122223333"), asked)
}

fn lines(asked: &Asked, method: &str) -> Vec<String> {
    let asked = asked.lock().unwrap();
    assert!(asked.iter().all(|(_, owner)| *owner), "a call names no owner: {asked:?}");
    asked.iter().map(|(line, _)| line.clone()).filter(|line| line.starts_with(method)).collect()
}

#[tokio::test]
async fn a_bucket_of_somebody_else_is_refused_with_the_way_out_and_an_absent_one_is_absent() {
    let failure = bucket(403, &[]).0.exists().await.unwrap_err();
    assert_eq!(failure.code, ExitCode::Unsafe);
    assert!(failure.message.contains("s3://artefacts is not one of the account 111122223333"), "{failure:?}");
    assert!(failure.hint.unwrap().contains("artifact_bucket"));
    assert_eq!(bucket(404, &[]).0.exists().await, Ok(false));
    assert_eq!(bucket(404, &[]).0.zips(PREFIX).await, Ok(Vec::new()));
}

#[tokio::test]
async fn only_what_is_not_the_newest_or_not_whole_is_written() {
    const ZIPS: &[(char, u8, u8)] = &[('a', 1, 3), ('b', 2, 3)];
    for (case, digit, size, expected) in [
        ("the newest", 'b', 3, Upload::AlreadyThere),
        ("the newest, cut off", 'b', 4, Upload::Written),
        ("an older one, so that it is the newest", 'a', 3, Upload::Written),
        ("a new one", 'c', 3, Upload::Written),
    ] {
        let (bucket, asked) = bucket(200, ZIPS);
        assert_eq!(bucket.upload(PREFIX, &key(digit), vec![0; size]).await, Ok(expected), "{case}");
        assert_eq!(lines(&asked, "PUT").len(), usize::from(expected == Upload::Written), "{case}");
    }
}

#[tokio::test]
async fn a_zip_is_read_whole_and_a_refusal_names_it() {
    let (open, asked) = bucket(200, &[]);
    assert_eq!(open.read(&key('a')).await, Ok(b"<DeleteResult></DeleteResult>".to_vec()));
    assert_eq!(lines(&asked, "GET").len(), 1);
    let failure = bucket(403, &[]).0.read(&key('a')).await.unwrap_err();
    assert!(failure.message.contains(&format!("s3://artefacts/{} could not be read", key('a'))), "{failure:?}");
}

#[tokio::test]
async fn old_zips_go_and_the_current_one_and_what_is_not_ours_stay() {
    // The current one is the oldest: deployed anew without having been written again.
    const ZIPS: &[(char, u8, u8)] = &[('a', 1, 3), ('b', 2, 3), ('c', 3, 3), ('d', 4, 3), ('e', 5, 3)];
    let (bucket, asked) = bucket(200, ZIPS);
    assert_eq!(bucket.prune(PREFIX, &key('a'), 2).await, Ok(2));
    let listed: Vec<String> = lines(&asked, "GET").into_iter().filter(|line| line.contains("versions")).collect();
    let touched = |digit: char| listed.iter().any(|line| line.contains(&digit.to_string().repeat(64)));
    assert_eq!("abcde".chars().filter(|digit| touched(*digit)).collect::<String>(), "bc", "{listed:?}");
    assert_eq!(lines(&asked, "POST").len(), 2);
}
