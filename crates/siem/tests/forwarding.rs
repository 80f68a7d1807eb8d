//! From the store to a collector that listens, goes away and comes back.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use bus::Bus;
use model::{Event, EventId, Fields, Name, Origin, Report};
use runtime::{Cx, Worker as _};
use rustls_pki_types::PrivateKeyDer;
use siem::{Connector, Error, Forwarder, Link, parse};
use store::Store;
use tempfile::TempDir;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test]
async fn every_event_stored_from_now_on_is_sent_once_and_in_order() {
    let bed = Bed::new().await;
    bed.store.ingest(&[event(1)]).await.unwrap();
    let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut forwarder = bed.forwarder(&format!("tcp://{}", collector.local_addr().unwrap()));
    forwarder.work(&bed.cx).await.unwrap();

    let mut own = event(3);
    own.report.origin = Origin::Internal;
    bed.store.ingest(&[event(2), own, event(4)]).await.unwrap();
    assert_eq!(forwarder.work(&bed.cx).await.unwrap().done, 2);
    bed.store.ingest(&[event(5)]).await.unwrap();
    forwarder.work(&bed.cx).await.unwrap();
    assert_eq!(forwarder.work(&bed.cx).await.unwrap().done, 0);
    let (mut connection, _) = collector.accept().await.unwrap();
    assert_eq!(frames(&mut connection, 3).await, [2, 4, 5]);
}

#[tokio::test]
async fn what_happens_while_the_collector_is_away_is_sent_when_it_is_back() {
    let bed = Bed::new().await;
    let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = collector.local_addr().unwrap();
    let mut forwarder = bed.forwarder(&format!("tcp://{address}"));
    forwarder.work(&bed.cx).await.unwrap();
    bed.store.ingest(&[event(1)]).await.unwrap();
    forwarder.work(&bed.cx).await.unwrap();
    let (mut connection, _) = collector.accept().await.unwrap();
    assert_eq!(frames(&mut connection, 1).await, [1]);

    drop((connection, collector));
    bed.store
        .ingest(&(2..700).map(event).collect::<Vec<_>>())
        .await
        .unwrap();
    assert_eq!(forwarder.work(&bed.cx).await.unwrap().done, 0, "the collector is away");

    // Another process goes on where this one was.
    drop(forwarder);
    let mut forwarder = bed.forwarder(&format!("tcp://{address}"));
    let collector = TcpListener::bind(address).await.unwrap();
    assert_eq!(forwarder.work(&bed.cx).await.unwrap().left, 1);
    assert_eq!(forwarder.work(&bed.cx).await.unwrap().left, 0);
    let (mut connection, _) = collector.accept().await.unwrap();
    assert_eq!(frames(&mut connection, 698).await, (2..700).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_same_forwarder_finds_a_collector_that_came_back() {
    let bed = Bed::new().await;
    let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = collector.local_addr().unwrap();
    let mut forwarder = bed.forwarder(&format!("tcp://{address}"));
    forwarder.work(&bed.cx).await.unwrap();
    drop(collector);
    bed.store.ingest(&[event(1)]).await.unwrap();
    assert_eq!(forwarder.work(&bed.cx).await.unwrap().done, 0);
    let collector = TcpListener::bind(address).await.unwrap();
    let deadline = Instant::now() + SOON;
    while forwarder.work(&bed.cx).await.unwrap().done == 0 {
        assert!(Instant::now() < deadline, "it gave up");
        tokio::task::yield_now().await;
    }
    let (mut connection, _) = collector.accept().await.unwrap();
    assert_eq!(frames(&mut connection, 1).await, [1]);
}

#[tokio::test]
async fn a_datagram_holds_one_message() {
    let bed = Bed::new().await;
    let collector = UdpSocket::bind("[::1]:0").await.unwrap();
    let mut forwarder = bed.forwarder(&format!("udp://[::1]:{}", collector.local_addr().unwrap().port()));
    forwarder.work(&bed.cx).await.unwrap();
    bed.store.ingest(&[event(1), event(2)]).await.unwrap();
    forwarder.work(&bed.cx).await.unwrap();
    for expected in 1..3 {
        let mut datagram = [0; 65_536];
        let length = timeout(SOON, collector.recv(&mut datagram)).await.unwrap().unwrap();
        assert_eq!(seq(&datagram[..length]), expected);
    }
}

#[tokio::test]
async fn over_tls_only_a_collector_with_a_certificate_of_the_given_authority_is_told_anything() {
    let dir = TempDir::new().unwrap();
    let trusted = authority();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, trusted.1.pem()).unwrap();
    for (name, signer, host, told) in [
        ("its own", &trusted, "localhost", true),
        ("another authority's", &authority(), "localhost", false),
        ("another host's", &trusted, "siem.example.org", false),
    ] {
        let collector = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = collector.local_addr().unwrap().port();
        let acceptor = acceptor(signer, host);
        let heard = tokio::spawn(async move {
            let (tcp, _) = collector.accept().await.unwrap();
            let mut tls = acceptor.accept(tcp).await.ok()?;
            Some(frames(&mut tls, 1).await)
        });
        let target = format!("tls://localhost:{port}?ca={}", ca.display());
        let mut link = Link::new(Connector::new(target.parse().unwrap()).unwrap());
        let sent = link.send(&[siem::format::message(&event(7))]).await;
        assert_eq!(sent.is_ok(), told, "{name}: {sent:?}");
        assert_eq!(
            timeout(SOON, heard).await.unwrap().unwrap(),
            told.then(|| vec![7]),
            "{name}"
        );
    }
}

#[test]
fn an_authority_that_cannot_be_read_is_told_before_anything_starts() {
    let dir = TempDir::new().unwrap();
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for path in [empty, dir.path().join("none.pem")] {
        let target = format!("tls://localhost?ca={}", path.display()).parse().unwrap();
        let error = Connector::new(target).err().unwrap();
        assert!(matches!(&error, Error::Authority { .. }), "{error}");
    }
}

struct Bed {
    store: Store,
    cx: Cx,
    _dir: TempDir,
}

impl Bed {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = Store::open(&format!("sqlite://{}/grid.db", dir.path().display()))
            .await
            .unwrap();
        Self {
            store,
            cx: Cx::alone(Bus::in_process(), CancellationToken::new()),
            _dir: dir,
        }
    }

    fn forwarder(&self, target: &str) -> Forwarder {
        Forwarder::new(self.store.clone(), Connector::new(target.parse().unwrap()).unwrap())
    }
}

fn event(n: u64) -> Event {
    Event {
        decky: Name::new("web-01").unwrap(),
        host: "local".into(),
        boot: "0badcafe".into(),
        seq: n,
        report: Report {
            id: EventId(Uuid::from_u128(n.into())),
            at: OffsetDateTime::UNIX_EPOCH,
            service: "ssh".into(),
            kind: "connect".into(),
            src: None,
            dst: None,
            session: None,
            origin: Origin::Peer,
            fields: Fields::new(),
        },
    }
}

/// Numbers of the events in the next frames.
async fn frames(stream: &mut (impl AsyncRead + Unpin), count: usize) -> Vec<u64> {
    let mut heard = Vec::new();
    for _ in 0..count {
        let mut length = 0;
        loop {
            match timeout(SOON, stream.read_u8()).await.unwrap().unwrap() {
                b' ' => break,
                digit => length = length * 10 + usize::from(digit - b'0'),
            }
        }
        let mut message = vec![0; length];
        timeout(SOON, stream.read_exact(&mut message)).await.unwrap().unwrap();
        heard.push(seq(&message));
    }
    heard
}

fn seq(message: &[u8]) -> u64 {
    parse::message(message).unwrap().elements[0]
        .param("seq")
        .unwrap()
        .parse()
        .unwrap()
}

type Authority = (rcgen::Issuer<'static, rcgen::KeyPair>, rcgen::Certificate);

fn authority() -> Authority {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    (rcgen::Issuer::new(params, key), certificate)
}

fn acceptor((issuer, _): &Authority, host: &str) -> TlsAcceptor {
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}
