//! Core NATS: messages of every size, to many clients, past those that are slow.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;

use futures_util::StreamExt as _;

use crate::support::{PATIENCE, Server};
use crate::{connect, settle, soon, until_said};

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

/// The host gathers what the guest writes up to 64 KiB, and passes on whatever
/// is larger.
#[tokio::test]
async fn payloads_of_every_size_arrive_whole() {
    let server = Server::start(&["--ephemeral"]);
    let (client, other) = (connect(&server).await, connect(&server).await);
    let mut subscription = client.subscribe("sizes").await.unwrap();
    settle(&client).await;
    let edge = 64 << 10;
    let sizes = [
        0,
        1,
        511,
        512,
        edge - 1,
        edge,
        edge + 1,
        1 << 20,
        3,
        1 << 20,
    ];
    let payload = |size: usize| -> Vec<u8> { (0..size).map(|at| (at % 251) as u8).collect() };
    for size in sizes {
        other.publish("sizes", payload(size).into()).await.unwrap();
    }
    for size in sizes {
        let message = soon(subscription.next()).await.unwrap();
        assert!(message.payload == payload(size), "{size} bytes were sent");
    }
}

#[tokio::test]
async fn two_hundred_clients_hear_one() {
    let server = Server::start(&["--ephemeral"]);
    let mut clients = Vec::new();
    for _ in 0..200 {
        let client = connect(&server).await;
        let subscription = client.subscribe("all").await.unwrap();
        settle(&client).await;
        clients.push((client, subscription));
    }
    let (client, _) = &clients[0];
    client.publish("all", "x".into()).await.unwrap();
    for (_, subscription) in &mut clients {
        soon(subscription.next()).await.unwrap();
    }
}

#[tokio::test]
async fn a_subscriber_that_never_reads_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("nats.conf");
    fs::write(&config, "max_pending: 1MB\nwrite_deadline: \"1s\"").unwrap();
    let config = config.to_str().unwrap();
    // Upstream tells this without alarm, so it is only shown with -v.
    let server = Server::start(&["-v", "--ephemeral", "--nats-config", config]);
    let mut stuck = TcpStream::connect(server.address("url")).unwrap();
    stuck.set_write_timeout(Some(PATIENCE)).unwrap();
    stuck
        .write_all(b"CONNECT {\"verbose\":false}\r\nSUB flood 1\r\n")
        .unwrap();

    let (client, other) = (connect(&server).await, connect(&server).await);
    let mut subscription = client.subscribe("flood").await.unwrap();
    settle(&client).await;
    // Far more than the buffers of the system hold, in portions that a client
    // with its eyes open keeps up with.
    let portion = 20;
    for _ in 0..100 {
        for _ in 0..portion {
            let payload = vec![b'x'; 16 << 10];
            other.publish("flood", payload.into()).await.unwrap();
        }
        for _ in 0..portion {
            soon(subscription.next()).await.unwrap();
        }
    }
    until_said(&server, "Slow Consumer Detected").await;
    settle(&client).await;
    settle(&other).await;
}
