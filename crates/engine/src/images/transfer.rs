//! Our images as a file, to carry them where there is neither a registry nor a mirror.

use std::path::Path;

use bollard::query_parameters::ImportImageOptions;
use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;

use super::Images;
use crate::docker::limit;
use crate::error::Error;

// === impl Images ===

impl Images {
    /// Writes all images we made to `to`; how many.
    pub async fn export(&self, to: &Path) -> Result<usize, Error> {
        let images = self.list().await?;
        let names: Vec<&str> = images
            .iter()
            .flat_map(|image| image.tags.iter().map(String::as_str))
            .collect();
        if names.is_empty() {
            return Err(Error::NothingToExport);
        }
        let doing = format!("writing the images to {}", to.display());
        let partial = to.with_extension("partial");
        let mut file = tokio::fs::File::create(&partial).await.map_err(Error::io(&doing))?;
        let mut bytes = std::pin::pin!(self.docker.api.export_images(&names));
        loop {
            match tokio::time::timeout(limit::STREAM_IDLE, bytes.next()).await {
                Ok(Some(Ok(piece))) => file.write_all(&piece).await.map_err(Error::io(&doing))?,
                Ok(Some(Err(raw))) => return Err(self.docker.explain(doing, raw)),
                Ok(None) => break,
                Err(_) => {
                    return Err(Error::TimedOut {
                        doing,
                        limit: limit::STREAM_IDLE,
                    });
                }
            }
        }
        file.sync_all().await.map_err(Error::io(&doing))?;
        tokio::fs::rename(&partial, to).await.map_err(Error::io(doing))?;
        Ok(names.len())
    }

    /// Loads images written by [`Self::export`]; how many of ours there are then.
    pub async fn load(&self, from: &Path) -> Result<usize, Error> {
        let doing = format!("loading images from {}", from.display());
        let file = tokio::fs::File::open(from).await.map_err(Error::io(&doing))?;
        let tar = ReaderStream::with_capacity(file, 256 << 10);
        let said = self
            .docker
            .api
            .import_image_stream(ImportImageOptions::default(), tar, None);
        self.follow(&doing, said, |_| {}).await?;
        Ok(self.list().await?.len())
    }
}
