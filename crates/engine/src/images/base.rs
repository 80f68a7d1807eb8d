//! The base image of a distro: what is here, else what a registry has, else what can be built from packages; with the
//! programs people at a shell expect.

use std::path::Path;

use bollard::container::LogOutput;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    CreateContainerOptions, CreateImageOptions, LogsOptions, StartContainerOptions, WaitContainerOptions,
};
use fleet::catalogue::Distro;
use futures_util::{StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio_util::io::ReaderStream;

use super::{Images, bootstrap, split};
use crate::docker::limit;
use crate::error::Error;
use crate::progress::{Progress, Step};

/// Rises when what we do to a base image changes.
const LAYOUT: &str = "1";
/// Lines of a failed installation that are worth repeating.
const LAST_LINES: usize = 3;

// === impl Images ===

impl Images {
    /// The image machines of `distro` stand on: its reference. `cache` keeps what was built from packages.
    pub async fn ensure(&self, distro: &Distro, cache: &Path, progress: &Progress) -> Result<String, Error> {
        let name = base_name(distro);
        if self.find(&name).await?.is_some() {
            return Ok(name);
        }
        let pulled = match self.find(&distro.image).await? {
            Some(_) => Ok(()),
            None => self.pull(&distro.image, progress).await,
        };
        match pulled {
            Ok(()) => self.equip(distro, &name, progress).await?,
            Err(pull) => {
                tracing::info!(image = %distro.image, reason = %pull, "cannot be pulled, building it from packages");
                self.build(distro, &name, cache, progress)
                    .await
                    .map_err(|build| Error::Unobtainable {
                        image: distro.image.clone(),
                        pull: pull.to_string(),
                        build: build.to_string(),
                    })?;
            }
        }
        progress.tell(Step::ImageReady {
            image: distro.image.clone(),
        });
        Ok(name)
    }

    /// The machine image of `distro`, when its base is here; it need not have been made yet.
    pub(crate) async fn expected(&self, distro: &Distro, decoy: &Path) -> Result<Option<String>, Error> {
        match self.find(&base_name(distro)).await? {
            Some(base_id) => self.machine_name(&base_id, decoy).await.map(|(name, _)| Some(name)),
            None => Ok(None),
        }
    }

    async fn build(&self, distro: &Distro, name: &str, cache: &Path, progress: &Progress) -> Result<(), Error> {
        let tar = bootstrap::tar(distro, &key(distro), cache, progress).await?;
        progress.image(&distro.image, "importing");
        let file = tokio::fs::File::open(&tar)
            .await
            .map_err(Error::io(format!("reading {}", tar.display())))?;
        self.import(name, ReaderStream::with_capacity(file, 256 << 10)).await
    }

    async fn pull(&self, image: &str, progress: &Progress) -> Result<(), Error> {
        let doing = format!("pulling {image}");
        let (repository, tag) = split(image);
        let options = CreateImageOptions {
            from_image: Some(repository.to_owned()),
            tag: Some(tag.to_owned()),
            ..CreateImageOptions::default()
        };
        progress.image(image, "pulling");
        let said = self.docker.api.create_image(Some(options), None, None);
        self.follow(&doing, said, |info| {
            if let (Some(status), detail) = (info.status, info.progress_detail.unwrap_or_default()) {
                let layer = info.id.unwrap_or_default();
                let share = match (detail.current, detail.total) {
                    (Some(current), Some(total)) if total > 0 => format!(" {}%", current * 100 / total),
                    _ => String::new(),
                };
                progress.image(image, format!("{status} {layer}{share}").trim());
            }
        })
        .await
    }

    /// Commits the distro's image as `name`, with its userland installed when a tool is missing.
    async fn equip(&self, distro: &Distro, name: &str, progress: &Progress) -> Result<(), Error> {
        progress.image(&distro.image, "installing what a shell needs");
        let doing = format!("installing the userland of {}", distro.display);
        let body = ContainerCreateBody {
            image: Some(distro.image.clone()),
            user: Some("0".to_owned()),
            entrypoint: Some(vec!["/bin/sh".to_owned(), "-ec".to_owned()]),
            cmd: Some(vec![script(distro)]),
            labels: Some(self.scope.labels()),
            host_config: Some(HostConfig {
                network_mode: Some("bridge".to_owned()),
                ..HostConfig::default()
            }),
            ..ContainerCreateBody::default()
        };
        let create = self.docker.api.create_container(None::<CreateContainerOptions>, body);
        let scratch = self.docker.once(&doing, limit::ACT, create).await?.id;
        let made = async {
            let start = self.docker.api.start_container(&scratch, None::<StartContainerOptions>);
            self.docker.once(&doing, limit::ACT, start).await?;
            self.installed(&scratch, &doing, &distro.image, progress).await?;
            self.commit(&scratch, name).await
        }
        .await;
        made.and(self.discard(&scratch, &doing).await)
    }

    /// Waits until the installation in `container` has ended well, telling what it says.
    async fn installed(&self, container: &str, doing: &str, image: &str, progress: &Progress) -> Result<(), Error> {
        let options = LogsOptions {
            follow: true,
            stdout: true,
            stderr: true,
            ..LogsOptions::default()
        };
        let mut last: Vec<String> = Vec::new();
        let said = self.docker.api.logs(container, Some(options));
        self.follow(doing, said, |output: LogOutput| {
            for line in String::from_utf8_lossy(&output.into_bytes())
                .lines()
                .filter(|l| !l.trim().is_empty())
            {
                progress.image(image, line.trim());
                last.push(line.trim().to_owned());
            }
            last.drain(..last.len().saturating_sub(LAST_LINES));
        })
        .await?;
        let waited = self
            .docker
            .api
            .wait_container(container, None::<WaitContainerOptions>)
            .try_collect::<Vec<_>>();
        match tokio::time::timeout(limit::BUILD, waited).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(bollard::errors::Error::DockerContainerWaitError { .. })) => Err(Error::Program {
                doing: doing.to_owned(),
                program: "sh",
                stderr: last.join("; "),
            }),
            Ok(Err(raw)) => Err(self.docker.explain(doing, raw)),
            Err(_) => Err(Error::TimedOut {
                doing: doing.to_owned(),
                limit: limit::BUILD,
            }),
        }
    }

    /// Reads a stream of the engine to its end; silence for too long is an error.
    pub(super) async fn follow<T>(
        &self,
        doing: &str,
        said: impl futures_util::Stream<Item = Result<T, bollard::errors::Error>>,
        mut tell: impl FnMut(T),
    ) -> Result<(), Error> {
        let mut said = std::pin::pin!(said);
        loop {
            match tokio::time::timeout(limit::STREAM_IDLE, said.next()).await {
                Ok(Some(Ok(item))) => tell(item),
                Ok(Some(Err(raw))) => return Err(self.docker.explain(doing, raw)),
                Ok(None) => return Ok(()),
                Err(_) => {
                    return Err(Error::TimedOut {
                        doing: doing.to_owned(),
                        limit: limit::STREAM_IDLE,
                    });
                }
            }
        }
    }
}

/// Installs the userland when one of the tools is missing.
fn script(distro: &Distro) -> String {
    let userland = &distro.userland;
    let install = userland
        .install
        .join("\n")
        .replace("{packages}", &userland.packages.join(" "));
    format!(
        "missing=\nfor tool in {}; do command -v $tool >/dev/null || missing=yes; done\n\
         [ -z \"$missing\" ] && exit 0\n{install}\n",
        userland.tools.join(" ")
    )
}

fn base_name(distro: &Distro) -> String {
    format!("decnet/base-{}:{}", distro.slug, key(distro))
}

fn key(distro: &Distro) -> String {
    let mut hash = Sha256::new();
    let sources = distro.debootstrap.as_ref().map_or("", |release| &release.sources);
    let parts = [LAYOUT, &distro.image, sources].into_iter();
    let userland = distro
        .userland
        .packages
        .iter()
        .chain(&distro.userland.install)
        .map(String::as_str);
    for part in parts.chain(userland) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..6])
}
