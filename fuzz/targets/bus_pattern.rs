//! Subjects made of any text, and patterns that ask for them.
#![cfg_attr(feature = "libfuzzer", no_main)]

use bus::{Pattern, Subject};

fuzz::target!(run);

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    if let Ok(subject) = Subject::event("local", first, "ssh") {
        assert_eq!(subject.tokens().count(), 4);
        assert_eq!(subject.token(2).as_deref(), Some(first));
        assert!(Pattern::from(&subject).matches(&subject));
    }
    if let Ok(pattern) = Pattern::parse(rest) {
        assert_eq!(Pattern::parse(pattern.as_str()), Ok(pattern.clone()));
        for subject in [Subject::decky_state(first), Subject::control(first)]
            .into_iter()
            .flatten()
        {
            let all_named = !rest.contains(['*', '>']);
            assert!(!(pattern.matches(&subject) && all_named && rest != subject.as_str()));
        }
    }
}
