//! A real NATS client against the real program.

#![cfg(feature = "embedded-nats")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // tests fail by panicking

use std::time::Duration;

use async_nats::Client;
use futures_util::StreamExt as _;
use tokio::time::{sleep, timeout};

mod jetstream;
mod lifecycle;
mod listeners;
mod messages;
mod refusals;
#[path = "../support/mod.rs"]
mod support;

use support::{PATIENCE, Server};

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

/// Waits until the server has said `words`.
async fn until_said(server: &Server, words: &str) {
    let said = async {
        while !server.said().contains(words) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, said)
        .await
        .unwrap_or_else(|_| panic!("`{words}` is not in:\n{}", server.said()));
}
