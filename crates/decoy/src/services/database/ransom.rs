//! Notes of those who take a database away and ask money for it.

/// Words of names under which such notes are left.
const NAMES: [&str; 14] = [
    "readme",
    "read_me",
    "read-me",
    "readit",
    "read_it",
    "warning",
    "ransom",
    "recover",
    "how_to",
    "howto",
    "hacked",
    "pwned",
    "please_read",
    "restore_data",
];
/// What they ask for, and what they say of the data.
const MONEY: [&str; 7] = ["bitcoin", "btc", "monero", "xmr", "usdt", "pay ", "payment"];
const DATA: [&str; 9] = [
    "your data",
    "your database",
    "databases",
    "backup",
    "backed up",
    "recover",
    "restore",
    "leak",
    "deleted",
];
/// Bytes of a text that are looked at.
const LOOKED_AT: usize = 64 << 10;

/// Whether what is written under a name is such a note. The name is of a collection, a table, an index or a database.
pub(in crate::services) fn is_note(name: &str, text: &str) -> bool {
    let text = &text[..text.floor_char_boundary(LOOKED_AT)];
    let (name, text) = (name.to_lowercase(), text.to_lowercase());
    let any = |words: &[&str], text: &str| words.iter().any(|word| text.contains(word));
    any(&NAMES, &name) && !text.is_empty() || any(&MONEY, &text) && any(&DATA, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_known_by_its_name_or_by_what_it_asks() {
        assert!(is_note("READ_ME_TO_RECOVER_YOUR_DATA", "{}"));
        assert!(is_note("notes", "All your data is backed up. Send 0.01 BTC to 1abc"));
        assert!(!is_note("orders", r#"{"status":"paid","payment":"card"}"#));
        assert!(!is_note("readme", ""));
    }
}
