//! Images on a real engine: where a base image comes from, and what is made of it.
#![allow(clippy::unwrap_used)]

mod rig;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use engine::progress::Step;
use engine::{Error, Progress};
use fleet::catalogue::Distro;
use rig::{Rig, run, userland};

#[tokio::test]
async fn a_local_image_gets_its_userland_once_and_keeps_its_name_for_the_same_wishes() {
    let rig = Rig::new("equip", 41).await;
    let distro = rig.distro().await;
    let (progress, told) = listening();

    let image = rig
        .images
        .ensure(&distro, Path::new("/nonexistent"), &progress)
        .await
        .unwrap();
    assert!(
        told.lock()
            .unwrap()
            .iter()
            .any(|step| matches!(step, Step::Image { doing, .. } if doing == "installing"))
    );
    let made = rig.images.list().await.unwrap();
    assert!(made.iter().any(|i| i.tags.contains(&image)), "{made:?}");
    assert_eq!(
        run(
            "docker",
            &["run", "--rm", "--entrypoint", "/sbin/init", &image, "cat", "/installed"]
        ),
        "yes\n"
    );

    told.lock().unwrap().clear();
    assert_eq!(
        rig.images
            .ensure(&distro, Path::new("/nonexistent"), &progress)
            .await
            .unwrap(),
        image
    );
    assert!(told.lock().unwrap().is_empty(), "nothing had to be done");
    let other = Distro {
        userland: userland("install-it again"),
        ..distro
    };
    assert_ne!(
        rig.images
            .ensure(&other, Path::new("/nonexistent"), &progress)
            .await
            .unwrap(),
        image
    );
    rig.end().await;
}

#[tokio::test]
async fn an_installation_that_fails_is_told_in_its_own_words_and_leaves_no_image() {
    let rig = Rig::new("unequip", 42).await;
    let distro = Distro {
        userland: userland("fail-now"),
        ..rig.distro().await
    };
    let before = rig.images.list().await.unwrap();
    let error = rig
        .images
        .ensure(&distro, Path::new("/nonexistent"), &Progress::silent())
        .await
        .unwrap_err();
    assert!(error.to_string().contains("E: no such package"), "{error}");
    assert_eq!(rig.images.list().await.unwrap(), before);
    assert!(run("docker", &["ps", "-aq", "--filter", "label=decnet.scope=eng-unequip"]).is_empty());
    rig.end().await;
}

#[tokio::test]
async fn what_can_neither_be_pulled_nor_built_names_both_reasons() {
    let rig = Rig::new("nowhere", 43).await;
    let distro = Distro {
        image: "registry.invalid/nothing:1".to_owned(),
        debootstrap: None,
        ..rig.distro().await
    };
    let error = rig
        .images
        .ensure(&distro, Path::new("/nonexistent"), &Progress::silent())
        .await
        .unwrap_err();
    let Error::Unobtainable { pull, build, .. } = error else {
        panic!("{error}")
    };
    assert!(pull.contains("registry.invalid"), "{pull}");
    assert!(build.contains("Debian, Ubuntu and Kali"), "{build}");
    rig.end().await;
}

#[tokio::test]
async fn the_machine_image_is_made_once_for_a_base_and_a_binary() {
    let rig = Rig::new("bake", 44).await;
    let first = rig.images.with_decoy(&rig.base, &rig::machine()).await.unwrap();
    let ids = |images: Vec<engine::images::Image>| images.into_iter().map(|i| i.id).collect::<Vec<_>>();
    let images = ids(rig.images.list().await.unwrap());
    assert_eq!(rig.images.with_decoy(&rig.base, &rig::machine()).await.unwrap(), first);
    assert_eq!(ids(rig.images.list().await.unwrap()), images);
    let missing = rig
        .images
        .with_decoy(&rig.base, Path::new("/nonexistent/decoy"))
        .await
        .unwrap_err();
    assert!(missing.to_string().contains("DECNET_DECOY"), "{missing}");
    rig.end().await;
}

#[tokio::test]
async fn images_written_to_a_file_come_back_from_it() {
    let rig = Rig::new("carry", 45).await;
    rig.images.with_decoy(&rig.base, &rig::machine()).await.unwrap();
    let names = |images: Vec<engine::images::Image>| {
        let mut names: Vec<_> = images.into_iter().flat_map(|i| i.tags).collect();
        names.sort();
        names
    };
    let before = names(rig.images.list().await.unwrap());
    let file = tempfile::tempdir().unwrap().keep().join("images.tar");
    assert_eq!(rig.images.export(&file).await.unwrap(), before.len());
    for image in rig.images.list().await.unwrap() {
        rig.images.remove(&image.id).await.unwrap();
    }
    assert!(matches!(
        rig.images.export(&file).await.unwrap_err(),
        Error::NothingToExport
    ));
    rig.images.load(&file).await.unwrap();
    assert_eq!(names(rig.images.list().await.unwrap()), before);
    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
    rig.end().await;
}

/// Takes minutes the first time and seconds later: what is built is kept beside the build.
#[tokio::test]
async fn debian_is_to_be_had_with_or_without_a_registry_and_tells_nothing_of_this_host() {
    let rig = Rig::new("debian", 46).await;
    let catalogue = fleet::Catalogue::builtin().unwrap();
    let debian = catalogue.distro("debian").unwrap();
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("images");
    let image = rig.images.ensure(debian, &cache, &Progress::silent()).await.unwrap();
    let inside = |script: &str| {
        run(
            "docker",
            &[
                "run",
                "--rm",
                "--network=none",
                "--hostname=x",
                &image,
                "sh",
                "-c",
                script,
            ],
        )
    };
    let tools = debian.userland.tools.join(" ");
    inside(&format!("for tool in {tools}; do command -v $tool || exit 1; done"));
    assert!(inside("cat /etc/os-release").contains("bookworm"));
    let mirrors = inside("cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true");
    assert!(
        mirrors.lines().all(|line| line.contains(".debian.org/debian")),
        "{mirrors}"
    );
    assert_eq!(
        inside("ls /var/lib/apt/lists /var/cache/apt/archives /var/log/bootstrap.log 2>/dev/null | grep -v : || true")
            .trim(),
        ""
    );
    rig.end().await;
}

fn listening() -> (Progress, Arc<Mutex<Vec<Step>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = told.clone();
    (Progress::new(move |step| tell.lock().unwrap().push(step)), told)
}
