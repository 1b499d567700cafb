//! The function's zip in S3: there once, under a name made of its content, and removed again by `destroy`.
//!
//! Only objects under the given prefix are ever touched, and every call names the account that must own the bucket.

use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client,
    primitives::ByteStream,
    types::{ChecksumAlgorithm, Delete, MetadataDirective, Object, ObjectIdentifier},
};

use crate::{
    aws,
    error::{ExitCode, Failure},
};

const CONTENT_TYPE: &str = "application/zip";

/// One bucket, which must belong to one account.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    name: String,
    owner: String,
}

/// What [`Bucket::upload`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upload {
    /// The object was written.
    Written,
    /// The same content was there already, and is what was deployed last.
    AlreadyThere,
}

/// A zip in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zip {
    /// Its key.
    pub key: String,
    /// When it was written, milliseconds since 1970: when it was deployed last, for a deploy of anything but the newest
    /// writes it again.
    pub millis: i64,
    size: i64,
}

impl Bucket {
    /// `owner` is the account id; a bucket of somebody else is refused by S3.
    #[must_use]
    pub fn new(config: &SdkConfig, name: &str, owner: &str) -> Self {
        Self::with_client(client(config), name, owner)
    }

    /// As [`Bucket::new`], over a client of the caller's.
    #[must_use]
    pub fn with_client(client: Client, name: &str, owner: &str) -> Self {
        Self { client, name: name.to_owned(), owner: owner.to_owned() }
    }

    /// Whether there is such a bucket, of that owner.
    ///
    /// # Errors
    /// When S3 does not say, or when the bucket is somebody else's.
    pub async fn exists(&self) -> Result<bool, Failure> {
        let listed = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .max_keys(1)
            .expected_bucket_owner(&self.owner)
            .send()
            .await;
        match listed {
            Ok(_) => Ok(true),
            Err(error) if aws::code(&error) == Some("NoSuchBucket") => Ok(false),
            Err(error) if aws::code(&error) == Some("AccessDenied") => Err(aws::failure(
                &format!(
                    "the bucket s3://{} is not one of the account {}, or these credentials may not list it",
                    self.name, self.owner
                ),
                &error,
            )
            .with_hint("Nothing was uploaded. Set artifact_bucket in deployer.toml to a bucket of this account.")
            .with_code(ExitCode::Unsafe)),
            Err(error) => Err(aws::failure(&format!("s3://{} cannot be used", self.name), &error)),
        }
    }

    /// Write `bytes` to `key`, below `prefix`, unless it is the newest zip there already.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn upload(&self, prefix: &str, key: &str, bytes: Vec<u8>) -> Result<Upload, Failure> {
        // The size guards against an upload that broke off; the key is made of the content's hash.
        let size = i64::try_from(bytes.len()).ok();
        if self.zips(prefix).await?.first().is_some_and(|newest| newest.key == key && Some(newest.size) == size) {
            return Ok(Upload::AlreadyThere);
        }
        self.client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .expected_bucket_owner(&self.owner)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .content_type(CONTENT_TYPE)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| aws::failure(&format!("s3://{}/{key} could not be written", self.name), &error))?;
        Ok(Upload::Written)
    }

    /// The zips below `prefix`, the one that was written last first. By listing, not by HEAD: a HEAD on a missing key is
    /// remembered by S3, and `CloudFormation` then gets "Access Denied". A bucket that does not exist has none.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn zips(&self, prefix: &str) -> Result<Vec<Zip>, Failure> {
        let (mut zips, mut token) = (Vec::new(), None);
        loop {
            let request = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
            let request = request.expected_bucket_owner(&self.owner).set_continuation_token(token);
            let page = match request.send().await {
                Ok(page) => page,
                Err(error) if aws::code(&error) == Some("NoSuchBucket") => return Ok(Vec::new()),
                Err(error) => return Err(aws::failure(&format!("s3://{} could not be listed", self.name), &error)),
            };
            zips.extend(page.contents().iter().filter_map(zip));
            token = page.next_continuation_token().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        zips.sort_by(|one, other| other.millis.cmp(&one.millis).then_with(|| one.key.cmp(&other.key)));
        Ok(zips)
    }

    /// The zip `key`.
    ///
    /// # Errors
    /// When S3 refuses, or breaks off.
    pub async fn read(&self, key: &str) -> Result<Vec<u8>, Failure> {
        let message = format!("s3://{}/{key} could not be read", self.name);
        let request = self.client.get_object().bucket(&self.name).key(key).expected_bucket_owner(&self.owner);
        let answer = request.send().await.map_err(|error| aws::failure(&message, &error))?;
        let body = answer.body.collect().await.map_err(|error| Failure::new(message).caused_by(&error))?;
        Ok(body.to_vec())
    }

    /// Write the zip `key` again as it is, so that it is the newest.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn touch(&self, key: &str) -> Result<(), Failure> {
        let request = self.client.copy_object().bucket(&self.name).key(key).copy_source(format!("{}/{key}", self.name));
        // S3 copies an object onto itself only when something about it is said anew.
        let request = request.metadata_directive(MetadataDirective::Replace).content_type(CONTENT_TYPE);
        let request = request.expected_bucket_owner(&self.owner).expected_source_bucket_owner(&self.owner);
        let sent = request.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await;
        sent.map(drop)
            .map_err(|error| aws::failure(&format!("s3://{}/{key} could not be written again", self.name), &error))
    }

    /// Delete all but `current` and the newest `keep` others of the zips below `prefix`; the number of them.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn prune(&self, prefix: &str, current: &str, keep: usize) -> Result<usize, Failure> {
        let zips = self.zips(prefix).await?;
        let old: Vec<&Zip> = zips.iter().filter(|zip| zip.key != current).skip(keep).collect();
        for zip in &old {
            self.purge(&zip.key).await?;
        }
        Ok(old.len())
    }

    /// Delete every version and delete marker under `prefix`; the number of them.
    ///
    /// # Errors
    /// When S3 refuses; a bucket that does not exist holds nothing and is no error.
    pub async fn purge(&self, prefix: &str) -> Result<usize, Failure> {
        let mut removed = 0;
        loop {
            // Always the first page: what it listed is gone when it is asked for again.
            let page = self.versions(prefix).await?;
            if page.is_empty() {
                return Ok(removed);
            }
            removed += page.len();
            self.delete(page).await?;
        }
    }

    /// Whether anything at all is in the bucket. A bucket that does not exist is empty.
    ///
    /// # Errors
    /// When S3 refuses to list it.
    pub async fn is_empty(&self) -> Result<bool, Failure> {
        Ok(self.versions("").await?.is_empty())
    }

    async fn versions(&self, prefix: &str) -> Result<Vec<ObjectIdentifier>, Failure> {
        let answer = self
            .client
            .list_object_versions()
            .bucket(&self.name)
            .prefix(prefix)
            .expected_bucket_owner(&self.owner)
            .send()
            .await;
        let page = match answer {
            Ok(page) => page,
            Err(error) if aws::code(&error) == Some("NoSuchBucket") => return Ok(Vec::new()),
            Err(error) => {
                return Err(aws::failure(&format!("the versions in s3://{} could not be listed", self.name), &error));
            }
        };
        let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        Ok(versions.chain(markers).filter_map(|(key, version)| identifier(key?, version)).collect())
    }

    async fn delete(&self, objects: Vec<ObjectIdentifier>) -> Result<(), Failure> {
        let message = format!("objects in s3://{} could not be deleted", self.name);
        let delete = Delete::builder()
            .set_objects(Some(objects))
            .quiet(true)
            .build()
            .map_err(|error| Failure::new(message.clone()).caused_by(&error))?;
        let answer = self
            .client
            .delete_objects()
            .bucket(&self.name)
            .expected_bucket_owner(&self.owner)
            .delete(delete)
            .send()
            .await
            .map_err(|error| aws::failure(&message, &error))?;
        // The call succeeds even where single objects were refused.
        match answer.errors().first() {
            None => Ok(()),
            Some(error) => Err(Failure::new(message).with_cause(format!(
                "{}: {} (code {})",
                error.key().unwrap_or("?"),
                error.message().unwrap_or("no message"),
                error.code().unwrap_or("none")
            ))),
        }
    }
}

/// Only what has our shape, `….zip` with a hash for its name: whatever else lies there is somebody's.
fn zip(object: &Object) -> Option<Zip> {
    let key = object.key()?;
    let hash = key.rsplit('/').next()?.strip_suffix(".zip")?;
    let ours = hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
    let millis = object.last_modified().and_then(|time| time.to_millis().ok()).unwrap_or_default();
    ours.then(|| Zip { key: key.to_owned(), millis, size: object.size().unwrap_or_default() })
}

fn identifier(key: &str, version: Option<&str>) -> Option<ObjectIdentifier> {
    ObjectIdentifier::builder().key(key).set_version_id(version.map(str::to_owned)).build().ok()
}

/// A custom endpoint has one host name: there the bucket must stand in the path.
fn client(config: &SdkConfig) -> Client {
    let custom = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    let custom = custom || config.endpoint_url().is_some();
    Client::from_conf(aws_sdk_s3::config::Builder::from(config).force_path_style(custom).build())
}

#[cfg(test)]
#[path = "upload_tests.rs"]
mod tests;
