//! What kind of lines a text holds, by its first ones.

use super::access::AccessLog;
use super::flows::FlowLog;
use super::record;
use crate::config::Config;

/// What lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    Http,
    Zeek,
    Events,
    Tools,
}

/// Lines looked at, and the share that must be of one kind, percent.
const LOOKED_AT: usize = 20;
const SHARE: usize = 80;

/// The kind that at least 80 % of the first 20 lines with anything on them are.
pub fn sniff<'a>(lines: impl Iterator<Item = &'a str>) -> Option<LineKind> {
    let lines: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).take(LOOKED_AT).collect();
    if lines.first().is_some_and(|line| line.starts_with("#separator")) {
        return Some(LineKind::Zeek);
    }
    let log = AccessLog::new(&Config::default());
    let mut flows = FlowLog::default();
    type Reads<'a> = &'a mut dyn FnMut(&str) -> bool;
    let kinds: [(LineKind, Reads<'_>); 4] = [
        (LineKind::Zeek, &mut |line| {
            line.contains("id.orig_h") && flows.line(line).is_ok()
        }),
        (LineKind::Tools, &mut |line| {
            line.contains("tool_name") && record::call(line).is_ok()
        }),
        (LineKind::Events, &mut |line| {
            line.contains("\"kind\"") && record::event(line).is_ok()
        }),
        (LineKind::Http, &mut |line| log.line(line).is_ok()),
    ];
    kinds.into_iter().find_map(|(kind, reads)| {
        let read = lines.iter().filter(|line| reads(line)).count();
        (read > 0 && read * 100 >= SHARE * lines.len()).then_some(kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_of_five_lines_decide() {
        let good = r#"1.2.3.4 - - [14/Nov/2023:22:13:20 +0000] "GET / HTTP/1.1" 200 1"#;
        assert_eq!(sniff([good, good, good, good, "x"].into_iter()), Some(LineKind::Http));
        assert_eq!(sniff([good, good, good, "x"].into_iter()), None);
        assert_eq!(sniff(["", "x"].into_iter()), None);
        assert_eq!(sniff(std::iter::empty()), None);
        let call = r#"{"ts":1,"agent_id":"a","tool_name":"x"}"#;
        assert_eq!(sniff([call].into_iter()), Some(LineKind::Tools));
        let event = r#"{"ts":1,"kind":"decoy","src":{"ip":"1.2.3.4"}}"#;
        assert_eq!(sniff([event].into_iter()), Some(LineKind::Events));
        let flow = r#"{"ts":1,"id.orig_h":"1.2.3.4","id.resp_h":"1.2.3.5"}"#;
        assert_eq!(sniff([flow].into_iter()), Some(LineKind::Zeek));
    }
}
