//! What one process does: services that are one daemon on a real machine are one process here.

use model::machine::{MachineSpec, ServiceSpec};

use crate::services::Entry;

/// One process and the services in it. The title tells jobs apart.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// What `ps` shows for it.
    pub title: String,
    pub services: Vec<ServiceSpec>,
}

/// The processes of a machine: services with the same title share one.
pub fn jobs(spec: &MachineSpec, entry: impl Fn(&str) -> Option<&'static Entry>) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    for service in &spec.services {
        let Some(entry) = entry(&service.slug) else { continue };
        let title = service.text("title").unwrap_or(entry.title);
        match jobs.iter_mut().find(|job| job.title == title) {
            Some(job) => job.services.push(service.clone()),
            None => jobs.push(Job {
                title: title.to_owned(),
                services: vec![service.clone()],
            }),
        }
    }
    jobs
}

// === impl Job ===

impl Job {
    /// What `ps` shows for the process that does the work, where the daemon has one for that beside its master.
    pub fn worker_title(&self) -> Option<&str> {
        self.services.iter().find_map(|service| service.text("worker_title"))
    }

    pub fn slugs(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|service| service.slug.as_str())
    }
}

/// `sshd` of `sshd: /usr/sbin/sshd -D`, `vsftpd` of `/usr/sbin/vsftpd /etc/vsftpd.conf`.
pub fn command_name(title: &str) -> &str {
    let first = title.split([' ', '\0']).next().unwrap_or_default();
    let first = first.strip_suffix(':').unwrap_or(first);
    first.rsplit('/').next().unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    static DAEMON: Entry = Entry {
        slug: "http",
        title: "nginx: master process /usr/sbin/nginx",
        run_as: &[],
        furnish: None,
        build: |_| Err(String::new()),
    };

    #[test]
    fn services_of_one_daemon_are_one_process() {
        let spec: MachineSpec = serde_json::from_value(serde_json::json!({
            "generation": 1, "hostname": "web-03", "distro": "debian", "seed": "", "users": [], "keys": {},
            "services": [
                {"slug": "http", "ports": [], "persona": {"worker_title": "nginx: worker process"}},
                {"slug": "ssh", "ports": [], "persona": {"title": "sshd: x"}},
                {"slug": "https", "ports": []},
                {"slug": "unheard-of", "ports": []},
            ],
        }))
        .unwrap();
        let jobs = jobs(&spec, |slug| (slug != "unheard-of").then_some(&DAEMON));
        assert_eq!(jobs.len(), 2);
        assert_eq!(jobs[0].slugs().collect::<Vec<_>>(), ["http", "https"]);
        assert_eq!(jobs[0].worker_title(), Some("nginx: worker process"));
        assert_eq!((jobs[1].title.as_str(), jobs[1].worker_title()), ("sshd: x", None));
    }

    #[test]
    fn the_command_name_is_the_one_the_daemon_would_have() {
        let named = [
            ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", "sshd"),
            (
                "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;",
                "nginx",
            ),
            ("/usr/sbin/vsftpd\0/etc/vsftpd.conf", "vsftpd"),
            ("/usr/bin/redis-server 0.0.0.0:6379", "redis-server"),
            ("", ""),
        ];
        for (title, name) in named {
            assert_eq!(command_name(title), name);
        }
    }
}
