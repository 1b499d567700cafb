//! `BatchGetImage`: the images behind one name, one for each platform. Asked only of an index whose scans matter.
//!
//! ECR does not scan an index, only its images. An index may name other indexes; how deep and how many is bounded.
//!
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_BatchGetImage.html>

use std::collections::BTreeMap;

use aws_sdk_ecr::types::{Image as Manifest, ImageFailure};
use futures_util::StreamExt as _;
use futures_util::stream;
use serde::Deserialize;

use crate::ecr::MOST_AT_ONCE;
use crate::ecr::cache::Lasting;
use crate::ecr::call::Call;
use crate::ecr::error::Failure;
use crate::ecr::images::identifier;
use crate::ecr::shelf::{Answers, Known, Question};
use crate::facts::{INDEX_MEDIA_TYPES, ImageId, ImageKey, Platform, Platforms, Unavailable, is_index_type};
use crate::text::shown;

/// ECR's limit of images in a call.
const BATCH: usize = 100;
/// How deep indexes may lie in each other.
pub(super) const MOST_LEVELS: usize = 3;
/// The most images and indexes behind one index. Real ones have a dozen.
const MOST_PLATFORMS: usize = 64;

/// An image of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) digest: String,
    pub(super) is_index: bool,
    pub(super) platform: Option<Platform>,
}

/// The question about indexes, by digest.
pub(super) struct Indexes<'a>(pub(super) &'a Call<'a>);

impl Question for Indexes<'_> {
    type Key = ImageKey;
    type Fact = Vec<Child>;

    fn call(&self) -> &Call<'_> {
        self.0
    }

    fn lasting(&self, _: &ImageKey, _: &Vec<Child>) -> Lasting {
        // A digest always means the same bytes.
        Lasting::Settled
    }

    async fn ask(&self, keys: &[ImageKey]) -> Answers<ImageKey, Vec<Child>> {
        let mut by_repository: BTreeMap<&str, Vec<&ImageKey>> = BTreeMap::new();
        for key in keys {
            by_repository.entry(&key.repository.name).or_default().push(key);
        }
        let batches: Vec<_> =
            by_repository.values().flat_map(|keys| keys.chunks(BATCH)).map(|batch| manifests(self.0, batch)).collect();
        let answers: Vec<_> = stream::iter(batches).buffer_unordered(MOST_AT_ONCE).collect().await;
        answers.into_iter().flatten().collect()
    }
}

async fn manifests(call: &Call<'_>, keys: &[&ImageKey]) -> Answers<ImageKey, Vec<Child>> {
    let Some(first) = keys.first() else { return Vec::new() };
    let request = call.client.batch_get_image().registry_id(&call.registry.account);
    let request = request
        .repository_name(&first.repository.name)
        .set_image_ids(Some(keys.iter().map(|key| identifier(&key.id)).collect()))
        .set_accepted_media_types(Some(INDEX_MEDIA_TYPES.map(str::to_owned).into()));
    let answer = call.within("BatchGetImage", request.customize().interceptor(call.tally.clone()).send()).await;
    let about = |key: &&ImageKey| {
        let children = match &answer {
            Ok(output) => read(call, key, output.images(), output.failures()),
            Err(failure) => Err(Failure::into_unavailable(failure.clone())),
        };
        ((*key).clone(), children)
    };
    keys.iter().map(about).collect()
}

/// Takes from an answer only what was asked for.
fn read(
    call: &Call<'_>,
    key: &ImageKey,
    images: &[Manifest],
    failures: &[ImageFailure],
) -> Result<Vec<Child>, Unavailable> {
    let ImageId::Digest(digest) = &key.id else { return Err(unreadable(call)) };
    let is_meant = |id: Option<&str>| id == Some(digest);
    let Some(image) = images.iter().find(|image| is_meant(image.image_id().and_then(|id| id.image_digest()))) else {
        let failed = failures.iter().find(|one| is_meant(one.image_id().and_then(|id| id.image_digest())));
        let aws_code = failed.and_then(ImageFailure::failure_code).map(|code| shown(code.as_str(), 80));
        return Err(Unavailable { aws_code, ..unreadable(call) });
    };
    let is_asked = image.registry_id() == Some(call.registry.account.as_str())
        && image.repository_name() == Some(key.repository.name.as_str());
    if !is_asked {
        return Err(call.wrong_registry());
    }
    children(image.image_manifest().unwrap_or_default()).ok_or_else(|| unreadable(call))
}

fn unreadable(call: &Call<'_>) -> Unavailable {
    let why = format!("ECR of {} gave no readable index of the image's platforms", call.registry);
    Unavailable::new("index-unreadable", why)
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    digest: String,
    #[serde(default)]
    media_type: String,
    platform: Option<PlatformOut>,
}

#[derive(Deserialize)]
struct PlatformOut {
    os: String,
    architecture: String,
    variant: Option<String>,
}

/// The manifest comes from whoever pushed the image.
fn children(manifest: &str) -> Option<Vec<Child>> {
    let index: Index = serde_json::from_str(manifest).ok()?;
    let child = |one: Descriptor| Child {
        is_index: is_index_type(&one.media_type),
        digest: one.digest,
        platform: one.platform.map(|PlatformOut { os, architecture, variant }| Platform { os, architecture, variant }),
    };
    Some(index.manifests.into_iter().map(child).collect())
}

/// The single images behind an index that are judged, with their platforms in words.
pub(super) type Leaves = Vec<(String, String)>;

/// Walks from an index down to its images, as far as is known.
pub(super) fn leaves(
    root: &ImageKey,
    known: &BTreeMap<ImageKey, Known<Vec<Child>>>,
    platforms: &Platforms,
) -> Result<Leaves, Unavailable> {
    let mut walk = Walk { known, platforms, left: MOST_PLATFORMS, found: Vec::new() };
    walk.down(root, MOST_LEVELS)?;
    Ok(walk.found)
}

struct Walk<'a> {
    known: &'a BTreeMap<ImageKey, Known<Vec<Child>>>,
    platforms: &'a Platforms,
    /// How many images and indexes may still come.
    left: usize,
    found: Leaves,
}

impl Walk<'_> {
    fn down(&mut self, index: &ImageKey, levels: usize) -> Result<(), Unavailable> {
        let Some(children) = self.known.get(index).filter(|_| levels > 0) else {
            return Err(too_large(&format!("indexes that lie more than {MOST_LEVELS} deep in each other")));
        };
        for child in judged(children.value.as_ref().map_err(Clone::clone)?, self.platforms) {
            self.left =
                self.left.checked_sub(1).ok_or_else(|| too_large(&format!("more than {MOST_PLATFORMS} images")))?;
            if child.is_index {
                self.down(&at(index, &child.digest), levels - 1)?;
            } else {
                let platform = child.platform.as_ref().map(|platform| shown(&platform.to_string(), 100));
                self.found.push((platform.unwrap_or_else(|| "no platform".to_owned()), child.digest.clone()));
            }
        }
        Ok(())
    }
}

fn too_large(what: &str) -> Unavailable {
    Unavailable::new("index-too-large", format!("the image is an index of {what}"))
}

/// The images of an index that are judged; of the others nothing is asked.
pub(super) fn judged<'a>(children: &'a [Child], platforms: &Platforms) -> impl Iterator<Item = &'a Child> {
    let all: Vec<Option<&Platform>> = children.iter().map(|child| child.platform.as_ref()).collect();
    children.iter().zip(platforms.judged(&all)).filter(|(_, is_judged)| *is_judged).map(|(child, _)| child)
}

/// Another image of the same repository.
pub(super) fn at(image: &ImageKey, digest: &str) -> ImageKey {
    ImageKey { repository: image.repository.clone(), id: ImageId::Digest(digest.to_owned()) }
}
