//! Places that messages are to be sent to.
#![cfg_attr(feature = "libfuzzer", no_main)]

use siem::Target;

fuzz::target!(run);

fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(target) = text.parse::<Target>() {
        let again = target.to_string().parse::<Target>();
        assert_eq!(
            again.map(|again| (again.host, again.port)).ok(),
            Some((target.host, target.port))
        );
    }
}
