//! Confidence of the web's rules: a base, bonuses, ten for a stranger, and a most.

use crate::addr::Addr;
use crate::config::Config;
use crate::finding::Part;
use crate::rule::Confidence;
use crate::world::Nets;

const UNTRUSTED: &str = "rule_untrusted_ip";
const UNTRUSTED_BONUS: i64 = 10;

/// Who is trusted.
pub(super) struct Trust(Nets);

/// A confidence in the making.
pub(super) struct Score {
    parts: Vec<Part>,
    most: i64,
}

// === impl Trust ===

impl Trust {
    pub(super) fn new(config: &Config) -> Self {
        Self(Nets::new(config.trusted_ips.clone()))
    }
}

// === impl Score ===

impl Score {
    pub(super) fn new(id: &str, base: i64, most: i64) -> Self {
        Self {
            parts: vec![Part::new(id, base)],
            most,
        }
    }

    pub(super) fn bonus(mut self, given: bool, id: &str, value: i64) -> Self {
        if given {
            self.parts.push(Part::new(id, value));
        }
        self
    }

    pub(super) fn stranger(self, trust: &Trust, src: Addr) -> Self {
        let stranger = !trust.0.contains(src);
        self.bonus(stranger, UNTRUSTED, UNTRUSTED_BONUS)
    }

    pub(super) fn confidence(&self) -> Confidence {
        Confidence::new(self.parts.iter().map(|part| part.value).sum::<i64>().min(self.most))
    }

    /// Parts, with what the limit took off, and the ids alone.
    pub(super) fn told(self) -> (Vec<Part>, Vec<String>) {
        let ids = self.parts.iter().map(|part| part.id.clone()).collect();
        let sum: i64 = self.parts.iter().map(|part| part.value).sum();
        let mut parts = self.parts;
        if sum > self.most {
            parts.push(Part::new("limit", self.most - sum));
        }
        (parts, ids)
    }
}
