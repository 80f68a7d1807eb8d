//! The products our decoys claim to be, from Debian's own packages, in containers beside the grid.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::grid::{PASSWORD, ROOT_PASSWORD, USER};
use crate::probe::Subject;
use crate::tools;

/// Another name whenever the packages are others.
const IMAGE: &str = "e2e-genuine:3";
const PACKAGES: &str = "openssh-server nginx apache2 vsftpd redis-server busybox-static ssl-cert \
    postfix dovecot-imapd dovecot-pop3d mariadb-server";

/// nginx, sshd, vsftpd, redis and telnetd with Debian's configuration; what differs from it is in the script below.
pub fn with_nginx() -> Result<Subject> {
    start("e2e-genuine-nginx", "10.201.0.21", "nginx", SETUP)
}

pub fn with_apache() -> Result<Subject> {
    start("e2e-genuine-apache", "10.201.0.22", "apache", SETUP)
}

/// Postfix, and Dovecot with mailboxes in folders; Postfix has its logins from it.
pub fn with_mail() -> Result<Subject> {
    start("e2e-genuine-mail", "10.201.0.23", "mail", MAIL)
}

/// MariaDB, with root let in from anywhere.
pub fn with_data() -> Result<Subject> {
    start("e2e-genuine-data", "10.201.0.24", "data", DATA)
}

/// A Docker engine with nothing in it, beside the one the grid runs on. It ends when this is dropped.
pub struct Engine {
    child: Child,
    pub subject: Subject,
}

/// On a loopback address, where no decky can reach it.
const ENGINE: &str = "127.0.0.2";

pub fn docker() -> Result<Engine> {
    let folder = crate::grid::root().join("target/e2e/engine");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder)?;
    let log = std::fs::File::create(folder.join("log"))?;
    let mut command = Command::new("dockerd");
    for (option, name) in [("--data-root", "data"), ("--exec-root", "exec"), ("--pidfile", "pid")] {
        command.arg(option).arg(folder.join(name));
    }
    command.args(["--host", &format!("tcp://{ENGINE}:2375"), "--bridge=none"]);
    command.args(["--iptables=false", "--ip-forward=false", "--ip-masq=false"]);
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    let engine = Engine {
        child: command.spawn().context("dockerd")?,
        subject: Subject {
            host: ENGINE.into(),
            user: USER.into(),
            password: PASSWORD.into(),
            hostname: "app-engine".into(),
        },
    };
    tools::until("the genuine engine", Duration::from_secs(30), || {
        let asked = tools::sh(&format!("curl -sf http://{ENGINE}:2375/_ping"))?;
        Ok((asked.code == 0).then_some(()))
    })?;
    Ok(engine)
}

impl Drop for Engine {
    fn drop(&mut self) {
        // So that it ends what it started, too.
        let _ = tools::sh(&format!("kill {}", self.child.id()));
        let _ = self.child.wait();
    }
}

fn start(name: &str, ip: &str, role: &str, setup: &str) -> Result<Subject> {
    image()?;
    tools::must(&format!("docker rm -f {name} >/dev/null 2>&1 || true"))?;
    tools::must(&format!(
        "docker run -d --sysctl net.ipv6.conf.all.disable_ipv6=0 --name {name} --hostname app-{role} --network decnet_lan --ip {ip} {IMAGE} sleep infinity"
    ))?;
    let setup = setup
        .replace("@user@", USER)
        .replace("@password@", PASSWORD)
        .replace("@root@", ROOT_PASSWORD)
        .replace("@web@", role);
    tools::must(&format!("docker exec -i {name} bash -e <<'SETUP'\n{setup}\nSETUP"))?;
    Ok(Subject {
        host: ip.into(),
        user: USER.into(),
        password: PASSWORD.into(),
        hostname: format!("app-{role}"),
    })
}

/// Made once from the image the deckies run on, so that both have the same userland: its reference.
pub fn image() -> Result<&'static str> {
    if tools::sh(&format!("docker image inspect {IMAGE}"))?.code == 0 {
        return Ok(IMAGE);
    }
    let base = tools::must("docker images -q decnet/base-debian")?;
    let base = base.lines().next().unwrap_or_default().to_owned();
    tools::must(&format!(
        "docker rm -f e2e-genuine-build >/dev/null 2>&1; \
         docker run --name e2e-genuine-build --network host {base} bash -ec \
         'apt-get update -qq; DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends {PACKAGES}' >&2 && \
         docker commit --change 'LABEL decnet.managed=no decnet.scope=e2e' e2e-genuine-build {IMAGE} && docker rm e2e-genuine-build"
    ))?;
    Ok(IMAGE)
}

const SETUP: &str = r#"
# The second account, as on the decky, made as Debian's adduser makes them.
useradd -m -u 1001 -s /bin/bash @user@
chmod 700 /home/@user@
printf '%s\n' '@user@:@password@' 'root:@root@' | chpasswd
printf 'PermitRootLogin yes\n' > /etc/ssh/sshd_config.d/root.conf
mkdir -p /run/sshd && /usr/sbin/sshd
sed -i 's/^#write_enable=YES/write_enable=YES/' /etc/vsftpd.conf
mkdir -p /var/run/vsftpd/empty; (vsftpd /etc/vsftpd.conf &) >/dev/null 2>&1
sed -i 's/^bind .*/bind 0.0.0.0/; s/^protected-mode yes/protected-mode no/' /etc/redis/redis.conf
mkdir -p /run/redis && chown redis: /run/redis
printf '%s\n' 'enable-protected-configs yes' 'enable-debug-command yes' 'enable-module-command yes' >> /etc/redis/redis.conf
setpriv --reuid=redis --regid=redis --init-groups redis-server /etc/redis/redis.conf --daemonize yes >/dev/null
# As those do who give no version away; nmap knows the product by it.
: > /etc/issue.net
(busybox telnetd -F -p 23 &) >/dev/null 2>&1
make-ssl-cert generate-default-snakeoil --force-overwrite
if [ @web@ = nginx ]; then
  cat > /etc/nginx/sites-available/tls <<'SITE'
server {
	listen 443 ssl default_server;
	ssl_certificate /etc/ssl/certs/ssl-cert-snakeoil.pem;
	ssl_certificate_key /etc/ssl/private/ssl-cert-snakeoil.key;
	root /var/www/html;
	index index.html index.htm index.nginx-debian.html;
	server_name _;
	location / { try_files $uri $uri/ =404; }
}
SITE
  ln -sf ../sites-available/tls /etc/nginx/sites-enabled/tls
  rm -f /var/www/html/index.html
  nginx
else
  rm -f /var/www/html/index.nginx-debian.html
  a2enmod -q ssl; a2ensite -q default-ssl; apachectl start 2>/dev/null
fi
"#;

const MAIL: &str = r#"
useradd -m -u 1001 -s /bin/bash @user@
printf '%s\n' '@user@:@password@' 'root:@root@' | chpasswd
make-ssl-cert generate-default-snakeoil --force-overwrite
ln -sf /etc/ssl/certs/ssl-cert-snakeoil.pem /etc/dovecot/private/dovecot.pem
ln -sf /etc/ssl/private/ssl-cert-snakeoil.key /etc/dovecot/private/dovecot.key
cat > /etc/dovecot/conf.d/99-local.conf <<'CONF'
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:/var/mail/%u
# Who comes again and again is not made to wait ever longer.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service auth {
  unix_listener /var/spool/postfix/private/auth {
    mode = 0660
    user = postfix
    group = postfix
  }
}
CONF
dovecot >/dev/null 2>&1
postconf -e 'myhostname = app-mail' 'mydestination = $myhostname, localhost' 'inet_protocols = ipv4' 'maillog_file = /var/log/mail.log' \
  'smtpd_sasl_type = dovecot' 'smtpd_sasl_path = private/auth' 'smtpd_sasl_auth_enable = yes' 'mail_spool_directory = /var/mail/'
for service in submission submissions; do
  postconf -M $service/inet="$service inet n - y - - smtpd"
  postconf -P $service/inet/smtpd_recipient_restrictions= $service/inet/smtpd_relay_restrictions=permit_sasl_authenticated,reject
done
postconf -P submission/inet/smtpd_tls_security_level=encrypt submission/inet/smtpd_tls_auth_only=yes submissions/inet/smtpd_tls_wrappermode=yes
newaliases
mkdir -m 700 /var/mail/@user@ && chown @user@: /var/mail/@user@
postfix start >/dev/null 2>&1
"#;

const DATA: &str = r#"
useradd -m -u 1001 -s /bin/bash @user@
printf '%s\n' '@user@:@password@' 'root:@root@' | chpasswd
sed -i 's/^bind-address .*/bind-address = 0.0.0.0/' /etc/mysql/mariadb.conf.d/50-server.cnf
printf '[mysqld]\nskip-name-resolve\n' > /etc/mysql/mariadb.conf.d/99-local.cnf
mkdir -p /run/mysqld && chown mysql: /run/mysqld
(mariadbd --user=mysql &) >/dev/null 2>&1
for _ in $(seq 100); do mariadb-admin ping >/dev/null 2>&1 && break; sleep 0.1; done
mariadb -e "CREATE USER root@'%' IDENTIFIED BY '@password@'; GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION"
"#;
