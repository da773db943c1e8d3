package main

import (
	"errors"
	"io"
	"net"
	"time"
)

// linger is how long one half of a relayed connection may outlive the other.
const linger = 30 * time.Second

// halfCloser is a connection of which one direction can end first.
type halfCloser interface {
	net.Conn
	CloseWrite() error
}

// relayAll joins each connection that l accepts with one made by dial, until l
// is closed.
func relayAll(l net.Listener, dial func() (net.Conn, error)) {
	for {
		outer, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // such as too many open files: it passes when others leave
		}
		go func() {
			inner, err := dial()
			if err != nil {
				outer.Close()
				return
			}
			relay(outer.(halfCloser), inner.(halfCloser), linger)
		}()
	}
}

// relay copies both ways until both ways have ended, and closes both ends. When
// one way has ended, the other gets as long as linger: an end that is closed
// looks just like one that is half closed, and nobody may wait for it forever.
func relay(a, b halfCloser, linger time.Duration) {
	done := make(chan struct{})
	go func() {
		copyHalf(a, b, linger)
		close(done)
	}()
	copyHalf(b, a, linger)
	<-done
	a.Close()
	b.Close()
}

// copyHalf copies from src to dst, then passes on that src has ended.
func copyHalf(dst, src halfCloser, linger time.Duration) {
	_, err := io.Copy(dst, src)
	if err == nil {
		err = dst.CloseWrite()
	}
	if err != nil {
		dst.Close()
		src.Close()
		return
	}
	limit := time.Now().Add(linger)
	dst.SetReadDeadline(limit)
	src.SetWriteDeadline(limit)
}
