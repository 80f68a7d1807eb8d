//! A SYN, with everything its header shows and what its source is like.

use std::sync::Arc;

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::Shown;
use crate::{
    ip::Ip,
    link::Mac,
    scanner::Report,
    series,
    stack::{Quirks, Signature, hop_distance},
    tcp::{Flags, Options, Tcp},
    watch::Stack,
};

#[derive(Clone, Debug)]
pub struct Syn {
    pub signature: Signature,
    pub options: Options,
    pub series: series::Observation,
    /// Label of the coarse table.
    pub os_guess: &'static str,
    pub stack: Arc<Stack>,
    pub scan: Report,
    /// Of a host of the same link.
    pub mac: Option<Mac>,
    tos: u8,
    id: Option<u16>,
    dont_fragment: bool,
    flow_label: u32,
    total_len: usize,
    flags: Flags,
    sequence: u32,
    acknowledgement: u32,
    urgent: u16,
    reserved: u8,
    payload_len: usize,
}

// === impl Syn ===

impl Syn {
    pub(crate) fn new(
        ip: &Ip<'_>,
        tcp: &Tcp<'_>,
        signature: Signature,
        stack: Arc<Stack>,
        options: Options,
        series: series::Observation,
        os_guess: &'static str,
    ) -> Self {
        Self {
            signature,
            stack,
            options,
            series,
            os_guess,
            scan: Report::default(),
            mac: None,
            tos: ip.tos,
            id: ip.id,
            dont_fragment: ip.dont_fragment,
            flow_label: ip.flow_label,
            total_len: ip.total_len,
            flags: tcp.flags,
            sequence: tcp.sequence,
            acknowledgement: tcp.acknowledgement,
            urgent: tcp.urgent,
            reserved: tcp.reserved,
            payload_len: tcp.payload_len,
        }
    }
}

impl Serialize for Syn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let (signature, stack) = (&self.signature, &*self.stack);
        let is_v6 = signature.version == 6;
        let (initial, distance) = match &stack.os {
            Some(found) => (found.initial_ttl, found.distance),
            None => (signature.initial_ttl(), hop_distance(signature.ttl)),
        };
        map.serialize_entry("ttl", &signature.ttl)?;
        if is_v6 {
            map.serialize_entry("hop_limit", &signature.ttl)?;
            map.serialize_entry("flow_label", &self.flow_label)?;
        }
        map.serialize_entry("initial_ttl", &initial)?;
        map.serialize_entry("hop_distance", &distance)?;
        map.serialize_entry("hop_confidence", if initial == 32 { "low" } else { "normal" })?;
        map.serialize_entry("window", &signature.raw_window)?;
        map.serialize_entry("window_mult", &stack.window_mult)?;
        map.serialize_entry("mss", &signature.mss.unwrap_or(0))?;
        if let Some(link) = stack.link_type {
            map.serialize_entry("link_type", link)?;
        }
        if let Some(scale) = signature.scale {
            map.serialize_entry("wscale", &scale)?;
        }
        map.serialize_entry("options_sig", &stack.options_sig)?;
        map.serialize_entry("olayout", &stack.olayout)?;
        map.serialize_entry("opt_kinds", &stack.opt_kinds)?;
        map.serialize_entry(
            "has_sack",
            &signature.kinds.as_slice().iter().any(|kind| matches!(kind, 4 | 5)),
        )?;
        map.serialize_entry("has_timestamps", &self.options.timestamps.is_some())?;
        if let Some((own, echoed)) = self.options.timestamps {
            map.serialize_entry("ts_val", &own)?;
            map.serialize_entry("ts_ecr", &echoed)?;
        }
        map.serialize_entry("tos", &self.tos)?;
        map.serialize_entry("dscp", &(self.tos >> 2))?;
        map.serialize_entry("ecn", &(self.tos & 3))?;
        map.serialize_entry("df", &self.dont_fragment)?;
        map.serialize_entry("ip_opt_len", &signature.option_len)?;
        map.serialize_entry("total_len", &self.total_len)?;
        map.serialize_entry("tcp_flags", &Shown(self.flags))?;
        map.serialize_entry("urg_ptr", &self.urgent)?;
        map.serialize_entry("ack_num", &self.acknowledgement)?;
        map.serialize_entry("reserved_bits", &self.reserved)?;
        map.serialize_entry("payload_len", &self.payload_len)?;
        map.serialize_entry("tcp_data_in_syn", &(self.payload_len > 0))?;
        map.serialize_entry("quirks", &stack.quirks)?;
        map.serialize_entry("stack_sig", &stack.stack_sig)?;
        map.serialize_entry("stack_hash", &stack.stack_hash)?;
        map.serialize_entry("os_guess", self.os_guess)?;
        if let Some(found) = &stack.os {
            map.serialize_entry("os_label", &found.label.name)?;
            map.serialize_entry("os_flavor", &found.label.flavor)?;
            map.serialize_entry("os_confidence", &found.confidence)?;
            map.serialize_entry("os_provider", "decnet")?;
        }
        if let Some(mac) = self.mac {
            map.serialize_entry("src_mac", &Shown(mac))?;
            let [a, b, c] = mac.oui();
            map.serialize_entry("src_mac_oui", &Shown(format_args!("{a:02x}:{b:02x}:{c:02x}")))?;
        }
        self.scanners(&mut map)?;
        self.numbers(&mut map)?;
        map.end()
    }
}

impl Syn {
    fn numbers<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        if let (Some((ids, scope)), Some(id)) = (&self.series.ids, self.id) {
            map.serialize_entry("ipid", &id)?;
            map.serialize_entry("ipid_class", ids.legacy.name())?;
            map.serialize_entry("ipid_class_v2", ids.class.name())?;
            map.serialize_entry("ipid_samples", &ids.samples)?;
            map.serialize_entry("ipid_scope", scope.name())?;
            map.serialize_entry("ipid_confidence", &ids.confidence())?;
            if let Some(step) = ids.step_mean {
                map.serialize_entry("ipid_step_mean", &step)?;
            }
        }
        let (isns, scope) = &self.series.isns;
        map.serialize_entry("isn", &self.sequence)?;
        map.serialize_entry("isn_class", isns.legacy.name())?;
        map.serialize_entry("isn_class_v2", isns.class.name())?;
        map.serialize_entry("isn_samples", &isns.samples)?;
        map.serialize_entry("isn_scope", scope.name())?;
        map.serialize_entry("isn_confidence", &isns.confidence())?;
        map.serialize_entry("isn_gcd", &isns.gcd)?;
        map.serialize_entry("isn_rate", &isns.rate)?;
        map.serialize_entry("isn_entropy_bits", &isns.entropy_bits)?;
        if isns.class.is_structured() && self.is_modern() {
            map.serialize_entry("isn_suspicious", &true)?;
        }
        Ok(())
    }

    fn scanners<M: serde::ser::SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        let Some(best) = self.scan.hits.best() else {
            return Ok(());
        };
        map.serialize_entry("scanner", best.tool.name())?;
        map.serialize_entry("scanner_confidence", &best.confidence)?;
        map.serialize_entry("scanner_evidence", best.evidence)?;
        let others: Vec<_> = self.scan.hits.iter().skip(1).map(|hit| hit.tool.name()).collect();
        if !others.is_empty() {
            map.serialize_entry("scanner_others", &others)?;
        }
        if self.scan.tool_change {
            map.serialize_entry("tool_change", &true)?;
        }
        if let Some(sweep) = self.scan.sweep {
            map.serialize_entry("sweep_rate", &sweep.rate)?;
            map.serialize_entry("sweep_order", sweep.order.name())?;
        }
        Ok(())
    }

    /// Stacks that send these options have drawn their sequence numbers by chance for decades.
    fn is_modern(&self) -> bool {
        let kinds = self.signature.kinds.as_slice();
        kinds.contains(&4) && kinds.contains(&3) && !self.signature.quirks.contains(Quirks::OPTIONS_BAD)
    }
}
