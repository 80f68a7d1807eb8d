//! Builds: the context is kept, its Dockerfile followed step by step.

use std::rc::Rc;

use serde_json::json;
use time::OffsetDateTime;

use super::answer::BuildWish;
use super::archive;
use super::names::Reference;
use super::perform::{self, chunked, end_chunks};
use super::record::{Record, short, shorts};
use super::reply;
use super::session::Docker;
use super::tar::{self, Kind, Member};
use super::{create, images};
use crate::services::containers::{self, Launch, Run};
use crate::services::golang::json::{Object, html_safe};
use crate::services::golang::{Reply, Request, Talk, Then};

const MOST_STEPS: usize = 200;

/// One line of a Dockerfile, its continuations joined.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub word: String,
    pub rest: String,
}

/// Reads a Dockerfile.
pub(super) fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut open = String::new();
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with('#') || (line.is_empty() && open.is_empty()) {
            continue;
        }
        match line.strip_suffix('\\') {
            Some(begun) => open.push_str(begun),
            None => {
                open.push_str(line);
                let whole = std::mem::take(&mut open);
                let (word, rest) = whole.split_once(char::is_whitespace).unwrap_or((&whole, ""));
                steps.push(Step {
                    word: word.to_ascii_uppercase(),
                    rest: rest.trim().to_owned(),
                });
            }
        }
    }
    steps.truncate(MOST_STEPS);
    steps
}

pub(super) async fn build(docker: &Rc<Docker>, talk: &mut Talk, request: &Request, wish: BuildWish) -> Then {
    let body = &request.body;
    let sha256 = talk.log.capture(body, "/context.tar", "upload", None);
    let members = tar::read(body).unwrap_or_default();
    let wanted = wish.dockerfile.trim_start_matches("./");
    let file = members
        .iter()
        .find(|member| member.name.trim_start_matches("./") == wanted);
    let text = file.map(|file| String::from_utf8_lossy(file.bytes).into_owned());
    talk.tell(vec![Record::new(
        "image_build",
        json!({
            "tags": shorts(&wish.tags), "sha256": sha256, "size": body.len(), "cut": request.cut,
            "dockerfile": text.as_deref().map(short), "files": members.len(),
        }),
    )]);
    let fault = match &text {
        None => Some((500, format!("Cannot locate specified Dockerfile: {}", wish.dockerfile))),
        Some(text) if steps(text).is_empty() => {
            Some((400, format!("the Dockerfile ({}) cannot be empty", wish.dockerfile)))
        }
        Some(_) => None,
    };
    if let Some(fault) = fault {
        let reply = reply::error(&docker.store.borrow(), None, fault);
        return perform::send(talk, request, &reply).await;
    }
    let head =
        reply::with_headers(&docker.store.borrow(), Reply::new(200, "")).with("Content-Type", "application/json");
    talk.send(&head.render_stream(request, OffsetDateTime::now_utc())).await;
    let mut work = Work {
        docker,
        talk,
        request,
        quiet: wish.quiet,
        image: String::new(),
        env: Vec::new(),
        workdir: "/".to_owned(),
    };
    let all = steps(&text.unwrap_or_default());
    for (n, step) in all.iter().enumerate() {
        let shown = format!("Step {}/{} : {} {}", n + 1, all.len(), step.word, step.rest);
        work.say(shown.trim_end()).await;
        work.say("\n").await;
        if let Err(why) = work.follow(step, &members).await {
            let detail = Object::new().put("message", &why).end();
            let line = Object::new().raw("errorDetail", &detail).put("error", &why).end();
            let then = work.line(&line).await;
            return end_chunks(work.talk, request, then).await;
        }
        let id = work.image[..12.min(work.image.len())].to_owned();
        work.say(&format!(" ---> {id}\n")).await;
    }
    let id = work.image.clone();
    let aux = Object::new()
        .raw("aux", &Object::new().put("ID", format!("sha256:{id}")).end())
        .end();
    work.line(&aux).await;
    let mut then = work
        .say(&format!("Successfully built {}\n", &id[..12.min(id.len())]))
        .await;
    for tag in wish.tags.iter().filter_map(|tag| Reference::parse(tag)) {
        images::retag(&mut docker.store.borrow_mut(), &id, &tag.tagged());
        then = work.say(&format!("Successfully tagged {}\n", tag.tagged())).await;
    }
    end_chunks(work.talk, request, then).await
}

/// A build on its way.
struct Work<'a> {
    docker: &'a Rc<Docker>,
    talk: &'a mut Talk,
    request: &'a Request,
    quiet: bool,
    image: String,
    env: Vec<String>,
    workdir: String,
}

// === impl Work ===

impl Work<'_> {
    async fn say(&mut self, text: &str) -> Then {
        if self.quiet {
            return Then::On;
        }
        let line = Object::new().put("stream", text).end();
        self.line(&line).await
    }

    async fn line(&mut self, line: &str) -> Then {
        let line = html_safe(line) + "\r\n";
        self.talk.send(&chunked(self.request, line.as_bytes())).await
    }

    async fn follow(&mut self, step: &Step, context: &[Member<'_>]) -> Result<(), String> {
        let by = match step.word.as_str() {
            "FROM" => return self.from(&step.rest),
            "RUN" => {
                self.run(&step.rest).await?;
                format!("/bin/sh -c {}", step.rest)
            }
            "COPY" | "ADD" => {
                self.copy(&step.rest, context)?;
                format!("/bin/sh -c #(nop) {} {} ", step.word, step.rest)
            }
            "ENV" => {
                self.env.push(match step.rest.contains('=') {
                    true => step.rest.clone(),
                    false => step.rest.replacen(' ', "=", 1),
                });
                format!("/bin/sh -c #(nop)  ENV {}", step.rest)
            }
            "WORKDIR" => {
                self.workdir = step.rest.clone();
                format!("/bin/sh -c #(nop) WORKDIR {}", step.rest)
            }
            "CMD" | "ENTRYPOINT" | "EXPOSE" | "LABEL" | "USER" | "VOLUME" | "ARG" | "MAINTAINER" | "SHELL"
            | "STOPSIGNAL" | "HEALTHCHECK" | "ONBUILD" => {
                format!("/bin/sh -c #(nop)  {} {}", step.word, step.rest)
            }
            other => return Err(format!("dockerfile parse error: unknown instruction: {other}")),
        };
        let now = OffsetDateTime::now_utc();
        let mut store = self.docker.store.borrow_mut();
        self.image = create::image_over(&mut store, &self.image, &by, now);
        let words = || match serde_json::from_str::<Vec<String>>(&step.rest) {
            Ok(words) => words,
            Err(_) => vec!["/bin/sh".to_owned(), "-c".to_owned(), step.rest.clone()],
        };
        if let Some(image) = store.images.iter_mut().find(|image| image.id == self.image) {
            match step.word.as_str() {
                "CMD" => image.cmd = words(),
                "ENTRYPOINT" => (image.entrypoint, image.cmd) = (words(), Vec::new()),
                "ENV" => image.env.extend(self.env.last().cloned()),
                "WORKDIR" => image.workdir.clone_from(&self.workdir),
                _ => {}
            }
        }
        Ok(())
    }

    fn from(&mut self, rest: &str) -> Result<(), String> {
        let name = rest
            .split_whitespace()
            .find(|word| !word.starts_with("--"))
            .unwrap_or_default();
        let wanted = Reference::parse(name).ok_or("invalid reference format")?;
        let mut store = self.docker.store.borrow_mut();
        if name == "scratch" || store.image(name).is_none() {
            if !wanted.can_be_had() && name != "scratch" {
                return Err(format!(
                    "pull access denied for {}, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
                    wanted.name
                ));
            }
            let made = store.pulled(&wanted, OffsetDateTime::now_utc());
            store.add_image(made);
        }
        self.image = store.image(name).map_or(String::new(), |image| image.id.clone());
        Ok(())
    }

    /// On the machine itself, as a container's command would be.
    async fn run(&mut self, line: &str) -> Result<(), String> {
        let id = self.docker.store.borrow_mut().new_id();
        let short = id[..12].to_owned();
        self.say(&format!(" ---> Running in {short}\n")).await;
        let argv: Vec<String> = match serde_json::from_str(line) {
            Ok(words) => words,
            Err(_) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()],
        };
        let run = Run::new();
        let mut heard = run.listen();
        let launch = Launch {
            argv,
            env: self.env.clone(),
            hostname: short.clone(),
            user: String::new(),
            workdir: self.workdir.clone(),
            tty: false,
            stdin: false,
            binds: Vec::new(),
            is_first: true,
        };
        let done = {
            let run = run.clone();
            move |code| run.finish(code)
        };
        let place = (&self.talk.log.clone(), self.talk.sid());
        containers::launch(&self.docker.ground, &run, launch, place, done).map_err(|(why, _)| {
            format!("failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: {why}")
        })?;
        while let Some(said) = heard.recv().await {
            let text = String::from_utf8_lossy(&said.bytes).into_owned();
            for line in text.split_inclusive('\n') {
                if said.err {
                    self.say(&format!("\u{1b}[91m{line}\u{1b}[0m")).await
                } else {
                    self.say(line).await
                };
            }
        }
        match run.end().await {
            Some(0) => {
                self.say(&format!("Removing intermediate container {short}\n")).await;
                Ok(())
            }
            code => Err(format!(
                "The command '/bin/sh -c {line}' returned a non-zero code: {}",
                code.unwrap_or(137)
            )),
        }
    }

    fn copy(&mut self, rest: &str, context: &[Member<'_>]) -> Result<(), String> {
        let words: Vec<String> = match serde_json::from_str(rest) {
            Ok(words) => words,
            Err(_) => rest
                .split_whitespace()
                .filter(|word| !word.starts_with("--"))
                .map(str::to_owned)
                .collect(),
        };
        let Some((to, from)) = words.split_last().filter(|(_, from)| !from.is_empty()) else {
            return Err(
                "COPY requires at least two arguments, but only one was provided. Destination could not be determined."
                    .to_owned(),
            );
        };
        let to = if to.starts_with('/') {
            to.clone()
        } else {
            format!("{}/{to}", self.workdir.trim_end_matches('/'))
        };
        for source in from {
            // Fetched from elsewhere, or made in another stage: nothing of it is here.
            if source.contains("://") || rest.contains("--from=") {
                continue;
            }
            let wanted = source.trim_start_matches("./").trim_matches('/').to_owned();
            let plain = |member: &Member<'_>| member.name.trim_start_matches("./").trim_end_matches('/').to_owned();
            let all = wanted == "." || wanted.is_empty();
            let of = context
                .iter()
                .filter(|member| all || plain(member) == wanted || plain(member).starts_with(&format!("{wanted}/")));
            let found: Vec<_> = of.collect();
            if found.is_empty() {
                return Err(format!(
                    "COPY failed: file not found in build context or excluded by .dockerignore: stat {wanted}: file does not exist"
                ));
            }
            for member in found {
                let name = plain(member);
                let inner = if all {
                    name.as_str()
                } else {
                    name[wanted.len()..].trim_start_matches('/')
                };
                let into_folder = to.ends_with('/') || from.len() > 1;
                let target = match (inner.is_empty(), into_folder, member.kind) {
                    (true, true, Kind::File) => format!("{to}/{}", name.rsplit('/').next().unwrap_or_default()),
                    _ => format!("{to}/{inner}").trim_end_matches('/').to_owned(),
                };
                let root = archive::inside(&self.docker.ground, "/");
                archive::unpack(
                    &self.docker.ground,
                    &self.talk.log,
                    &root,
                    &Member {
                        name: target,
                        ..(*member).clone()
                    },
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_is_read_line_by_line_with_what_is_continued() {
        let read = steps("# x\nfrom alpine\n\nRUN a \\\n  b\nCMD [\"x\"]\n");
        let shown: Vec<_> = read.iter().map(|step| format!("{}|{}", step.word, step.rest)).collect();
        assert_eq!(shown, ["FROM|alpine", "RUN|a b", "CMD|[\"x\"]"]);
    }
}
