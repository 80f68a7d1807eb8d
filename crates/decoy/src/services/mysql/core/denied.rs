//! How those are refused who do not get in.

use sql::mysql::Refusal;

use super::Talk;

/// Accounts Debian makes, all for this machine alone.
const LOCAL: [&str; 3] = ["mariadb.sys", "mysql", "root"];
/// Those among them that only the machine's own user of that name gets in as; `false` stands for this machine.
const OF_THE_MACHINE: [(&str, bool); 2] = [("mysql", false), ("root", false)];

// === impl Talk ===

impl Talk {
    /// MariaDB has whom it does not know fail as one of its accounts would, drawn by the name; of those Debian makes, two
    /// are for this machine's own users and take no password.
    pub(super) fn denied(&self, with: bool) -> Refusal {
        let (user, from) = (&self.user, &self.persona.client_address);
        let cluster = self.cluster.borrow();
        if self.is_mariadb() && cluster.role(user).is_none() {
            let others = cluster.role_names().map(|name| (name, true));
            let mut accounts: Vec<(&str, bool)> = LOCAL.map(|name| (name, false)).into_iter().chain(others).collect();
            accounts.sort_unstable();
            let drawn = accounts[(name_hash(user) % accounts.len() as u64) as usize];
            if OF_THE_MACHINE.contains(&drawn) {
                return Refusal::new(1698, format!("Access denied for user '{user}'@'{from}'"));
            }
        }
        let with = if with { "YES" } else { "NO" };
        Refusal::new(
            1045,
            format!("Access denied for user '{user}'@'{from}' (using password: {with})"),
        )
    }
}

/// The server's hash of words in its Latin 1.
fn name_hash(name: &str) -> u64 {
    let bytes = name.trim_end_matches(' ').bytes().map(|byte| byte.to_ascii_uppercase());
    let (hash, _) = bytes.fold((1u64, 4u64), |(hash, add), byte| {
        let mixed = (hash & 63).wrapping_add(add).wrapping_mul(byte.into());
        (hash ^ mixed.wrapping_add(hash << 8), add + 3)
    });
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MariaDB 10.11 with these four accounts alone says 1698 to the second and third, 1045 to the others.
    #[test]
    fn names_are_drawn_as_mariadb_draws_them() {
        let drawn = ["test", "nobody", "nobody-here", "admin", "Admin "].map(|name| name_hash(name) % 4);
        assert_eq!(drawn, [0, 1, 2, 3, 3]);
    }
}
