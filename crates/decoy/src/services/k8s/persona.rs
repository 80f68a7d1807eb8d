//! Which release it is, and how it lets strangers in.

use std::net::IpAddr;

use model::machine::ServiceSpec;

use crate::machine::Machine;

#[derive(Clone, Debug)]
pub(super) struct Persona {
    /// `v1.25.4`.
    pub version: String,
    pub commit: String,
    pub built: String,
    pub go: String,
    pub hostname: String,
    pub os: String,
    pub kernel: String,
    /// Whoever shows nothing may do everything.
    pub anonymous_is_admin: bool,
    /// Whoever shows nothing is not even looked at.
    pub anonymous_is_off: bool,
    /// PEM of who signed the certificate.
    pub authority: String,
    first_address: [u8; 3],
    host: u8,
}

// === impl Persona ===

impl Persona {
    pub(super) fn of(machine: &Machine, spec: &ServiceSpec) -> Result<Self, String> {
        let text = |key: &str, default: &str| spec.text(key).unwrap_or(default).to_owned();
        let anonymous = text("anonymous", "admin");
        if !["admin", "none", "off"].contains(&anonymous.as_str()) {
            return Err(format!("anonymous is {anonymous:?}; it can be admin, none or off"));
        }
        let draw = machine.draw("k8s/network");
        Ok(Self {
            version: text("version", "v1.25.4"),
            commit: text("commit", "872a965c6c6526caa949f0c6ac028ef7aff3fb78"),
            built: text("built", "2022-11-09T13:29:58Z"),
            go: text("go", "go1.19.3"),
            hostname: machine.hostname().to_owned(),
            os: machine
                .os_release("PRETTY_NAME")
                .unwrap_or_else(|| "Debian GNU/Linux 12 (bookworm)".to_owned()),
            kernel: machine.kernel(),
            anonymous_is_admin: anonymous == "admin",
            anonymous_is_off: anonymous == "off",
            authority: String::new(),
            first_address: [10, 10 + draw[0] % 200, draw[1]],
            host: 10 + draw[2] % 100,
        })
    }

    /// Of the cluster's nodes, the first being the machine.
    pub(super) fn address(&self, node: usize) -> String {
        let [a, b, c] = self.first_address;
        format!("{a}.{b}.{c}.{}", usize::from(self.host) + node)
    }
}

/// As the API names the address it was reached at.
pub(super) fn server_address(ip: Option<IpAddr>) -> String {
    ip.map_or_else(|| "10.96.0.1:6443".to_owned(), |ip| format!("{ip}:6443"))
}
