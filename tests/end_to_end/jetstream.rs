//! JetStream: streams, consumers and buckets, and what a restart finds.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, consumer, kv, stream};
use futures_util::StreamExt as _;

use crate::support::Server;
use crate::{connect, soon};

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

/// Upstream syncs folders as well as files, with encryption for each new key file;
/// when that fails, a stream takes no more messages. So this is encrypted and goes
/// on for longer than a sync interval.
#[tokio::test]
async fn publishing_goes_on_while_files_and_folders_are_synced() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("nats.conf");
    fs::write(
        &config,
        "jetstream { sync_interval: \"1s\", key: \"not a secret\", cipher: aes }",
    )
    .unwrap();
    let server = Server::start(&["--ephemeral", "--nats-config", config.to_str().unwrap()]);
    let context = jetstream::new(connect(&server).await);
    let bucket = context
        .create_key_value(kv::Config {
            bucket: "busy".into(),
            ..Default::default()
        })
        .await
        .unwrap();
    let start = Instant::now();
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
async fn encrypted_streams_are_read_again_and_are_no_plain_text() {
    let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = folder.path().join("nats.conf");
    fs::write(&config, "jetstream { key: \"not a secret\", cipher: aes }").unwrap();
    let options = [
        "--data",
        data.path().to_str().unwrap(),
        "--nats-config",
        config.to_str().unwrap(),
    ];
    let server = Server::start(&options);
    let context = jetstream::new(connect(&server).await);
    context
        .create_stream(stream::Config {
            name: "SECRETS".into(),
            subjects: vec!["secrets".into()],
            ..Default::default()
        })
        .await
        .unwrap();
    let word = "abracadabra".repeat(100);
    for _ in 0..100 {
        let acknowledged = context.publish("secrets", word.clone().into());
        soon(acknowledged.await.unwrap().into_future())
            .await
            .unwrap();
    }
    assert!(server.terminate().success());
    assert_eq!(files_with(data.path(), b"abracadabra"), 0);

    let server = Server::start(&options);
    let context = jetstream::new(connect(&server).await);
    let stream = context.get_stream("SECRETS").await.unwrap();
    for sequence in 1..=100 {
        let message = soon(stream.get_raw_message(sequence)).await.unwrap();
        assert_eq!(message.payload, word);
    }
}

/// How many files under `folder` contain `word`; it must not be without files.
fn files_with(folder: &Path, word: &[u8]) -> usize {
    let (mut found, mut seen) = (0, 0);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            seen += 1;
            let bytes = fs::read(path).unwrap();
            found += usize::from(bytes.windows(word.len()).any(|part| part == word));
        }
    }
    assert!(seen > 3, "only {seen} files");
    found
}
