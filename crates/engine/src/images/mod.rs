//! Images: those machines stand on, and the ones we make of them.
//!
//! A machine's image is a base image with our binary as one more layer, named by what is in it. All machines share that
//! layer, so the binary lies on disk and in memory once, and creating a machine copies nothing.

mod archive;
mod base;
mod bootstrap;
mod mirror;
mod transfer;

use std::path::Path;

use bollard::models::{ContainerConfig, ContainerCreateBody, ImageSummary};
use bollard::query_parameters::{
    CommitContainerOptions, CreateContainerOptions, CreateImageOptions, ListImagesOptions, RemoveContainerOptions,
    RemoveImageOptions, UploadToContainerOptions,
};
use bytes::Bytes;
use futures_util::Stream;
use sha2::{Digest as _, Sha256};

use crate::body::INIT;
use crate::docker::{Docker, limit};
use crate::error::Error;
use crate::labels::Scope;

/// Rises when what we add to a base image changes.
const LAYOUT: &str = "1";
const REPOSITORY: &str = "decnet/machine";
/// Root's alone: nobody else in the machine may read the binary.
const INIT_MODE: u32 = 0o700;

/// An image we made.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Image {
    pub id: String,
    pub tags: Vec<String>,
    pub bytes: u64,
    /// Unix seconds.
    pub created: i64,
}

#[derive(Clone, Debug)]
pub struct Images {
    docker: Docker,
    scope: Scope,
}

// === impl Images ===

impl Images {
    pub fn new(docker: Docker, scope: Scope) -> Self {
        Self { docker, scope }
    }

    /// The images we made, by name; an engine lists what is as old in any order.
    pub async fn list(&self) -> Result<Vec<Image>, Error> {
        let options = ListImagesOptions {
            all: false,
            filters: Some(self.scope.filter()),
            ..ListImagesOptions::default()
        };
        let list = || self.docker.api.list_images(Some(options.clone()));
        let all = self.docker.call("listing images", limit::LOOK, list).await?;
        let mut images: Vec<_> = all.into_iter().map(Image::from).collect();
        images.sort_by(|a, b| (&a.tags, &a.id).cmp(&(&b.tags, &b.id)));
        Ok(images)
    }

    /// The local image of that reference, if there is one: its id.
    pub async fn find(&self, reference: &str) -> Result<Option<String>, Error> {
        let inspect = || self.docker.api.inspect_image(reference);
        match self
            .docker
            .call(format!("looking for the image {reference}"), limit::LOOK, inspect)
            .await
        {
            Ok(image) => Ok(image.id),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes an image we made; that it is gone already is no error.
    pub async fn remove(&self, id: &str) -> Result<(), Error> {
        let options = RemoveImageOptions {
            force: true,
            ..RemoveImageOptions::default()
        };
        let remove = || self.docker.api.remove_image(id, Some(options.clone()), None);
        match self
            .docker
            .call(format!("removing the image {id}"), limit::ACT, remove)
            .await
        {
            Err(error) if !error.is_missing() => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes the images we made, those that stand on others first: those that are left. One that somebody else built
    /// upon stays, for it is no longer ours alone.
    pub async fn remove_all(&self) -> Result<Vec<Image>, Error> {
        let mut left = self.list().await?;
        loop {
            let before = left.len();
            let mut kept = Vec::new();
            for image in left {
                match self.remove(&image.id).await {
                    Err(error) if error.is_conflict() => kept.push(image),
                    removed => removed?,
                }
            }
            if kept.is_empty() || kept.len() == before {
                return Ok(kept);
            }
            left = kept;
        }
    }

    /// The image machines on `base` run: `base` and our binary at `decoy`. Made when it is not there.
    pub async fn with_decoy(&self, base: &str, decoy: &Path) -> Result<String, Error> {
        let base_id = self.find(base).await?.ok_or_else(|| Error::NoImage {
            reference: base.to_owned(),
        })?;
        let (name, binary) = self.machine_name(&base_id, decoy).await?;
        if self.find(&name).await?.is_none() {
            let layer = archive::file("init", &binary, INIT_MODE).map_err(Error::io("packing the binary"))?;
            self.add_layer(&base_id, "/sbin", layer, &name).await?;
        }
        Ok(name)
    }

    /// The name of the image that is `base_id` with the binary at `decoy`, and the binary.
    async fn machine_name(&self, base_id: &str, decoy: &Path) -> Result<(String, Vec<u8>), Error> {
        let read = tokio::fs::read(decoy).await;
        let binary = read.map_err(|source| Error::NoDecoy {
            path: decoy.to_owned(),
            source,
        })?;
        Ok((format!("{REPOSITORY}:{}", key(base_id, &binary, &self.scope)), binary))
    }

    /// Makes an image of a root file system, given as a tar stream, under `name`.
    pub async fn import(
        &self,
        name: &str,
        tar: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), Error> {
        let labels = self
            .scope
            .labels()
            .into_iter()
            .map(|(key, value)| format!("LABEL {key}={value}"))
            .collect();
        let (repo, tag) = split(name);
        let options = CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(repo.to_owned()),
            tag: Some(tag.to_owned()),
            changes: labels,
            ..CreateImageOptions::default()
        };
        let doing = format!("importing {name}");
        let said = self
            .docker
            .api
            .create_image(Some(options), Some(bollard::body_try_stream(tar)), None);
        self.follow(&doing, said, |_| {}).await
    }

    /// Commits `base` with the files of `tar` unpacked under `directory` as `name`.
    async fn add_layer(&self, base: &str, directory: &str, tar: Vec<u8>, name: &str) -> Result<(), Error> {
        let doing = format!("making the image {name}");
        let body = ContainerCreateBody {
            image: Some(base.to_owned()),
            labels: Some(self.scope.labels()),
            cmd: Some(vec![INIT.to_owned()]),
            entrypoint: Some(Vec::new()),
            network_disabled: Some(true),
            ..ContainerCreateBody::default()
        };
        let create = self.docker.api.create_container(None::<CreateContainerOptions>, body);
        let scratch = self.docker.once(&doing, limit::ACT, create).await?.id;
        let made = async {
            let options = UploadToContainerOptions {
                path: directory.to_owned(),
                ..Default::default()
            };
            let upload = self
                .docker
                .api
                .upload_to_container(&scratch, Some(options), bollard::body_full(tar.into()));
            self.docker.once(&doing, limit::ACT, upload).await?;
            self.commit(&scratch, name).await
        }
        .await;
        made.and(self.discard(&scratch, &doing).await)
    }

    async fn discard(&self, container: &str, doing: &str) -> Result<(), Error> {
        let options = RemoveContainerOptions {
            v: true,
            force: true,
            link: false,
        };
        let remove = || self.docker.api.remove_container(container, Some(options.clone()));
        self.docker.call(doing, limit::ACT, remove).await
    }

    async fn commit(&self, container: &str, name: &str) -> Result<(), Error> {
        let (repo, tag) = split(name);
        let options = CommitContainerOptions {
            container: Some(container.to_owned()),
            repo: Some(repo.to_owned()),
            tag: Some(tag.to_owned()),
            pause: false,
            ..CommitContainerOptions::default()
        };
        let config = ContainerConfig {
            cmd: Some(vec![INIT.to_owned()]),
            labels: Some(self.scope.labels()),
            ..ContainerConfig::default()
        };
        let doing = format!("committing the image {name}");
        self.docker
            .once(doing, limit::BUILD, self.docker.api.commit_container(options, config))
            .await
            .map(drop)
    }
}

fn key(base_id: &str, binary: &[u8], scope: &Scope) -> String {
    let mut hash = Sha256::new();
    for part in [
        LAYOUT.as_bytes(),
        base_id.as_bytes(),
        scope.as_str().as_bytes(),
        &Sha256::digest(binary),
    ] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..6])
}

/// Repository and tag of a reference; a colon before a slash belongs to a registry's port.
fn split(reference: &str) -> (&str, &str) {
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (reference, "latest"),
    }
}

impl From<ImageSummary> for Image {
    fn from(summary: ImageSummary) -> Self {
        Self {
            id: summary.id,
            tags: summary.repo_tags,
            bytes: summary.size.unsigned_abs(),
            created: summary.created,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_splits_at_its_tag_and_not_at_a_port() {
        assert_eq!(split("debian:bookworm-slim"), ("debian", "bookworm-slim"));
        assert_eq!(
            split("registry.example:5000/debian"),
            ("registry.example:5000/debian", "latest")
        );
    }

    #[test]
    fn another_binary_is_another_image() {
        let scope = Scope::fleet();
        assert_ne!(key("sha256:1", b"a", &scope), key("sha256:1", b"b", &scope));
        assert_eq!(key("sha256:1", b"a", &scope), key("sha256:1", b"a", &scope));
    }
}
