//! What keeps machines on a bridge from the host they run on: it answers them, and lets them start nothing.

use crate::error::Error;
use crate::labels::Scope;
use crate::wall::nft;

/// Lets in from `bridge` only what belongs to conversations the host began.
pub(crate) async fn raise(scope: &Scope, bridge: &str) -> Result<(), Error> {
    run(rules(scope, bridge), format!("walling the host off from {bridge}")).await
}

/// Removes the rules of the scope; that there are none is no error.
pub(crate) async fn fell(scope: &Scope) -> Result<(), Error> {
    let table = table(scope);
    run(
        format!("table inet {table}\ndelete table inet {table}\n"),
        "removing the host's rules".to_owned(),
    )
    .await
}

fn rules(scope: &Scope, bridge: &str) -> String {
    let table = table(scope);
    format!(
        "\
table inet {table}
delete table inet {table}
table inet {table} {{
    chain input {{
        type filter hook input priority filter - 5; policy accept;
        iifname \"{bridge}\" ct state established,related accept
        iifname \"{bridge}\" counter drop
    }}
}}
"
    )
}

fn table(scope: &Scope) -> String {
    format!(
        "decnet_{}",
        scope.as_str().replace(|c: char| !c.is_ascii_alphanumeric(), "_")
    )
}

async fn run(rules: String, doing: String) -> Result<(), Error> {
    let ran = tokio::task::spawn_blocking(move || nft(&rules)).await;
    ran.unwrap_or_else(|e| Err(std::io::Error::other(e)))
        .map_err(Error::io(doing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netns;

    #[tokio::test]
    async fn the_kernel_takes_the_rules_twice_and_gives_them_back() {
        let scope = Scope::named("eng-x");
        let rules = rules(&scope, "br-0");
        let left = netns::in_a_new_one(move || {
            nft(&rules)?;
            nft(&rules)?;
            nft("table inet decnet_eng_x\ndelete table inet decnet_eng_x\n")?;
            std::process::Command::new("nft").args(["list", "ruleset"]).output()
        });
        assert!(left.await.unwrap().stdout.is_empty());
    }
}
