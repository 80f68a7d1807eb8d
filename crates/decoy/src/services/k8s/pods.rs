//! Pods from their creation to their end.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::objects::stamp;
use super::persona::Persona;
use super::resources::of_kind;
use super::session::Kubernetes;
use crate::services::containers::{self, Launch, Run};
use crate::services::golang::Talk;

/// An image is there after so long, and its container started.
const PULLED: Duration = Duration::from_millis(1400);

/// What the server and the scheduler add to a pod.
pub(super) fn complete(pod: &mut Value, persona: &Persona, draw: &[u8; 32], now: OffsetDateTime) {
    let spec = &mut pod["spec"];
    for (name, value) in [
        ("restartPolicy", json!("Always")),
        ("terminationGracePeriodSeconds", json!(30)),
        ("dnsPolicy", json!("ClusterFirst")),
        ("serviceAccountName", json!("default")),
        ("serviceAccount", json!("default")),
        ("nodeName", json!(persona.hostname)),
        ("securityContext", json!({})),
        ("schedulerName", json!("default-scheduler")),
    ] {
        if spec[name].is_null() {
            spec[name] = value;
        }
    }
    let names = spec["containers"].as_array().into_iter().flatten();
    let waiting: Vec<Value> = names
        .map(|one| json!({
            "name": one["name"], "image": one["image"], "imageID": "", "ready": false, "started": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ContainerCreating"}}, "lastState": {},
        }))
        .collect();
    let address = format!("10.244.0.{}", 2 + draw[0] % 250);
    pod["status"] = json!({
        "phase": "Pending", "hostIP": persona.address(0), "podIP": address, "podIPs": [{"ip": address}], "startTime": stamp(now),
        "qosClass": "BestEffort", "conditions": [{"type": "PodScheduled", "status": "True", "lastTransitionTime": stamp(now)}],
        "containerStatuses": waiting,
    });
}

/// What a container of that pod runs, and as whom.
pub(super) fn launch(pod: &Value, argv: Vec<String>, tty: bool, stdin: bool, is_first: bool) -> Launch {
    let texts = |at: &Value| {
        at.as_array()
            .into_iter()
            .flatten()
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let first = &pod["spec"]["containers"][0];
    let env = first["env"].as_array().into_iter().flatten();
    let mut env: Vec<String> = env
        .filter_map(|one| {
            Some(format!(
                "{}={}",
                one["name"].as_str()?,
                one["value"].as_str().unwrap_or_default()
            ))
        })
        .collect();
    env.push("KUBERNETES_SERVICE_HOST=10.96.0.1".to_owned());
    env.push("KUBERNETES_SERVICE_PORT=443".to_owned());
    let argv = match argv.is_empty() {
        false => argv,
        true => [texts(&first["command"]), texts(&first["args"])].concat(),
    };
    let volumes = || pod["spec"]["volumes"].as_array().into_iter().flatten();
    let mounts = first["volumeMounts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|mount| {
            let volume = volumes().find(|volume| volume["name"] == mount["name"])?;
            Some((
                volume["hostPath"]["path"].as_str()?.to_owned(),
                mount["mountPath"].as_str()?.to_owned(),
            ))
        });
    Launch {
        argv,
        env,
        hostname: pod["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
        user: String::new(),
        workdir: first["workingDir"].as_str().unwrap_or_default().to_owned(),
        tty,
        stdin,
        binds: mounts.collect(),
        is_first,
    }
}

/// Brings a pod up, and runs what it is to run on the machine.
pub(super) fn start(server: &Rc<Kubernetes>, talk: &Talk, namespace: String, name: String) {
    let (server, log, sid) = (Rc::clone(server), talk.log.clone(), talk.sid());
    tokio::task::spawn_local(async move {
        tokio::time::sleep(PULLED).await;
        let pod = update(&server, &namespace, &name, |pod| {
            pod["status"]["phase"] = "Running".into();
            state(
                pod,
                true,
                json!({"running": {"startedAt": stamp(OffsetDateTime::now_utc())}}),
            );
        });
        let Some(pod) = pod else { return };
        let first = &pod["spec"]["containers"][0];
        let run = server.run(&namespace, &name);
        let launch = launch(&pod, Vec::new(), first["tty"] == true, first["stdin"] == true, true);
        // An image that says nothing of itself goes on for ever.
        if launch.argv.is_empty() {
            return;
        }
        let done = {
            let (server, run, namespace, name) = (Rc::clone(&server), run.clone(), namespace.clone(), name.clone());
            move |code| ended(&server, &run, &namespace, &name, code)
        };
        if let Err((why, code)) = containers::launch(&server.ground, &run, launch, (&log, sid), done) {
            update(&server, &namespace, &name, |pod| {
                let message = format!(
                    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: {why}"
                );
                state(
                    pod,
                    false,
                    json!({"waiting": {"reason": "RunContainerError", "message": message}}),
                );
            });
            run.finish(code);
        }
    });
}

fn ended(server: &Kubernetes, run: &Run, namespace: &str, name: &str, code: i32) {
    update(server, namespace, name, |pod| {
        let (phase, reason) = if code == 0 {
            ("Succeeded", "Completed")
        } else {
            ("Failed", "Error")
        };
        pod["status"]["phase"] = phase.into();
        let (from, to) = (pod["status"]["startTime"].clone(), stamp(OffsetDateTime::now_utc()));
        let end = json!({"exitCode": code, "reason": reason, "startedAt": from, "finishedAt": to});
        state(pod, false, json!({"terminated": end}));
    });
    run.finish(code);
}

fn state(pod: &mut Value, ready: bool, state: Value) {
    let containers = pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten();
    for one in containers.filter_map(Value::as_object_mut) {
        one.insert("ready".to_owned(), ready.into());
        one.insert("started".to_owned(), ready.into());
        one.insert("state".to_owned(), state.clone());
    }
    let status = if ready { "True" } else { "False" };
    let conditions: Vec<Value> = ["Initialized", "Ready", "ContainersReady", "PodScheduled"]
        .map(|kind| json!({"type": kind, "status": status}))
        .into();
    pod["status"]["conditions"] = conditions.into();
}

fn update(server: &Kubernetes, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) -> Option<Value> {
    let resource = of_kind("Pod")?;
    server.cluster.borrow_mut().change(resource, namespace, name, |pod| {
        // A stranger may have made anything of it.
        if !pod["status"].is_object() {
            pod["status"] = json!({});
        }
        change(pod);
    })
}
