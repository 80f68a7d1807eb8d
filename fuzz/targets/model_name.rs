//! Names of machines.
#![cfg_attr(feature = "libfuzzer", no_main)]

use model::Name;

fuzz::target!(run);

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for name in [Name::new(text.clone()), Name::normalise(&text)].into_iter().flatten() {
        assert!((1..=Name::MAX).contains(&name.as_str().len()) && name.as_str().is_ascii());
        assert_eq!(Name::normalise(name.as_str()).as_ref(), Ok(&name));
    }
}
