//! A real NATS client against the real program.

#![cfg(feature = "embedded-nats")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::{self, consumer, kv, stream};
use futures_util::StreamExt as _;
use rustix::process::Signal;
use tokio::time::timeout;

#[path = "../support/mod.rs"]
mod support;

use support::{PATIENCE, Server, prov};

async fn connect(server: &Server) -> Client {
    async_nats::connect(server.url()).await.unwrap()
}

/// Waits until the server has seen all that `client` sent: it answers each
/// client in order, and a flush only reaches the socket.
async fn settle(client: &Client) {
    let inbox = client.new_inbox();
    let mut echo = client.subscribe(inbox.clone()).await.unwrap();
    client.publish(inbox, "".into()).await.unwrap();
    soon(echo.next()).await.unwrap();
}

/// Waits, but not for ever.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("nothing came")
}

#[tokio::test]
async fn messages_reach_subscribers_queues_and_responders() {
    let server = Server::start(&["--ephemeral"]);
    let (client, other) = (connect(&server).await, connect(&server).await);

    let mut all = client.subscribe("news.>").await.unwrap();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Color", "green");
    settle(&client).await;
    other
        .publish_with_headers("news.today", headers, "hello".into())
        .await
        .unwrap();
    let message = soon(all.next()).await.unwrap();
    assert_eq!(
        (&*message.subject, &*message.payload),
        ("news.today", &b"hello"[..])
    );
    assert_eq!(
        message.headers.unwrap().get("Color").unwrap().as_str(),
        "green"
    );

    // Each message of a queue goes to one member.
    let mut first = client
        .queue_subscribe("jobs", "workers".into())
        .await
        .unwrap();
    let mut second = other
        .queue_subscribe("jobs", "workers".into())
        .await
        .unwrap();
    settle(&client).await;
    settle(&other).await;
    for _ in 0..100 {
        client.publish("jobs", "x".into()).await.unwrap();
    }
    let mut seen = 0;
    while seen < 100 {
        tokio::select! {
            Some(_) = first.next() => seen += 1,
            Some(_) = second.next() => seen += 1,
            () = tokio::time::sleep(PATIENCE) => panic!("{seen} of 100 jobs came"),
        }
    }

    let mut questions = other.subscribe("double").await.unwrap();
    settle(&other).await;
    let responder = other.clone();
    tokio::spawn(async move {
        while let Some(question) = questions.next().await {
            let answer = [&question.payload[..], &question.payload[..]].concat();
            responder
                .publish(question.reply.unwrap(), answer.into())
                .await
                .unwrap();
        }
    });
    let answer = soon(client.request("double", "ab".into())).await.unwrap();
    assert_eq!(&*answer.payload, b"abab");
    assert!(server.terminate().success());
}

#[tokio::test]
async fn a_megabyte_and_two_hundred_clients() {
    let server = Server::start(&["--ephemeral"]);
    let client = connect(&server).await;
    let mut subscription = client.subscribe("big").await.unwrap();
    settle(&client).await;
    let payload = vec![7u8; 1 << 20];
    client.publish("big", payload.clone().into()).await.unwrap();
    assert_eq!(soon(subscription.next()).await.unwrap().payload, payload);

    let mut clients = Vec::new();
    for _ in 0..200 {
        let client = connect(&server).await;
        let subscription = client.subscribe("all").await.unwrap();
        settle(&client).await;
        clients.push((client, subscription));
    }
    client.publish("all", "x".into()).await.unwrap();
    for (_, subscription) in &mut clients {
        soon(subscription.next()).await.unwrap();
    }
}

#[tokio::test]
async fn streams_and_buckets_are_there_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let server = Server::with_data(data.path());
    let context = jetstream::new(connect(&server).await);
    let stream = context
        .create_stream(stream::Config {
            name: "ORDERS".into(),
            subjects: vec!["orders.>".into()],
            ..Default::default()
        })
        .await
        .unwrap();
    for number in 0..100 {
        let acknowledged = context.publish("orders.new", format!("{number}").into());
        soon(acknowledged.await.unwrap().into_future())
            .await
            .unwrap();
    }
    let consumer = durable(&stream).await;
    for message in take(&consumer, 40).await {
        message.ack().await.unwrap();
    }
    let bucket = context
        .create_key_value(kv::Config {
            bucket: "settings".into(),
            history: 3,
            ..Default::default()
        })
        .await
        .unwrap();
    let mut changes = bucket.watch("color").await.unwrap();
    bucket.put("color", "red".into()).await.unwrap();
    bucket.put("color", "green".into()).await.unwrap();
    bucket.put("gone", "x".into()).await.unwrap();
    bucket.delete("gone").await.unwrap();
    assert_eq!(&*soon(changes.next()).await.unwrap().unwrap().value, b"red");
    assert_eq!(
        &*soon(changes.next()).await.unwrap().unwrap().value,
        b"green"
    );
    // Acknowledgements of a consumer are not themselves acknowledged.
    context
        .publish("orders.last", "".into())
        .await
        .unwrap()
        .await
        .unwrap();
    assert!(server.terminate().success());

    let server = Server::with_data(data.path());
    let context = jetstream::new(connect(&server).await);
    let stream = context.get_stream("ORDERS").await.unwrap();
    assert_eq!(stream.get_info().await.unwrap().state.messages, 101);
    let consumer = durable(&stream).await;
    let rest = take(&consumer, 61).await;
    assert_eq!(&*rest[0].payload, b"40");
    let bucket = context.get_key_value("settings").await.unwrap();
    assert_eq!(bucket.get("color").await.unwrap().unwrap(), "green");
    assert_eq!(bucket.get("gone").await.unwrap(), None);
}

async fn durable(stream: &stream::Stream) -> consumer::PullConsumer {
    let config = consumer::pull::Config {
        durable_name: Some("billing".into()),
        ..Default::default()
    };
    stream
        .get_or_create_consumer("billing", config)
        .await
        .unwrap()
}

async fn take(consumer: &consumer::PullConsumer, count: usize) -> Vec<jetstream::Message> {
    let batch = consumer
        .fetch()
        .max_messages(count)
        .messages()
        .await
        .unwrap();
    soon(batch.map(Result::unwrap).collect()).await
}

/// Upstream syncs folders as well as files; when that fails, a stream takes no
/// more messages, so this goes on for longer than a sync interval.
#[tokio::test]
async fn publishing_goes_on_while_files_and_folders_are_synced() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("nats.conf");
    fs::write(&config, "jetstream { sync_interval: \"1s\" }").unwrap();
    let server = Server::start(&["--ephemeral", "--nats-config", config.to_str().unwrap()]);
    let context = jetstream::new(connect(&server).await);
    let bucket = context
        .create_key_value(kv::Config {
            bucket: "busy".into(),
            ..Default::default()
        })
        .await
        .unwrap();
    let start = std::time::Instant::now();
    let mut puts = 0u32;
    while start.elapsed() < Duration::from_secs(5) {
        // Several blocks, most of their content soon out of date: they are compacted.
        let value = vec![b'x'; 64 << 10];
        soon(bucket.put(format!("k{}", puts % 3), value.into()))
            .await
            .unwrap();
        puts += 1;
    }
    assert!(puts > 100, "only {puts} puts");
    assert!(!server.said().contains("ritical"), "{}", server.said());
}

#[tokio::test]
async fn monitoring_shows_who_is_really_connected() {
    let server = Server::start(&["--ephemeral", "--monitor", "127.0.0.1:0"]);
    let _client = connect(&server).await;
    let page = http_get(&server.address("monitor"), "/connz");
    let body = page.split_once("\r\n\r\n").unwrap().1;
    let connections: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(connections["num_connections"], 1);
    assert_eq!(connections["connections"][0]["ip"], "127.0.0.1");
    assert!(connections["connections"][0]["port"].as_u64().unwrap() > 1024);
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
    let said = async {
        while !alone.said().contains("--allow-connect") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    soon(said).await;

    let leaf = Server::start(&["--ephemeral", "--nats-config", config, "--allow-connect"]);
    let (here, there) = (connect(&leaf).await, connect(&hub).await);
    let mut inbox = there.subscribe("from.leaf").await.unwrap();
    settle(&there).await;
    // The interest crosses a moment after the leaf has joined.
    let crossed = async {
        loop {
            here.publish("from.leaf", "hi".into()).await.unwrap();
            if let Ok(Some(message)) = timeout(Duration::from_millis(200), inbox.next()).await {
                return message;
            }
        }
    };
    assert_eq!(&*soon(crossed).await.payload, b"hi");
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    let mut server = Server::start(&["--ephemeral"]);
    // Lame or not, nothing may hold up the second one.
    server.signal(Signal::INT);
    server.signal(Signal::INT);
    let code = server.wait().code();
    assert!(code == Some(130) || code == Some(0), "{code:?}");
    assert!(server.said().contains("shutting down"), "{}", server.said());
}

#[cfg(target_os = "linux")]
#[test]
fn an_idle_server_uses_no_cpu() {
    let server = Server::start(&["--ephemeral"]);
    std::thread::sleep(Duration::from_millis(500));
    let before = server.cpu_ticks();
    std::thread::sleep(Duration::from_secs(3));
    // A tick is 10 ms; a busy loop would use 300 of them.
    assert!(server.cpu_ticks() - before <= 3);
}

/// `prov dev` that must fail before it serves.
fn refused(arguments: &[&str]) -> (i32, String) {
    let Output {
        status,
        stderr,
        stdout,
    } = prov().arg("dev").args(arguments).output().unwrap();
    assert!(stdout.is_empty());
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn what_is_in_the_way_is_told_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, said) = refused(&["--ephemeral", "--listen", &address]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains(&format!("cannot listen on {address}")),
        "{said}"
    );
    assert!(
        said.contains("hint: `prov dev --listen 127.0.0.1:0`"),
        "{said}"
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (code, said) = refused(&["--listen", "0", "--data", file.to_str().unwrap()]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("cannot use the data directory"), "{said}");
    assert!(said.contains("hint:"), "{said}");

    let server = Server::with_data(folder.path());
    let (code, said) = refused(&["--listen", "0", "--data", folder.path().to_str().unwrap()]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("another server uses"), "{said}");
    drop(server);

    let config = folder.path().join("nats.conf");
    fs::write(&config, "port: 4333").unwrap();
    let config = config.to_str().unwrap();
    let (code, said) = refused(&["--listen", "0", "--ephemeral", "--nats-config", config]);
    assert_eq!(code, 2, "{said}");
    assert!(
        said.contains("4333") && said.contains("hint: prov dev --listen"),
        "{said}"
    );
}

#[test]
fn only_the_attested_module_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |arguments: &[&str]| {
        let output = prov().args(arguments).output().unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    // Not the NATS server: what is refused here never gets so far as to run.
    fs::write(path("mine.wasm"), wat::parse_str("(module)").unwrap()).unwrap();
    fs::write(
        path("other.wasm"),
        wat::parse_str("(module (memory 1))").unwrap(),
    )
    .unwrap();
    run(&["key", "generate", "--output", &path("mine.key")]);
    run(&["key", "generate", "--output", &path("other.key")]);
    for name in ["mine.wasm", "other.wasm"] {
        run(&["attest", &path(name), "--key", &path("mine.key")]);
    }
    let (mine, key) = (path("mine.wasm"), path("mine.pub"));
    let bundle = path("mine.wasm.sigstore.jsonl");
    let other_bundle = path("other.wasm.sigstore.jsonl");
    let other_key = path("other.pub");

    // Without trust in the key, with another key, with another's bundle.
    for (options, wanted) in [
        (vec!["--bundle", &bundle], "not by a trusted key"),
        (
            vec![
                "--bundle",
                &bundle,
                "--key",
                &other_key,
                "--insecure-ignore-tlog",
            ],
            "not by a trusted key",
        ),
        (
            vec!["--bundle", &bundle, "--key", &key],
            "no transparency log",
        ),
        (
            vec![
                "--bundle",
                &other_bundle,
                "--key",
                &key,
                "--insecure-ignore-tlog",
            ],
            "another artifact",
        ),
    ] {
        let mut arguments = vec!["--listen", "0", "--ephemeral", "--module", &mine];
        arguments.extend(options);
        let (code, said) = refused(&arguments);
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("refused") && said.contains(wanted), "{said}");
    }
    // The embedded module with evidence about something else.
    let (code, said) = refused(&["--bundle", &bundle, "--key", &key, "--insecure-ignore-tlog"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("another artifact"), "{said}");
    // A damaged bundle can't say anything.
    fs::write(path("damaged"), &fs::read(&bundle).unwrap()[..100]).unwrap();
    let damaged = path("damaged");
    let (code, said) = refused(&["--module", &mine, "--bundle", &damaged]);
    assert_eq!(code, 2, "{said}");
    // A damaged module is another artifact.
    fs::write(&mine, b"\0asm\x01\0\0\0\0").unwrap();
    let (code, said) = refused(&["--module", &mine, "--key", &key, "--insecure-ignore-tlog"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("another artifact"), "{said}");
}
