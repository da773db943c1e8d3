//! A server that says exactly what a test wants it to say, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether the connection ended in the body.
    pub(crate) cut_off: bool,
    /// The certificate that the client showed.
    pub(crate) certificate: Option<Vec<u8>>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.as_str())
    }

    /// A value of the query, decoded as far as digests and names need it.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='));
        let (_, value) = pairs.find(|(key, _)| *key == name)?;
        Some(
            value
                .replace("%3A", ":")
                .replace("%2F", "/")
                .replace("%2B", "+"),
        )
    }

    /// `GET /v2/…`, for messages and matches.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Whatever a connection may be told.
type Say = dyn FnOnce(&mut dyn Write) + Send;

/// What is said.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Said instead of all that, byte for byte.
    pub(crate) raw: Option<Box<Say>>,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            raw: None,
        }
    }

    pub(crate) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(header, _)| header != name);
        self
    }

    pub(crate) fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.with("content-type", media_type)
    }

    /// An error document of the distribution specification.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        let body = format!(r#"{{"errors":[{{"code":"{code}","message":"on purpose"}}]}}"#);
        Self::status(status).body("application/json", body)
    }

    pub(crate) fn raw(say: impl FnOnce(&mut dyn Write) + Send + 'static) -> Self {
        Self {
            raw: Some(Box::new(say)),
            ..Self::status(0)
        }
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

pub(crate) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::cutting(|_| None, handler)
    }

    /// Breaks connections off after as many bytes of a body as `cut` says.
    pub(crate) fn cutting(
        cut: impl Fn(&Request) -> Option<u64> + Send + Sync + 'static,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::over(None, cut, handler)
    }

    /// The same by TLS.
    pub(crate) fn tls(
        config: ServerConfig,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::over(Some(Arc::new(config)), |_| None, handler)
    }

    fn over(
        tls: Option<Arc<ServerConfig>>,
        cut: impl Fn(&Request) -> Option<u64> + Send + Sync + 'static,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let handler: Arc<Handler> = Arc::new(handler);
        let cut = Arc::new(cut);
        let (log, end) = (Arc::clone(&asked), Arc::clone(&over));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if end.load(Ordering::SeqCst) {
                    return;
                }
                let (handler, log) = (Arc::clone(&handler), Arc::clone(&log));
                let (cut, tls) = (Arc::clone(&cut), tls.clone());
                thread::spawn(move || {
                    let Ok(mut stream) = stream else { return };
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(20)));
                    let answer = |request: Request, stream: &mut dyn Write| {
                        log.lock().unwrap().push(request.clone());
                        say(stream, &request, handler(&request));
                    };
                    let Some(tls) = tls else {
                        if let Some(request) = read(&mut stream, &*cut) {
                            answer(request, &mut stream);
                        }
                        return;
                    };
                    let connection = ServerConnection::new(tls).unwrap();
                    let mut stream = StreamOwned::new(connection, stream);
                    let request = read(&mut stream, &*cut);
                    if let Some(mut request) = request {
                        let shown = stream.conn.peer_certificates();
                        request.certificate = shown.map(|chain| chain[0].to_vec());
                        answer(request, &mut stream);
                    }
                    stream.conn.send_close_notify();
                    let _ = stream.flush();
                });
            }
        });
        Self {
            address,
            asked,
            over,
        }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// All that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }

    /// How often `line` was asked.
    pub(crate) fn count(&self, line: &str) -> usize {
        self.asked()
            .iter()
            .filter(|each| each.line() == line)
            .count()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

fn read(stream: impl Read, cut: &dyn Fn(&Request) -> Option<u64>) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut request = Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        ..Request::default()
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let pair = (name.to_ascii_lowercase(), value.trim().to_owned());
        request.headers.push(pair);
    }
    let length = request
        .header("content-length")
        .and_then(|text| text.parse().ok());
    match request.header("transfer-encoding") {
        Some("chunked") => read_chunks(&mut reader, &mut request.body)?,
        _ => {
            let length: u64 = length.unwrap_or(0);
            let end = cut(&request).unwrap_or(length);
            // Whether all came or the connection broke, what came is there.
            let _ = reader.take(end).read_to_end(&mut request.body);
            request.cut_off = (request.body.len() as u64) < length;
        }
    }
    Some(request)
}

/// The chunked coding (RFC 9112 §7.1), without trailers.
fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> Option<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = u64::from_str_radix(line.trim_end(), 16).ok()?;
        let seen = reader.by_ref().take(length).read_to_end(body).ok()?;
        reader.read_line(&mut line).ok()?;
        if seen as u64 != length {
            return None;
        }
        if length == 0 {
            return Some(());
        }
    }
}

fn say(stream: &mut dyn Write, request: &Request, reply: Reply) {
    if let Some(raw) = reply.raw {
        raw(stream);
        return;
    }
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    if !reply
        .headers
        .iter()
        .any(|(name, _)| name == "content-length")
    {
        head += &format!("content-length: {}\r\n", reply.body.len());
    }
    head += "\r\n";
    let _ = stream.write_all(head.as_bytes());
    if request.method != "HEAD" {
        let _ = stream.write_all(&reply.body);
    }
}
