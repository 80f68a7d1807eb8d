//! What a client proposes, as an event.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as B64;
use model::event::Fields;
pub use wire::ssh::KexInit;
use wire::ssh::LISTS;

/// Bytes of a proposal that are reported, as lists and once more as they were sent.
const KEPT: usize = 4096;

/// The fields of a `hassh` event.
pub fn fields(proposal: &KexInit<'_>) -> Fields {
    let mut fields = Fields::from_iter([("hassh".to_owned(), proposal.hassh().into())]);
    let mut room = KEPT;
    for (name, list) in LISTS.iter().zip(proposal.lists).filter(|(_, list)| !list.is_empty()) {
        let list: String = String::from_utf8_lossy(list).chars().take(room).collect();
        room = room.saturating_sub(list.len());
        fields.insert((*name).to_owned(), list.into());
    }
    fields.insert("first_kex_follows".into(), proposal.first_kex_follows.into());
    let raw = &proposal.payload[..proposal.payload.len().min(KEPT)];
    fields.insert("kexinit_b64".into(), B64.encode(raw).into());
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_is_told_with_its_fingerprint_and_without_empty_lists() {
        let mut payload = vec![wire::ssh::KEXINIT];
        payload.extend([7; 16]);
        for list in [
            "curve25519-sha256",
            "ssh-ed25519",
            "aes128-ctr",
            "x",
            "hmac-sha2-256",
            "y",
            "none",
            "none",
            "",
            "",
        ] {
            payload.extend((list.len() as u32).to_be_bytes());
            payload.extend(list.as_bytes());
        }
        payload.extend([1, 0, 0, 0, 0]);
        let fields = fields(&KexInit::parse(&payload).unwrap());
        // printf 'curve25519-sha256;aes128-ctr;hmac-sha2-256;none' | md5sum
        assert_eq!(fields["hassh"], "e97d07603350d1111ec2b64bf25413c9");
        assert_eq!(
            (&fields["cipher_s2c"], &fields["first_kex_follows"]),
            (&"x".into(), &true.into())
        );
        assert!(!fields.contains_key("language_c2s"));
    }
}
