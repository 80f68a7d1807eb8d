//! The connections of a source to a port, timed.

use serde::Serialize;

use super::millis;
use crate::flow::{IAT_BOUNDS, Summary};
use crate::time::Time;

#[derive(Clone, Debug, Serialize)]
pub struct Flow {
    pub flows: u64,
    pub established: u64,
    /// How far the best of them came.
    pub handshake: &'static str,
    pub packets: u64,
    pub bytes: u64,
    pub bytes_fwd: u64,
    pub bytes_rev: u64,
    pub duration_s: f64,
    #[serde(serialize_with = "super::rfc3339")]
    pub first_ts: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_iat_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_iat_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_iat_ms: Option<f64>,
    /// Gaps between packets, counted: below 1 ms, 10 ms and so on; the last for all above.
    pub iat_histogram: [u64; IAT_BOUNDS.len() + 1],
    pub retransmits: u64,
    pub retransmits_fwd: u64,
    pub retransmits_rev: u64,
    pub out_of_order: u64,
    pub dup_acks: u64,
    pub zero_window: u64,
    pub syn_retries: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rto_ms: Vec<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_rtt_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_rtt_median_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synack_delay_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_payload_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ts_hz: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ts_skew_ppm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime_s: Option<u64>,
}

// === impl Flow ===

impl From<&Summary> for Flow {
    fn from(summary: &Summary) -> Self {
        let timed = summary.gap_count > 0;
        let mean = u32::try_from(summary.gap_count)
            .ok()
            .and_then(|count| summary.gap_sum.checked_div(count));
        Self {
            flows: summary.flows,
            established: summary.established,
            handshake: summary.handshake.name(),
            packets: summary.packets,
            bytes: summary.bytes_client + summary.bytes_server,
            bytes_fwd: summary.bytes_client,
            bytes_rev: summary.bytes_server,
            duration_s: (summary.last.since(summary.first).as_secs_f64() * 1_000.0).round() / 1_000.0,
            first_ts: summary.first,
            mean_iat_ms: mean.map(millis),
            min_iat_ms: timed.then(|| millis(summary.gap_min)),
            max_iat_ms: timed.then(|| millis(summary.gap_max)),
            iat_histogram: summary.gaps,
            retransmits: summary.retransmits_client + summary.retransmits_server,
            retransmits_fwd: summary.retransmits_client,
            retransmits_rev: summary.retransmits_server,
            out_of_order: summary.out_of_order,
            dup_acks: summary.dup_acks,
            zero_window: summary.zero_windows,
            syn_retries: summary.syn_retries,
            rto_ms: summary.rto_ms.clone(),
            client_rtt_ms: summary.client_rtt_min.map(millis),
            client_rtt_median_ms: summary.client_rtt_median.map(millis),
            synack_delay_ms: summary.synack_delay.map(millis),
            first_payload_ms: summary.first_payload_delay.map(millis),
            ts_hz: summary.ts_hz,
            ts_skew_ppm: summary.ts_skew_ppm,
            uptime_s: summary.uptime.seconds(summary.last).map(|seconds| seconds as u64),
        }
    }
}
