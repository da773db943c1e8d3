package main

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// pair gives both ends of one TCP connection.
func pair(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialed, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dialed.Close(); accepted.Close() })
	return dialed.(*net.TCPConn), accepted.(*net.TCPConn)
}

// relayed gives two ends with a relay between them, and what ends with it.
func relayed(t *testing.T, linger time.Duration) (a, b *net.TCPConn, done <-chan struct{}) {
	a, outer := pair(t)
	inner, b := pair(t)
	ended := make(chan struct{})
	go func() {
		relay(outer, inner, linger)
		close(ended)
	}()
	return a, b, ended
}

func expect(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal(what)
	}
}

func read(t *testing.T, r io.Reader, want string) {
	t.Helper()
	got, err := io.ReadAll(r)
	if err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
}

func TestRelayHalfClose(t *testing.T) {
	a, b, done := relayed(t, time.Minute)
	io.WriteString(a, "question")
	a.CloseWrite()
	read(t, b, "question")
	io.WriteString(b, "answer")
	b.Close()
	read(t, a, "answer")
	expect(t, done, "the relay outlives both ends")
}

func TestRelayReset(t *testing.T) {
	a, b, done := relayed(t, time.Minute)
	a.SetLinger(0)
	a.Close()
	expect(t, done, "the relay outlives a reset")
	read(t, b, "")
}

func TestRelayDoesNotWaitForeverForTheOtherHalf(t *testing.T) {
	a, _, done := relayed(t, 50*time.Millisecond)
	a.CloseWrite()
	expect(t, done, "the relay waits for an end that never closes")
}

func TestRelayAll(t *testing.T) {
	l, err := openSocket(t).listen()
	if err != nil {
		t.Fatal(err)
	}
	far := make(chan *net.TCPConn, 1)
	var answered atomic.Bool
	done := make(chan struct{})
	go func() {
		relayAll(l, func() (net.Conn, error) {
			if !answered.Swap(true) {
				return nil, io.ErrUnexpectedEOF
			}
			inner, b := pair(t)
			far <- b
			return inner, nil
		})
		close(done)
	}()
	for _, want := range []string{"", "hello"} {
		a, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		if want != "" {
			b := <-far
			io.WriteString(b, want)
			b.Close()
		}
		read(t, a, want)
	}
	l.Close()
	expect(t, done, "the relay outlives its listener")
}
