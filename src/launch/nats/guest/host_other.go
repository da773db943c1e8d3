//go:build !wasip1

// Outside of WASI, Go's own network stands in for the host, so that the tests
// can run the server natively.

package main

import (
	"net"
	"time"
)

const memoryLimit = 0

func addresses(c net.Conn) (local, remote net.Addr) { return c.LocalAddr(), c.RemoteAddr() }

func dial(network, target string, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout(network, target, timeout)
}

// resolver is Go's own: a nil *net.Resolver is the default one.
type resolver struct{ *net.Resolver }
