//! A root file system made from packages, where no image can be had: debootstrap, run once and kept.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fleet::catalogue::{Debootstrap, Distro};

use super::mirror::{self, Source};
use crate::error::Error;
use crate::progress::Progress;

const DEBOOTSTRAP: &str = "/usr/sbin/debootstrap";

/// What the build leaves in the tree that tells of the host it was built on, or of the build.
const TRACES: [&str; 6] = [
    "var/log/bootstrap.log",
    "var/log/apt",
    "var/cache/apt/archives",
    "var/lib/apt/lists",
    "var/lib/dbus/machine-id",
    "etc/apt/sources.list.d",
];
const EMPTIED: [&str; 3] = ["etc/resolv.conf", "etc/hostname", "etc/machine-id"];

/// The tar of `distro`'s root file system in `cache`, built when it is not there.
pub(super) async fn tar(distro: &Distro, key: &str, cache: &Path, progress: &Progress) -> Result<PathBuf, Error> {
    let tar = cache.join(format!("{}-{key}.tar", distro.slug));
    if tokio::fs::try_exists(&tar).await.unwrap_or(false) {
        return Ok(tar);
    }
    let release = distro.debootstrap.clone().ok_or_else(|| Error::NotBuildable {
        distro: distro.slug.clone(),
    })?;
    let (distro, cache, made, progress) = (distro.clone(), cache.to_owned(), tar.clone(), progress.clone());
    let built = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&cache).map_err(Error::io(format!("making {}", cache.display())))?;
        let root = tempdir(&cache)?;
        build(&distro, &release, &root.0, &progress)?;
        let sources = sources(&release)?;
        tidy(&sources, &root.0).map_err(Error::io("tidying the new root file system"))?;
        progress.image(&distro.image, "packing");
        pack(&root.0, &made)
    });
    built.await.unwrap_or_else(|e| {
        Err(Error::Answer {
            doing: "building an image".to_owned(),
            reason: e.to_string(),
        })
    })?;
    Ok(tar)
}

fn build(distro: &Distro, release: &Debootstrap, root: &Path, progress: &Progress) -> Result<(), Error> {
    let doing = || format!("building {} with debootstrap", distro.display);
    let mut command = Command::new("debootstrap");
    command
        .args(["--variant=minbase", "--force-check-gpg"])
        .arg(format!("--include={}", distro.userland.packages.join(",")))
        .arg(&release.suite)
        .arg(root);
    if let Some(mirror) = host_mirror(release) {
        command.arg(mirror);
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Error::Tool {
            program: "debootstrap",
            package: "debootstrap",
        },
        _ => Error::Io {
            doing: doing(),
            source: e,
        },
    })?;
    let mut last = String::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let line = line.trim_start_matches("I: ").to_owned();
            progress.image(&distro.image, &line);
            last = line;
        }
    }
    let done = child.wait_with_output().map_err(Error::io(doing()))?;
    if done.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&done.stderr);
    let said = stderr.lines().last().map_or(last, str::to_owned);
    Err(Error::Program {
        doing: doing(),
        program: "debootstrap",
        stderr: said,
    })
}

fn host_mirror(release: &Debootstrap) -> Option<String> {
    let host = mirror::release(&std::fs::read_to_string("/etc/os-release").unwrap_or_default());
    mirror::choose(&host_sources(), &host, &release.family, &release.suite)
}

fn host_sources() -> Vec<Source> {
    let mut sources = mirror::one_line(&std::fs::read_to_string("/etc/apt/sources.list").unwrap_or_default());
    let Ok(directory) = std::fs::read_dir("/etc/apt/sources.list.d") else {
        return sources;
    };
    let mut files: Vec<PathBuf> = directory.flatten().map(|entry| entry.path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        match file.extension().and_then(|e| e.to_str()) {
            Some("list") => sources.extend(mirror::one_line(&text)),
            Some("sources") => sources.extend(mirror::stanzas(&text)),
            _ => {}
        }
    }
    sources
}

/// What the machine's `/etc/apt/sources.list` says.
fn sources(release: &Debootstrap) -> Result<String, Error> {
    const ARCHIVE: &str = "{archive}";
    if !release.sources.contains(ARCHIVE) {
        return Ok(release.sources.clone());
    }
    let doing = || format!("reading {DEBOOTSTRAP}");
    let script = std::fs::read_to_string(DEBOOTSTRAP).map_err(Error::io(doing()))?;
    let archive = mirror::default_of(&script).ok_or_else(|| Error::Answer {
        doing: doing(),
        reason: "it names no archive of its own; write one in place of `{archive}` in the distribution's template"
            .to_owned(),
    })?;
    Ok(release.sources.replace(ARCHIVE, archive))
}

/// Removes what only the build host could have put there.
fn tidy(sources: &str, root: &Path) -> std::io::Result<()> {
    for trace in TRACES {
        let path = root.join(trace);
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => {
                std::fs::remove_dir_all(&path)?;
                std::fs::create_dir_all(&path)?;
            }
            Ok(_) => std::fs::remove_file(&path)?,
            Err(_) => {}
        }
    }
    for file in EMPTIED {
        let path = root.join(file);
        if path.exists() {
            std::fs::write(path, "")?;
        }
    }
    std::fs::write(root.join("etc/apt/sources.list"), sources)
}

/// By a temporary name first: a tar of that name is whole.
fn pack(root: &Path, to: &Path) -> Result<(), Error> {
    let doing = || format!("packing {}", to.display());
    let partial = to.with_extension("partial");
    let done = Command::new("tar")
        .args(["--numeric-owner", "--sort=name", "--exclude=./dev/*", "-cf"])
        .arg(&partial)
        .arg("-C")
        .arg(root)
        .arg(".")
        .output()
        .map_err(Error::io(doing()))?;
    if !done.status.success() {
        let _ = std::fs::remove_file(&partial);
        let stderr = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        return Err(Error::Program {
            doing: doing(),
            program: "tar",
            stderr,
        });
    }
    std::fs::rename(&partial, to).map_err(Error::io(doing()))
}

/// A directory that goes when it is dropped.
struct TempDir(PathBuf);

fn tempdir(within: &Path) -> Result<TempDir, Error> {
    let path = within.join(format!("build-{}", uuid::Uuid::new_v4().simple()));
    std::fs::create_dir(&path).map_err(Error::io(format!("making {}", path.display())))?;
    Ok(TempDir(path))
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "could not remove a build's directory");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_a_machine_names_is_the_one_debootstrap_goes_to_by_itself() {
        let release = Debootstrap {
            family: "debian".into(),
            suite: "bookworm".into(),
            sources: "deb {archive} bookworm main\n".into(),
        };
        let written = sources(&release).unwrap();
        assert!(
            written.starts_with("deb http") && written.ends_with("/debian bookworm main\n"),
            "{written}"
        );
    }

    #[test]
    fn a_tidied_tree_tells_nothing_of_the_host() {
        let root = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("etc/resolv.conf", "nameserver 10.255.255.1");
        put("etc/hostname", "builder-7");
        put(
            "etc/apt/sources.list",
            "deb http://mirror.internal.example/debian bookworm main",
        );
        put("var/lib/apt/lists/mirror.internal.example_Packages", "x");
        put("var/log/bootstrap.log", "x");
        put("etc/passwd", "root:x:0:0::/root:/bin/bash");
        let sources = "deb http://archive.example/debian bookworm main\n";
        tidy(sources, root.path()).unwrap();
        let left = std::fs::read_to_string(root.path().join("etc/apt/sources.list")).unwrap();
        assert_eq!(left, sources);
        let left = Command::new("grep")
            .args(["-rE", "internal|builder|10[.]255"])
            .arg(root.path())
            .output()
            .unwrap();
        assert!(left.stdout.is_empty(), "{}", String::from_utf8_lossy(&left.stdout));
        assert!(root.path().join("etc/passwd").exists() && !root.path().join("var/log/bootstrap.log").exists());
        assert_eq!(
            std::fs::read_dir(root.path().join("var/lib/apt/lists"))
                .unwrap()
                .count(),
            0
        );
    }
}
