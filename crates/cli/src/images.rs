//! `decnet images`.

use engine::images::Image;
use engine::{Docker, Images, Scope};

use crate::args;
use crate::context::{Context, refused};
use crate::exit::Result;
use crate::grid::engine_failed;
use crate::progress::Bar;

pub async fn images(cx: &Context, asked: &args::Images) -> Result {
    let docker = Docker::connect().await.map_err(engine_failed)?;
    let images = Images::new(docker, Scope::fleet());
    match asked {
        args::Images::List => list(cx, &images).await,
        args::Images::Build { distros, no_cache } => build(cx, &images, distros, *no_cache).await,
        args::Images::Export { file } => {
            let count = images.export(file).await.map_err(engine_failed)?;
            cx.out.note(&format!("{count} images written to {}", file.display()));
            Ok(())
        }
        args::Images::Import { file } => {
            let count = images.load(file).await.map_err(engine_failed)?;
            cx.out.note(&format!("{count} images are here now"));
            Ok(())
        }
        args::Images::Remove => remove(cx, &images).await,
    }
}

async fn list(cx: &Context, images: &Images) -> Result {
    let rows = images.list().await.map_err(engine_failed)?;
    let cells = |row: &Image| {
        vec![
            row.tags.join(" "),
            format!("{} MB", row.bytes / 1_000_000),
            row.id.clone(),
        ]
    };
    cx.out.list(
        &rows,
        &["IMAGE", "SIZE", "ID"],
        cells,
        "no images of ours yet: `decnet images build` makes them",
    )
}

async fn build(cx: &Context, images: &Images, distros: &[String], no_cache: bool) -> Result {
    let catalogue = cx.catalogue()?;
    let cache = cx.state_dir().join("images");
    if no_cache && cache.exists() {
        std::fs::remove_dir_all(&cache)?;
    }
    for slug in distros {
        let distro = catalogue.distro(slug).map_err(|wrong| refused(&wrong.into(), ""))?;
        let bar = Bar::start(cx.out);
        let name = images
            .ensure(distro, &cache, &bar.progress())
            .await
            .map_err(engine_failed)?;
        let seconds = bar.seconds();
        drop(bar);
        cx.out
            .note(&format!("{} stands on {name} ({seconds:.1} s)", distro.display));
    }
    Ok(())
}

async fn remove(cx: &Context, images: &Images) -> Result {
    let rows = images.list().await.map_err(engine_failed)?;
    for row in &rows {
        images.remove(&row.id).await.map_err(engine_failed)?;
    }
    cx.out.note(&format!("{} images removed", rows.len()));
    Ok(())
}
