//! `DescribeImages`: does an image exist, what does its tag mean, can it be pulled.
//!
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html>

use std::collections::BTreeMap;

use aws_sdk_ecr::types::{DescribeImagesFilter, ImageDetail, ImageIdentifier, ImageStatusFilter};
use futures_util::StreamExt as _;
use futures_util::stream;

use crate::ecr::MOST_AT_ONCE;
use crate::ecr::cache::Lasting;
use crate::ecr::call::Call;
use crate::ecr::error::{self, Failure};
use crate::ecr::shelf::{Answers, Question};
use crate::facts::{Image, ImageId, ImageKey, ImageStatus, Unavailable};

/// ECR's limit of images in a call.
const BATCH: usize = 100;

/// The question about images. `None`: there is no such image.
pub(super) struct Images<'a>(pub(super) &'a Call<'a>);

impl Question for Images<'_> {
    type Key = ImageKey;
    type Fact = Option<Image>;

    fn call(&self) -> &Call<'_> {
        self.0
    }

    fn lasting(&self, key: &ImageKey, fact: &Option<Image>) -> Lasting {
        match (fact, &key.id) {
            (Some(image), ImageId::Digest(_)) if image.status == ImageStatus::Active => Lasting::Settled,
            // A tag may mean another image by now, so nothing is let in by it beyond its freshness.
            (Some(image), ImageId::Tag(_)) if image.status == ImageStatus::Active => Lasting::Movable,
            // Somebody may be pushing or restoring it right now.
            _ => Lasting::Brief,
        }
    }

    async fn ask(&self, keys: &[ImageKey]) -> Answers<ImageKey, Option<Image>> {
        let mut by_repository: BTreeMap<&str, Vec<&ImageKey>> = BTreeMap::new();
        for key in keys {
            by_repository.entry(&key.repository.name).or_default().push(key);
        }
        let batches: Vec<_> =
            by_repository.values().flat_map(|keys| keys.chunks(BATCH)).map(|batch| describe(self.0, batch)).collect();
        all(batches).await
    }
}

/// Runs some calls at a time.
async fn all<T>(calls: Vec<impl Future<Output = Vec<T>>>) -> Vec<T> {
    let mut running = stream::iter(calls).buffer_unordered(MOST_AT_ONCE);
    let mut answers = Vec::new();
    while let Some(answer) = running.next().await {
        answers.extend(answer);
    }
    answers
}

/// Asks about images of one repository.
async fn describe(call: &Call<'_>, keys: &[&ImageKey]) -> Answers<ImageKey, Option<Image>> {
    match request(call, keys).await {
        Ok(details) => read(call, keys, &details),
        // Without the repository there is none of its images.
        Err(Failure::NoRepository(_)) => keys.iter().map(|key| ((*key).clone(), Ok(None))).collect(),
        // One bad image fails the whole call, so each has to be asked for by itself.
        Err(failure) if failure.is_about_a_name() && keys.len() > 1 => {
            let singles = keys.iter().map(|key| single(call, key)).collect();
            all(singles).await
        }
        Err(failure) => keys.iter().map(|key| ((*key).clone(), failed(failure.clone()))).collect(),
    }
}

async fn single(call: &Call<'_>, key: &ImageKey) -> Answers<ImageKey, Option<Image>> {
    match request(call, &[key]).await {
        Ok(details) => read(call, &[key], &details),
        Err(failure) => vec![(key.clone(), failed(failure))],
    }
}

fn failed(failure: Failure) -> Result<Option<Image>, Unavailable> {
    match failure {
        Failure::NoRepository(_) | Failure::NoImage(_) => Ok(None),
        other => Err(other.into_unavailable()),
    }
}

/// One call. Without the filter, ECR passes over archived images as if there were none.
async fn request(call: &Call<'_>, keys: &[&ImageKey]) -> Result<Vec<ImageDetail>, Failure> {
    let Some(first) = keys.first() else { return Ok(Vec::new()) };
    let request = call.client.describe_images().registry_id(&call.registry.account);
    let request = request
        .repository_name(&first.repository.name)
        .set_image_ids(Some(keys.iter().map(|key| identifier(&key.id)).collect()))
        .filter(DescribeImagesFilter::builder().image_status(ImageStatusFilter::Any).build());
    let output = call.within("DescribeImages", request.customize().interceptor(call.tally.clone()).send()).await?;
    let whole = output.image_details.filter(|_| output.next_token.is_none());
    whole.ok_or_else(|| Failure::Other(error::unreadable_answer(call)))
}

pub(super) fn identifier(id: &ImageId) -> ImageIdentifier {
    match id {
        ImageId::Tag(tag) => ImageIdentifier::builder().image_tag(tag).build(),
        ImageId::Digest(digest) => ImageIdentifier::builder().image_digest(digest).build(),
    }
}

/// Takes from an answer only what was asked for. An image it does not have does not exist, unless it has others instead.
fn read(call: &Call<'_>, keys: &[&ImageKey], details: &[ImageDetail]) -> Answers<ImageKey, Option<Image>> {
    let is_asked_for = |detail: &ImageDetail| keys.iter().any(|key| is_meant(&key.id, detail));
    let about = |key: &&ImageKey| {
        let meant: Vec<&ImageDetail> = details.iter().filter(|detail| is_meant(&key.id, detail)).collect();
        let answer = match meant.as_slice() {
            [] if !details.iter().all(is_asked_for) => Err(error::unreadable_answer(call)),
            [] => Ok(None),
            all if !all.iter().all(|detail| is_asked(call, key, detail)) => Err(call.wrong_registry()),
            // Told of twice, and not the same: which of them is pulled is not known.
            [first, others @ ..] if others.iter().any(|other| image(call, other) != image(call, first)) => {
                Err(error::unreadable_answer(call))
            }
            [first, ..] => image(call, first).map(Some),
        };
        ((*key).clone(), answer)
    };
    keys.iter().map(about).collect()
}

fn is_meant(id: &ImageId, detail: &ImageDetail) -> bool {
    match id {
        ImageId::Tag(tag) => detail.image_tags().contains(tag),
        ImageId::Digest(digest) => detail.image_digest() == Some(digest),
    }
}

fn is_asked(call: &Call<'_>, key: &ImageKey, detail: &ImageDetail) -> bool {
    detail.registry_id() == Some(call.registry.account.as_str())
        && detail.repository_name() == Some(key.repository.name.as_str())
}

fn image(call: &Call<'_>, detail: &ImageDetail) -> Result<Image, Unavailable> {
    let Some(digest) = detail.image_digest() else {
        let why = format!("ECR of {} did not say which image the tag means", call.registry);
        return Err(Unavailable::new("digest-missing", why));
    };
    let status = match detail.image_status().map(aws_sdk_ecr::types::ImageStatus::as_str) {
        Some("ACTIVE") | None => ImageStatus::Active,
        Some("ARCHIVED") => ImageStatus::Archived,
        Some("ACTIVATING") => ImageStatus::Activating,
        Some(other) => ImageStatus::Unrecognised(other.to_owned()),
    };
    let media_type = detail.image_manifest_media_type().map(str::to_owned);
    Ok(Image { digest: digest.to_owned(), media_type, status })
}
