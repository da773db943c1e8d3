//! The other ways in: monitoring, websockets, leaf nodes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use async_nats::Client;
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::time::timeout;

use crate::support::{PATIENCE, Server};
use crate::{connect, settle, soon, until_said};

#[tokio::test]
async fn monitoring_shows_who_is_really_connected() {
    let server = Server::start(&["--ephemeral", "--monitor", "127.0.0.1:0"]);
    let client = connect(&server).await;
    settle(&client).await;
    let page = |path: &str| -> Value {
        let page = http_get(&server.address("monitor"), path);
        serde_json::from_str(page.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    let connections = page("/connz");
    assert_eq!(connections["num_connections"], 1);
    assert_eq!(connections["connections"][0]["ip"], "127.0.0.1");
    assert!(connections["connections"][0]["port"].as_u64().unwrap() > 1024);
    let server = page("/varz");
    assert!(server["version"].as_str().unwrap().starts_with("2."));
    assert_eq!(server["in_msgs"], 1);
    assert!(server["jetstream"]["config"]["store_dir"].is_string());
}

fn http_get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn websockets_shake_hands() {
    let server = Server::start(&["--ephemeral", "--websocket", "127.0.0.1:0"]);
    let mut stream = TcpStream::connect(server.address("websocket")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The sample handshake of RFC 6455 §1.3.
    let request = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 512];
    while !answer.windows(4).any(|part| part == b"INFO") {
        let count = stream.read(&mut buffer).unwrap();
        assert_ne!(
            count,
            0,
            "closed after {}",
            String::from_utf8_lossy(&answer)
        );
        answer.extend_from_slice(&buffer[..count]);
    }
    let text = String::from_utf8_lossy(&answer);
    assert!(text.contains("101 Switching Protocols"), "{text}");
    assert!(text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{text}");
}

#[tokio::test]
async fn leaf_nodes_join_when_they_may_connect() {
    let hub = Server::start(&["--ephemeral", "--leafnode", "127.0.0.1:0"]);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("leaf.conf");
    let remote = hub.ready["leafnode"].as_str().unwrap();
    fs::write(
        &config,
        format!("leafnodes {{ remotes = [ {{ url: \"{remote}\" }} ] }}"),
    )
    .unwrap();
    let config = config.to_str().unwrap();

    let alone = Server::start(&["--ephemeral", "--nats-config", config]);
    until_said(&alone, "--allow-connect").await;

    let leaf = Server::start(&["--ephemeral", "--nats-config", config, "--allow-connect"]);
    let (here, there) = (connect(&leaf).await, connect(&hub).await);
    crosses(&here, &there, "up").await;
    crosses(&there, &here, "down").await;
    let elsewhere = connect(&alone).await;
    let mut inbox = elsewhere.subscribe("up").await.unwrap();
    settle(&elsewhere).await;
    crosses(&here, &there, "up").await;
    settle(&elsewhere).await;
    let nothing = timeout(Duration::from_millis(100), inbox.next()).await;
    assert!(nothing.is_err(), "one that may not connect heard others");
}

/// A message goes from one server to the other; the interest in it crosses a
/// moment after the two have joined.
async fn crosses(from: &Client, to: &Client, subject: &'static str) {
    let mut inbox = to.subscribe(subject).await.unwrap();
    settle(to).await;
    let crossed = async {
        loop {
            from.publish(subject, "hi".into()).await.unwrap();
            if let Ok(message) = timeout(Duration::from_millis(200), inbox.next()).await {
                return message.unwrap();
            }
        }
    };
    assert_eq!(&*soon(crossed).await.payload, b"hi");
}
