//! The function's zip in S3: there once, under a name made of its content, and removed again by `destroy`.
//!
//! Only objects under the given prefix are ever touched, and every call names the account that must own the bucket.

use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client,
    primitives::ByteStream,
    types::{ChecksumAlgorithm, Delete, ObjectIdentifier},
};

use crate::{aws, error::Failure};

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
    /// The same content was there already.
    AlreadyThere,
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
            Err(error) => Err(aws::failure(&format!("s3://{} cannot be used", self.name), &error)),
        }
    }

    /// Write `bytes` to `key` unless an object of that key and size is there.
    ///
    /// # Errors
    /// When S3 refuses.
    pub async fn upload(&self, key: &str, bytes: Vec<u8>) -> Result<Upload, Failure> {
        if self.holds(key, bytes.len()).await? {
            return Ok(Upload::AlreadyThere);
        }
        self.client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .expected_bucket_owner(&self.owner)
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .content_type("application/zip")
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map_err(|error| aws::failure(&format!("s3://{}/{key} could not be written", self.name), &error))?;
        Ok(Upload::Written)
    }

    /// By listing, not by HEAD: a HEAD on a missing key is remembered by S3, and `CloudFormation` then gets "Access Denied".
    async fn holds(&self, key: &str, size: usize) -> Result<bool, Failure> {
        let listed = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(key)
            .max_keys(1)
            .expected_bucket_owner(&self.owner)
            .send()
            .await
            .map_err(|error| aws::failure(&format!("s3://{} could not be listed", self.name), &error))?;
        // The size guards against an upload that broke off; the key is made of the content's hash.
        Ok(listed
            .contents()
            .iter()
            .any(|object| object.key() == Some(key) && object.size() == i64::try_from(size).ok()))
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
