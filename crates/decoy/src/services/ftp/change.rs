//! Commands that change names, modes and times of files.

use std::io;

use serde_json::json;

use super::core::Do;
use super::files::Disk;
use super::number::seconds_of;
use super::reply::Reply;
use super::session::{Next, Session, shown};

// === impl Session ===

impl Session {
    /// What changes the names of files.
    pub(super) async fn change(&mut self, wanted: Do) -> io::Result<Next> {
        let umask = self.core.umask;
        match wanted {
            Do::Make(path) => {
                let path = self.resolved(path);
                let making = move |disk: &mut Disk| {
                    let whole = disk.whole(&path);
                    Ok((disk.make_dir(&path, umask).is_ok(), whole))
                };
                let (done, whole) = self.files()?.run(making).await?;
                self.report("mkdir", json!({"path": shown(&whole), "done": done}));
                if done {
                    self.reply(Reply::path(&whole, "created")).await
                } else {
                    self.answer(550, "Create directory operation failed.").await
                }
            }
            Do::RemoveDir(path) => {
                let done = self.remove(path, true).await?;
                self.either(
                    done,
                    (250, "Remove directory operation successful."),
                    "Remove directory operation failed.",
                )
                .await
            }
            Do::Delete(path) => {
                let done = self.remove(path, false).await?;
                self.either(done, (250, "Delete operation successful."), "Delete operation failed.")
                    .await
            }
            Do::RenameFrom(path) => {
                let path = self.resolved(path);
                let wanted = path.clone();
                match self.files()?.run(move |disk| disk.stat(&wanted)).await {
                    Ok(_) => {
                        let reply = self.core.will_rename(path);
                        self.reply(reply).await
                    }
                    Err(_) => self.answer(550, "RNFR command failed.").await,
                }
            }
            Do::Rename { from, to } => {
                let to = self.resolved(to);
                let renaming = move |disk: &mut Disk| {
                    let names = (disk.whole(&from), disk.whole(&to));
                    Ok((disk.rename(&from, &to).is_ok(), names))
                };
                let (done, (from, to)) = self.files()?.run(renaming).await?;
                self.report("rename", json!({"path": shown(&from), "to": shown(&to), "done": done}));
                self.either(done, (250, "Rename successful."), "Rename failed.").await
            }
            Do::Chmod { mode, path } => {
                let path = self.resolved(path);
                let changing = move |disk: &mut Disk| {
                    let whole = disk.whole(&path);
                    Ok((disk.chmod(&path, mode).is_ok(), whole))
                };
                let (done, whole) = self.files()?.run(changing).await?;
                self.report(
                    "chmod",
                    json!({"path": shown(&whole), "mode": format!("{mode:o}"), "done": done}),
                );
                self.either(done, (200, "SITE CHMOD command ok."), "SITE CHMOD command failed.")
                    .await
            }
            Do::SetModified(time, path) => {
                let time = seconds_of(&time);
                let setting = move |disk: &mut Disk| {
                    disk.stat_file(&path)?;
                    disk.set_modified(&path, time)
                };
                let done = self.files()?.run(setting).await.is_ok();
                self.either(
                    done,
                    (213, "File modification time set."),
                    "Could not set file modification time.",
                )
                .await
            }
            _ => Ok(Next::Command),
        }
    }

    async fn remove(&mut self, path: Vec<u8>, directory: bool) -> io::Result<bool> {
        let path = self.resolved(path);
        let removing = move |disk: &mut Disk| {
            let whole = disk.whole(&path);
            Ok((disk.remove(&path, directory).is_ok(), whole))
        };
        let (done, whole) = self.files()?.run(removing).await?;
        self.report(
            "delete",
            json!({"path": shown(&whole), "directory": directory, "done": done}),
        );
        Ok(done)
    }
}
