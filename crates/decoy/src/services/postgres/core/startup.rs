//! The startup packet: encryption asked for, and who asks for which database.

use sql::{Error, Host};

use super::super::record::Record;
use super::super::wire::{self, Fields, put};
use super::{Do, Stage, Talk, fatal};

// === impl Talk ===

impl Talk {
    pub(super) fn startup(&mut self, host: &dyn Host, packet: &[u8]) {
        let mut fields = Fields(packet);
        let version = fields.long().unwrap_or(0);
        let encrypted = self.certificate.is_some() || self.gss;
        match version {
            wire::TLS if !encrypted && self.settings.tls => {
                self.out.push(b'S');
                self.flush();
                // What was said in the clear beside it is not to be taken for what is said under TLS.
                self.said.clear();
                self.todo.push_back(Do::StartTls);
                return;
            }
            wire::TLS if !encrypted => {
                self.out.push(b'N');
                return;
            }
            wire::GSS if !encrypted => {
                self.out.push(b'G');
                self.stage = Stage::Gss;
                return;
            }
            wire::CANCEL => {
                self.tell(Record::Cancel);
                return self.close();
            }
            _ => {}
        }
        let (major, minor) = (version >> 16, version & 0xffff);
        if major != 3 {
            let message = format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0");
            self.tell(Record::Broken {
                reason: message.clone(),
                data: packet[..packet.len().min(256)].to_vec(),
            });
            if major < 3 {
                // Those clients know an older form of errors.
                self.out.extend(format!("EFATAL:  {message}\n\0").bytes());
                return self.close();
            }
            return self.die(&fatal("0A000", message, "postmaster.c", 2222, "ProcessStartupPacket"));
        }
        if let Err(error) = self.params(fields.0, minor) {
            return self.die(&error);
        }
        let params = self.params.clone();
        self.tell(Record::Startup {
            user: self.user.clone(),
            database: self.database.clone(),
            params,
        });
        self.challenge(host);
    }

    fn params(&mut self, packet: &[u8], minor: u32) -> Result<(), Error> {
        let here = |code, message: String, line| fatal(code, message, "postmaster.c", line, "ProcessStartupPacket");
        let mut fields = Fields(packet);
        let mut unknown = Vec::new();
        while fields.0.first().is_some_and(|byte| *byte != 0) {
            let name = lossy(&mut fields);
            // A name without a value ends the list.
            if fields.0.is_empty() {
                break;
            }
            let value = lossy(&mut fields);
            if name.starts_with("_pq_.") {
                unknown.push(name);
            } else {
                self.params.push((name, value));
            }
        }
        if fields.0 != [0] {
            let message = "invalid startup packet layout: expected terminator as last byte";
            return Err(here("08P01", message.into(), 2334));
        }
        let find = |name: &str| {
            self.params
                .iter()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.clone())
        };
        let user = find("user").unwrap_or_default();
        if let Some(mode) = find("replication")
            && !["true", "false", "on", "off", "yes", "no", "1", "0", "database"].contains(&mode.as_str())
        {
            let message = format!("invalid value for parameter \"replication\": \"{mode}\"");
            let hint = "Valid values are: \"false\", 0, \"true\", 1, \"database\".";
            return Err(here("22023", message, 2286).hint(hint));
        }
        if minor > 0 || !unknown.is_empty() {
            let mut body = wire::PROTOCOL_3.to_be_bytes().to_vec();
            body.extend((unknown.len() as u32).to_be_bytes());
            unknown
                .iter()
                .for_each(|name| body.extend([name.as_bytes(), b"\0"].concat()));
            put(&mut self.out, b'v', &body);
        }
        if user.is_empty() {
            return Err(here(
                "28000",
                "no PostgreSQL user name specified in startup packet".into(),
                2351,
            ));
        }
        let short = |name: String| name[..name.floor_char_boundary(63)].to_owned();
        self.database = short(
            find("database")
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| user.clone()),
        );
        self.user = short(user);
        Ok(())
    }
}

/// Text up to a NUL or the end, whatever it is made of.
fn lossy(fields: &mut Fields<'_>) -> String {
    let end = fields.0.iter().position(|byte| *byte == 0);
    let text = String::from_utf8_lossy(&fields.0[..end.unwrap_or(fields.0.len())]).into_owned();
    fields.0 = end.map_or(&[], |end| &fields.0[end + 1..]);
    text
}
