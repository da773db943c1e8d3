//! What was acknowledged is there after the process was killed, and only once.

#![cfg(feature = "embedded-nats")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::{self, consumer, kv, stream};
use futures_util::StreamExt as _;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

mod support;

use support::{PATIENCE, Server};

const ROUNDS: u64 = 4;
const WRITERS: u64 = 4;
/// How many publishes of a writer wait for their acknowledgement at a time.
const WINDOW: usize = 32;

/// What was sent, and what the server acknowledged of it.
#[derive(Clone, Default)]
struct Acknowledged {
    messages: Arc<Mutex<BTreeSet<String>>>,
    /// Sent, and the fate not known: stored or not, as a client sees a crash.
    unknown: Arc<Mutex<BTreeSet<String>>>,
    values: Arc<Mutex<BTreeMap<u64, u64>>>,
}

impl Acknowledged {
    fn settle(&self, id: &str) {
        self.unknown.lock().unwrap().remove(id);
        self.messages.lock().unwrap().insert(id.to_owned());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kill_9_loses_no_acknowledged_message() {
    let data = tempfile::tempdir().unwrap();
    let acknowledged = Acknowledged::default();
    for round in 0..ROUNDS {
        let server = Server::with_data(data.path());
        let context = prepare(&server).await;
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(publish(
                context.clone(),
                acknowledged.clone(),
                round,
                writer,
            ));
        }
        writers.spawn(put(context, acknowledged.clone(), round));
        sleep(Duration::from_millis(700 + 350 * round)).await;
        server.crash();
        writers.shutdown().await;
        compare(data.path(), &acknowledged).await;
    }
    let total = acknowledged.messages.lock().unwrap().len();
    assert!(total > 500, "only {total} messages were acknowledged");
}

async fn prepare(server: &Server) -> jetstream::Context {
    let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let config = stream::Config {
        name: "LOG".into(),
        subjects: vec!["log.*".into()],
        ..Default::default()
    };
    context.get_or_create_stream(config).await.unwrap();
    let config = kv::Config {
        bucket: "last".into(),
        ..Default::default()
    };
    if context.get_key_value("last").await.is_err() {
        context.create_key_value(config).await.unwrap();
    }
    context
}

/// Publishes with a window of acknowledgements until the server is gone.
async fn publish(context: jetstream::Context, acknowledged: Acknowledged, round: u64, writer: u64) {
    let mut waiting = JoinSet::new();
    for number in 0u64.. {
        let id = format!("{round}-{writer}-{number}");
        acknowledged.unknown.lock().unwrap().insert(id.clone());
        let Ok(pending) = send(&context, &id).await else {
            return;
        };
        let acknowledged = acknowledged.clone();
        waiting.spawn(async move {
            if pending.await.is_ok() {
                acknowledged.settle(&id);
            }
        });
        if waiting.len() >= WINDOW {
            waiting.join_next().await;
        }
    }
}

/// Publishes a message whose id is its content too.
async fn send(
    context: &jetstream::Context,
    id: &str,
) -> Result<PublishAckFuture, jetstream::context::PublishError> {
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Msg-Id", id);
    let subject = format!("log.{}", id.split('-').nth(1).unwrap());
    let message = context.publish_with_headers(subject, headers, id.to_owned().into());
    message.await
}

/// Overwrites one key, each time with a larger number.
async fn put(context: jetstream::Context, acknowledged: Acknowledged, round: u64) {
    let Ok(bucket) = context.get_key_value("last").await else {
        return;
    };
    for number in 0u64.. {
        let value = format!("{number}");
        if bucket
            .put(format!("round-{round}"), value.into())
            .await
            .is_err()
        {
            return;
        }
        acknowledged.values.lock().unwrap().insert(round, number);
    }
}

/// Sends again what a client could not know to be stored, then reads everything
/// back: the server must still know which ids it has.
async fn compare(data: &Path, acknowledged: &Acknowledged) {
    let server = Server::with_data(data);
    let context = jetstream::new(async_nats::connect(server.url()).await.unwrap());
    let unknown = acknowledged.unknown.lock().unwrap().clone();
    for id in unknown {
        let pending = send(&context, &id).await.unwrap();
        timeout(PATIENCE, pending.into_future())
            .await
            .unwrap()
            .unwrap();
        acknowledged.settle(&id);
    }
    let stream = context.get_stream("LOG").await.unwrap();
    let total = stream.get_info().await.unwrap().state.messages;
    let consumer = stream
        .create_consumer(consumer::pull::OrderedConfig::default())
        .await
        .unwrap();
    let mut messages = consumer.messages().await.unwrap();
    let mut stored = BTreeSet::new();
    for _ in 0..total {
        let message = timeout(PATIENCE, messages.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        let id = String::from_utf8(message.payload.to_vec()).unwrap();
        assert!(stored.insert(id.clone()), "{id} is there twice");
    }
    let wanted = acknowledged.messages.lock().unwrap().clone();
    let lost: Vec<_> = wanted.difference(&stored).collect();
    assert!(
        lost.is_empty(),
        "{} of {} are lost: {lost:?}",
        lost.len(),
        wanted.len()
    );

    let bucket = context.get_key_value("last").await.unwrap();
    let values = acknowledged.values.lock().unwrap().clone();
    for (round, least) in values {
        let value = bucket.get(format!("round-{round}")).await.unwrap().unwrap();
        let value: u64 = std::str::from_utf8(&value).unwrap().parse().unwrap();
        assert!(
            value >= least,
            "round {round}: {value} is there, {least} was acknowledged"
        );
    }
    assert!(server.terminate().success());
}
