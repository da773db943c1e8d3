//! Sockets, polling and clocks.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::Command;

use super::*;

const LISTENER: u32 = 1 << 20;

/// Runs a guest with a listener; `client` is given its address meanwhile.
fn serve<T>(wat: &str, mut guest: Guest, client: impl FnOnce(SocketAddr) -> T) -> (u8, T) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert_eq!(guest.listener(listener), LISTENER);
    let wat = wat.to_owned();
    let running = thread::spawn(move || code(&wat, guest));
    let outcome = client(address);
    (running.join().unwrap(), outcome)
}

/// Guests share a layout: 0 a buffer's pointer and length, 16 a result,
/// 64 a subscription, 128 an event, 1024 data.
const CALLS: &str = r#"
    (func $wait (param $tag i32) (param $fd i32)
        (i64.store (i32.const 64) (i64.const 0))
        (i32.store8 (i32.const 72) (local.get $tag))
        (i32.store (i32.const 80) (local.get $fd))
        (call $ok (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 16))))
    (func $sleep (param $ns i64)
        (i32.store8 (i32.const 72) (i32.const 0))
        (i32.store (i32.const 80) (i32.const 1))
        (i64.store (i32.const 88) (local.get $ns))
        (i32.store (i32.const 104) (i32.const 0))
        (call $ok (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 16))))
    (func $accept (result i32)
        (call $wait (i32.const 1) (i32.const 1048576))
        (call $ok (call $sock_accept (i32.const 1048576) (i32.const 4) (i32.const 16)))
        (i32.load (i32.const 16)))
    (func $buffer (param $at i32) (param $length i32)
        (i32.store (i32.const 0) (local.get $at))
        (i32.store (i32.const 4) (local.get $length)))
    (func $read (param $fd i32) (result i32)
        (call $wait (i32.const 1) (local.get $fd))
        (call $ok (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 16)))
        (i32.load (i32.const 16)))
    (func $write (param $fd i32) (result i32)
        (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 16)))
    (func $write_all (param $fd i32) (local $errno i32)
        (block $done (loop $more
            (br_if $done (i32.eqz (i32.load (i32.const 4))))
            (local.set $errno (call $write (local.get $fd)))
            (if (i32.eq (local.get $errno) (i32.const 6))
                (then (call $wait (i32.const 2) (local.get $fd)) (br $more)))
            (call $ok (local.get $errno))
            (call $buffer
                (i32.add (i32.load (i32.const 0)) (i32.load (i32.const 16)))
                (i32.sub (i32.load (i32.const 4)) (i32.load (i32.const 16))))
            (br $more))))
"#;

fn server(body: &str) -> String {
    module(&format!(
        "{CALLS} (func (export \"_start\") (local $fd i32) (local $n i32) {body})"
    ))
}

/// An echo server for many connections that ends when `count` of them have.
/// Connections stand at 4096; 16384 subscriptions; 65536 events.
fn echo(count: u32) -> String {
    module(&format!(
        r#"{CALLS}
        (func $subscribe (param $index i32) (param $fd i32) (param $data i32) (local $at i32)
            (local.set $at (i32.add (i32.const 16384) (i32.mul (local.get $index) (i32.const 48))))
            (i64.store (local.get $at) (i64.extend_i32_u (local.get $data)))
            (i32.store8 offset=8 (local.get $at) (i32.const 1))
            (i32.store offset=16 (local.get $at) (local.get $fd)))
        (func $slot (param $index i32) (result i32)
            (i32.add (i32.const 4096) (i32.mul (local.get $index) (i32.const 4))))
        (func (export "_start")
            (local $known i32) (local $closed i32) (local $i i32) (local $subs i32)
            (local $events i32) (local $data i32) (local $fd i32) (local $n i32)
            (loop $poll
                (call $subscribe (i32.const 0) (i32.const 1048576) (i32.const 0))
                (local.set $subs (i32.const 1))
                (local.set $i (i32.const 0))
                (block $listed (loop $list
                    (br_if $listed (i32.ge_u (local.get $i) (local.get $known)))
                    (local.set $fd (i32.load (call $slot (local.get $i))))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $list (i32.eqz (local.get $fd)))
                    (call $subscribe (local.get $subs) (local.get $fd) (local.get $i))
                    (local.set $subs (i32.add (local.get $subs) (i32.const 1)))
                    (br $list)))
                (call $ok (call $poll_oneoff
                    (i32.const 16384) (i32.const 65536) (local.get $subs) (i32.const 24)))
                (local.set $events (i32.load (i32.const 24)))
                (local.set $i (i32.const 0))
                (loop $event
                    (local.set $data (i32.load
                        (i32.add (i32.const 65536) (i32.mul (local.get $i) (i32.const 32)))))
                    (if (i32.eqz (local.get $data))
                        (then
                            (if (i32.eqz (call $sock_accept (i32.const 1048576) (i32.const 4) (i32.const 16)))
                                (then
                                    (i32.store (call $slot (local.get $known)) (i32.load (i32.const 16)))
                                    (local.set $known (i32.add (local.get $known) (i32.const 1))))))
                        (else
                            (local.set $data (call $slot (i32.sub (local.get $data) (i32.const 1))))
                            (local.set $fd (i32.load (local.get $data)))
                            (call $buffer (i32.const 1024) (i32.const 2048))
                            (local.set $n (call $read (local.get $fd)))
                            (call $buffer (i32.const 1024) (local.get $n))
                            (call $write_all (local.get $fd))
                            (if (i32.eqz (local.get $n))
                                (then
                                    (call $ok (call $fd_close (local.get $fd)))
                                    (i32.store (local.get $data) (i32.const 0))
                                    (local.set $closed (i32.add (local.get $closed) (i32.const 1)))))))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $event (i32.lt_u (local.get $i) (local.get $events))))
                (br_if $poll (i32.lt_u (local.get $closed) (i32.const {count})))))"#
    ))
}

#[test]
fn a_server_answers() {
    let (code, ()) = serve(&echo(1), Guest::new(), |address| {
        let mut client = TcpStream::connect(address).unwrap();
        for text in ["hello", "again"] {
            client.write_all(text.as_bytes()).unwrap();
            let mut answer = [0; 5];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(answer, text.as_bytes());
        }
    });
    assert_eq!(code, 0);
}

#[test]
fn a_megabyte_comes_back_whole() {
    let sent: Vec<u8> = (0..1u32 << 20).map(|i| ((i * 7) >> 3) as u8).collect();
    let (code, back) = serve(&echo(1), Guest::new(), |address| {
        let mut client = TcpStream::connect(address).unwrap();
        let mut writer = client.try_clone().unwrap();
        let data = sent.clone();
        let writing = thread::spawn(move || {
            writer.write_all(&data).unwrap();
            writer.shutdown(Shutdown::Write).unwrap();
        });
        // The server has to wait for room, too.
        thread::sleep(Duration::from_millis(100));
        let mut back = Vec::new();
        client.read_to_end(&mut back).unwrap();
        writing.join().unwrap();
        back
    });
    assert_eq!(code, 0);
    assert!(back == sent, "{} of {} bytes", back.len(), sent.len());
}

#[test]
fn many_connections_are_served() {
    let count = 200;
    let (code, ()) = serve(&echo(count), Guest::new(), |address| {
        let mut clients: Vec<_> = (0..count)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        for (id, client) in clients.iter_mut().enumerate() {
            client.write_all(&id.to_le_bytes()).unwrap();
        }
        for (id, client) in clients.iter_mut().enumerate() {
            let mut answer = [0; 8];
            client.read_exact(&mut answer).unwrap();
            assert_eq!(answer, id.to_le_bytes());
        }
    });
    assert_eq!(code, 0);
}

#[test]
fn what_was_written_arrives_though_the_guest_ends_at_once() {
    // 4000 writes of 10 bytes, gathered; nobody polls after them.
    let writes = r#"(local.set $fd (call $accept))
        (call $buffer (i32.const 1024) (i32.const 10))
        (loop $more
            (call $ok (call $write (local.get $fd)))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $n) (i32.const 4000))))"#;
    for close in ["", "(call $ok (call $fd_close (local.get $fd)))"] {
        let wat = server(&format!("{writes} {close}"));
        let (code, size) = serve(&wat, Guest::new(), |address| {
            let mut data = Vec::new();
            let mut client = TcpStream::connect(address).unwrap();
            client.read_to_end(&mut data).unwrap();
            data.len()
        });
        assert_eq!((code, size), (0, 40_000));
    }
}

#[test]
fn a_closed_socket_lingers_until_a_slow_peer_has_all() {
    // Writes until nothing more is taken, tells how much that was through
    // the control socket, closes, and goes on living for a while.
    let wat = server(
        r#"(local.set $fd (call $accept))
        (call $buffer (i32.const 1024) (i32.const 1000))
        (loop $more
            (if (i32.eqz (call $write (local.get $fd)))
                (then
                    (local.set $n (i32.add (local.get $n) (i32.load (i32.const 16))))
                    (br $more))))
        (call $ok (call $fd_close (local.get $fd)))
        (i32.store (i32.const 1024) (local.get $n))
        (call $buffer (i32.const 1024) (i32.const 4))
        (call $ok (call $write (i32.const 1048577)))
        (call $sleep (i64.const 300000000))"#,
    );
    let (mut host, end) = UnixStream::pair().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut guest = Guest::new();
    guest.listener(listener);
    assert_eq!(guest.control(end), LISTENER + 1);
    let running = thread::spawn(move || code(&wat, guest));
    let mut client = TcpStream::connect(address).unwrap();
    let mut count = [0; 4];
    host.read_exact(&mut count).unwrap();
    thread::sleep(Duration::from_millis(50));
    let mut data = Vec::new();
    client.read_to_end(&mut data).unwrap();
    assert_eq!(data.len(), u32::from_le_bytes(count) as usize);
    assert!(data.len() > 64 << 10);
    assert_eq!(running.join().unwrap(), 0);
}

#[test]
fn each_side_can_close_its_half() {
    let wat = server(
        r#"(local.set $fd (call $accept))
        (call $buffer (i32.const 1024) (i32.const 100))
        (call $ok (call $write (local.get $fd)))
        (call $ok (call $sock_shutdown (local.get $fd) (i32.const 2)))
        (if (i32.ne (call $write (local.get $fd)) (i32.const 64)) (then unreachable))
        (call $exit (call $read (local.get $fd)))"#,
    );
    let (code, data) = serve(&wat, Guest::new(), |address| {
        let mut client = TcpStream::connect(address).unwrap();
        let mut data = Vec::new();
        client.read_to_end(&mut data).unwrap();
        client.write_all(b"bye").unwrap();
        data
    });
    assert_eq!((code, data.len()), (3, 100));
}

/// Drops a connection so that the peer gets a reset.
fn reset(client: TcpStream) {
    rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
}

#[test]
fn a_reset_is_read_as_one() {
    let wat = server(
        r#"(local.set $fd (call $accept))
        (call $buffer (i32.const 1024) (i32.const 100))
        (call $exit (call $read (local.get $fd)))"#,
    );
    let (code, ()) = serve(&wat, Guest::new(), |address| {
        reset(TcpStream::connect(address).unwrap());
    });
    assert_eq!(code, Errno::ConnReset as u8);
}

#[test]
fn a_failure_to_send_is_told_afterwards() {
    // The write is taken; the poll that sends it reports a hang-up; the next
    // write tells why.
    let wat = server(
        r#"(local.set $fd (call $accept))
        (call $buffer (i32.const 1024) (i32.const 100))
        (drop (call $read (local.get $fd)))
        (call $sleep (i64.const 100000000))
        (call $ok (call $write (local.get $fd)))
        (call $wait (i32.const 2) (local.get $fd))
        (if (i32.ne (i32.load8_u (i32.const 152)) (i32.const 1)) (then unreachable))
        (call $exit (call $write (local.get $fd)))"#,
    );
    let (code, ()) = serve(&wat, Guest::new(), |address| {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"x").unwrap();
        thread::sleep(Duration::from_millis(30));
        reset(client);
    });
    let wanted = [Errno::Pipe as u8, Errno::ConnReset as u8];
    assert!(wanted.contains(&code), "{code}");
}

#[test]
fn events_tell_how_much_there_is_and_whether_the_peer_left() {
    let wat = server(
        r#"(local.set $fd (call $accept))
        (call $sleep (i64.const 50000000))
        (call $wait (i32.const 1) (local.get $fd))
        (if (i64.ne (i64.load (i32.const 144)) (i64.const 5)) (then unreachable))
        (if (i32.load16_u (i32.const 152)) (then unreachable))
        (call $buffer (i32.const 1024) (i32.const 100))
        (drop (call $read (local.get $fd)))
        (call $sleep (i64.const 50000000))
        (call $wait (i32.const 1) (local.get $fd))
        (call $exit (i32.load16_u (i32.const 152)))"#,
    );
    let (code, ()) = serve(&wat, Guest::new(), |address| {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"12345").unwrap();
        thread::sleep(Duration::from_millis(75));
    });
    assert_eq!(code, 1);
}

#[test]
fn timers_fire_in_time_and_not_before() {
    // Two subscriptions: a listener that nobody connects to, and a timer.
    let wat = server(
        r#"(i32.store8 (i32.const 512) (i32.const 1))
        (i32.store8 (i32.const 520) (i32.const 1))
        (i32.store (i32.const 528) (i32.const 1048576))
        (i64.store (i32.const 560) (i64.const 77))
        (i32.store (i32.const 576) (i32.const 1))
        (i64.store (i32.const 584) (i64.const 80000000))
        (call $ok (call $poll_oneoff (i32.const 512) (i32.const 128) (i32.const 2) (i32.const 16)))
        (if (i32.ne (i32.load (i32.const 16)) (i32.const 1)) (then unreachable))
        (if (i32.load8_u (i32.const 138)) (then unreachable))
        (call $exit (i32.load (i32.const 128)))"#,
    );
    let start = Instant::now();
    let (code, ()) = serve(&wat, Guest::new(), |_| ());
    assert_eq!(code, 77);
    assert!(start.elapsed() >= Duration::from_millis(80));

    // The same by the two clocks' own time.
    for clock in [0, 1] {
        let wat = server(&format!(
            r#"(call $ok (call $clock_time_get (i32.const {clock}) (i64.const 1) (i32.const 16)))
            (i32.store8 (i32.const 72) (i32.const 0))
            (i32.store (i32.const 80) (i32.const {clock}))
            (i64.store (i32.const 88) (i64.add (i64.load (i32.const 16)) (i64.const 80000000)))
            (i32.store16 (i32.const 104) (i32.const 1))
            (call $ok (call $poll_oneoff (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 16)))"#
        ));
        let start = Instant::now();
        assert_eq!(code_of(&wat), 0);
        let elapsed = start.elapsed();
        assert!(elapsed >= Duration::from_millis(79) && elapsed < Duration::from_secs(5));
    }
}

fn code_of(wat: &str) -> u8 {
    code(wat, Guest::new())
}

#[test]
fn a_blocking_socket_blocks() {
    // Accepted without the flag for non-blocking, and read without polling.
    let wat = server(
        r#"(call $wait (i32.const 1) (i32.const 1048576))
        (call $ok (call $sock_accept (i32.const 1048576) (i32.const 0) (i32.const 16)))
        (local.set $fd (i32.load (i32.const 16)))
        (call $buffer (i32.const 1024) (i32.const 100))
        (call $ok (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 16)))
        (local.set $n (i32.load (i32.const 16)))
        (call $ok (call $fd_fdstat_set_flags (local.get $fd) (i32.const 4)))
        (if (i32.ne (i32.const 6)
                (call $fd_read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 16)))
            (then unreachable))
        (call $exit (local.get $n))"#,
    );
    let (code, ()) = serve(&wat, Guest::new(), |address| {
        let mut client = TcpStream::connect(address).unwrap();
        thread::sleep(Duration::from_millis(100));
        client.write_all(b"1234567").unwrap();
        thread::sleep(Duration::from_millis(100));
    });
    assert_eq!(code, 7);
}

#[test]
fn several_buffers_are_read_and_written_in_order() {
    // Reads into 3 + 100 bytes, writes 2 + the rest; recv looks first.
    let wat = server(
        r#"(local.set $fd (call $accept))
        (call $wait (i32.const 1) (local.get $fd))
        (call $buffer (i32.const 1024) (i32.const 3))
        (i32.store (i32.const 8) (i32.const 2048))
        (i32.store (i32.const 12) (i32.const 100))
        (call $ok (call $sock_recv (local.get $fd) (i32.const 0) (i32.const 2) (i32.const 1)
            (i32.const 16) (i32.const 24)))
        (call $ok (call $sock_recv (local.get $fd) (i32.const 0) (i32.const 2) (i32.const 0)
            (i32.const 16) (i32.const 24)))
        (local.set $n (i32.load (i32.const 16)))
        (i32.store (i32.const 12) (i32.sub (local.get $n) (i32.const 3)))
        (call $ok (call $sock_send (local.get $fd) (i32.const 0) (i32.const 2) (i32.const 0)
            (i32.const 16)))
        (call $exit (i32.load (i32.const 16)))"#,
    );
    let (code, back) = serve(&wat, Guest::new(), |address| {
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"abcdefgh").unwrap();
        let mut back = Vec::new();
        client.read_to_end(&mut back).unwrap();
        back
    });
    assert_eq!((code, back.as_slice()), (8, &b"abcdefgh"[..]));
}

#[test]
fn descriptors_can_be_renumbered() {
    // The second connection takes the first one's place.
    let wat = server(
        r#"(local.set $fd (call $accept))
        (local.set $n (call $accept))
        (call $ok (call $fd_renumber (local.get $n) (local.get $fd)))
        (if (i32.ne (i32.const 8) (call $fd_close (local.get $n))) (then unreachable))
        (if (i32.ne (i32.const 58) (call $fd_renumber (local.get $fd) (i32.const 1)))
            (then unreachable))
        (call $buffer (i32.const 1024) (i32.const 9))
        (call $ok (call $write (local.get $fd)))"#,
    );
    let (code, sizes) = serve(&wat, Guest::new(), |address| {
        let clients = [(); 2].map(|()| TcpStream::connect(address).unwrap());
        clients.map(|mut client| {
            let mut data = Vec::new();
            client.read_to_end(&mut data).unwrap();
            data.len()
        })
    });
    assert_eq!((code, sizes), (0, [0, 9]));
}

#[test]
fn hostile_pointers_are_answered_with_a_fault() {
    let wild = "(i32.const -4)";
    let listener = "(i32.const 1048576)";
    let calls = [
        format!("(call $fd_read {listener} {wild} (i32.const 1) (i32.const 16))"),
        format!("(call $fd_read {listener} (i32.const 0) (i32.const 1) {wild})"),
        format!("(call $fd_write {listener} {wild} (i32.const -1) (i32.const 16))"),
        format!("(call $fd_write {listener} (i32.const 256) (i32.const 1) (i32.const 16))"),
        format!("(call $fd_fdstat_get {listener} {wild})"),
        format!("(call $fd_filestat_get {listener} {wild})"),
        format!("(call $sock_accept {listener} (i32.const 0) {wild})"),
        format!("(call $sock_addr {listener} (i32.const 0) {wild})"),
        format!("(call $sock_connect {wild} (i32.const 16))"),
        format!("(call $sock_resolve {wild} (i32.const -1) (i32.const 16))"),
        format!("(call $clock_time_get (i32.const 0) (i64.const 0) {wild})"),
        format!("(call $poll_oneoff {wild} (i32.const 0) (i32.const 1) (i32.const 16))"),
        format!("(call $poll_oneoff (i32.const 0) {wild} (i32.const 1) (i32.const 16))"),
        "(call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const 200000) (i32.const 16))"
            .to_owned(),
        format!("(call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const 1) {wild})"),
    ];
    for call in calls {
        // At 256 a buffer that starts inside and ends outside.
        let wat = server(&format!(
            r#"(i32.store (i32.const 256) (i32.const 131071))
            (i32.store (i32.const 260) (i32.const 2))
            (call $exit {call})"#
        ));
        let mut guest = Guest::new();
        guest.connect(Connect::Allowed);
        let (code, ()) = serve(&wat, guest, |_| ());
        assert_eq!(code, Errno::Fault as u8, "{call}");
    }
}

#[test]
fn wrong_descriptors_and_arguments_are_answered() {
    for (call, wanted) in [
        ("(call $fd_close (i32.const 1048579))", Errno::BadF),
        ("(call $fd_close (i32.const -1))", Errno::BadF),
        (
            "(call $sock_accept (i32.const 3) (i32.const 0) (i32.const 16))",
            Errno::BadF,
        ),
        (
            "(call $sock_shutdown (i32.const 1048576) (i32.const 0))",
            Errno::Inval,
        ),
        (
            "(call $sock_addr (i32.const 1048576) (i32.const 1) (i32.const 16))",
            Errno::NotConn,
        ),
        ("(call $write (i32.const 1048576))", Errno::NotConn),
        (
            "(call $poll_oneoff (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 16))",
            Errno::Inval,
        ),
        (
            "(call $sock_connect (i32.const 0) (i32.const 32))",
            Errno::Acces,
        ),
        (
            "(call $sock_resolve (i32.const 0) (i32.const 1) (i32.const 32))",
            Errno::Acces,
        ),
    ] {
        let (code, ()) = serve(
            &server(&format!("(call $exit {call})")),
            Guest::new(),
            |_| (),
        );
        assert_eq!(code, wanted as u8, "{call}");
    }
}

#[test]
fn a_guest_that_may_connects() {
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = peer.local_addr().unwrap().port().to_be_bytes();
    let wat = |port: [u8; 2]| {
        module(&format!(
            r#"{CALLS}
            (data (i32.const 512) "\00\00\00\00\00\00\00\00\00\00\ff\ff\7f\00\00\01\{:02x}\{:02x}")
            (data (i32.const 544) "localhost")
            (func (export "_start") (local $fd i32)
                (call $ok (call $sock_resolve (i32.const 544) (i32.const 9) (i32.const 600)))
                (call $ok (call $sock_connect (i32.const 512) (i32.const 16)))
                (local.set $fd (i32.load (i32.const 16)))
                (call $wait (i32.const 2) (local.get $fd))
                (call $ok (call $sock_error (local.get $fd)))
                (call $buffer (i32.const 512) (i32.const 18))
                (call $ok (call $sock_addr (local.get $fd) (i32.const 1) (i32.const 512)))
                (call $ok (call $write (local.get $fd))))"#,
            port[0], port[1]
        ))
    };
    let allowed = || {
        let mut guest = Guest::new();
        guest.connect(Connect::Allowed);
        guest
    };
    let running = {
        let wat = wat(port);
        thread::spawn(move || code(&wat, allowed()))
    };
    let mut seen = Vec::new();
    peer.accept().unwrap().0.read_to_end(&mut seen).unwrap();
    assert_eq!(running.join().unwrap(), 0);
    assert_eq!(seen[10..16], [0xff, 0xff, 127, 0, 0, 1]);
    assert_eq!(seen[16..], port);
    drop(peer);
    assert_eq!(code(&wat(port), allowed()), Errno::ConnRefused as u8);
}

#[test]
fn the_guest_hears_when_its_host_is_gone() {
    let wat = server(
        r#"(call $buffer (i32.const 1024) (i32.const 100))
        (call $exit (call $read (i32.const 1048576)))"#,
    );
    let (mut host, end) = UnixStream::pair().unwrap();
    let mut guest = Guest::new();
    guest.control(end);
    host.write_all(b"q").unwrap();
    assert_eq!(code(&wat, guest), 1);
    let (host, end) = UnixStream::pair().unwrap();
    let mut guest = Guest::new();
    guest.control(end);
    drop(host);
    assert_eq!(code(&wat, guest), 0);
}

/// Descriptors are counted for a whole process, so this runs in one of its
/// own that may have few.
#[test]
fn running_out_of_descriptors_neither_spins_nor_ends_the_server() {
    let program = std::env::current_exe().unwrap();
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""])
        .arg(program)
        .args([
            "--ignored",
            "--exact",
            "launch::tests::network::out_of_descriptors",
        ])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
#[ignore = "run by the test above, with few descriptors"]
fn out_of_descriptors() {
    let (code, ()) = serve(&echo(100), Guest::new(), |address| {
        let mut clients = Vec::new();
        while let Ok(client) = TcpStream::connect(address) {
            clients.push(client);
            thread::sleep(Duration::from_millis(2));
        }
        // Nothing can be accepted now, although connections are waiting.
        let before = processor_time();
        thread::sleep(Duration::from_millis(500));
        assert!(processor_time() - before < Duration::from_millis(100));
        let mut ended = clients.len() / 2;
        clients.truncate(clients.len() - ended);
        for client in &mut clients {
            client.write_all(b"x").unwrap();
            client.read_exact(&mut [0]).unwrap();
        }
        ended += clients.len();
        drop(clients);
        while ended < 100 {
            // The guest may not have closed the last one yet, whose place this needs.
            if let Ok(client) = TcpStream::connect(address) {
                drop(client);
                ended += 1;
            }
            thread::sleep(Duration::from_millis(1));
        }
    });
    assert_eq!(code, 0);
}

fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
