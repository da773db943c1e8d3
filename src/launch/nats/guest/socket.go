package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// socketNames are the listeners that a host may open.
var socketNames = []string{"client", "http", "websocket", "leafnode"}

// socket is a listening socket that the host opened.
type socket struct {
	fd   int
	addr netip.AddrPort
}

// parseSockets reads the value of PROV_LISTEN.
func parseSockets(value string) (map[string]socket, error) {
	sockets := map[string]socket{}
	owners := map[int]string{}
	for item := range strings.SplitSeq(value, ",") {
		name, rest, named := strings.Cut(item, "=")
		number, address, placed := strings.Cut(rest, "@")
		if !named || !placed {
			return nil, fmt.Errorf("`%s` is not of the form name=fd@ip:port", item)
		}
		if !slices.Contains(socketNames, name) {
			return nil, fmt.Errorf("`%s` is none of %s", name, strings.Join(socketNames, ", "))
		}
		if _, twice := sockets[name]; twice {
			return nil, fmt.Errorf("`%s` is there twice", name)
		}
		fd, err := parseFD(number)
		if err != nil {
			return nil, fmt.Errorf("`%s`: %w", item, err)
		}
		if owner, taken := owners[fd]; taken {
			return nil, fmt.Errorf("`%s` and `%s` have the same fd %d", owner, name, fd)
		}
		addr, err := netip.ParseAddrPort(address)
		if err != nil || addr.Port() == 0 {
			return nil, fmt.Errorf("`%s`: `%s` is not an ip:port", item, address)
		}
		sockets[name], owners[fd] = socket{fd, addr}, name
	}
	if _, ok := sockets["client"]; !ok {
		return nil, errors.New("there is no client socket")
	}
	return sockets, nil
}

// parseFD reads a descriptor number, which is never that of a standard stream.
func parseFD(number string) (int, error) {
	fd, err := strconv.ParseInt(number, 10, 32)
	if err != nil || fd < 3 {
		return 0, fmt.Errorf("`%s` is not the number of a socket", number)
	}
	return int(fd), nil
}

// openControl returns nil when the host wants no control over the guest.
func openControl(number string) (net.Conn, error) {
	if number == "" {
		return nil, nil
	}
	fd, err := parseFD(number)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(fd), "control")
	defer file.Close()
	return net.FileConn(file)
}

func (s socket) listen() (net.Listener, error) {
	file := os.NewFile(uintptr(s.fd), s.addr.String())
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	return &listener{Listener: l, addr: net.TCPAddrFromAddrPort(s.addr)}, nil
}

// listener knows two things that Go's own does not on wasip1, where it is made
// from a file: its address, and the error that a closed listener owes its users.
type listener struct {
	net.Listener
	addr   *net.TCPAddr
	closed atomic.Bool
}

func (l *listener) Addr() net.Addr { return l.addr }

func (l *listener) Close() error {
	l.closed.Store(true)
	return l.Listener.Close()
}

// Accept waits a moment after an error, because upstream asks again at once
// unless Go calls the error temporary, and would fill the log in no time.
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	switch {
	case err == nil:
		return newConn(c), nil
	case l.closed.Load():
		return nil, net.ErrClosed
	default:
		time.Sleep(100 * time.Millisecond)
		return nil, err
	}
}

// conn is a connection over a real socket. It holds no more than net.Conn, as
// the fast paths of a TCPConn (WriteTo) would go round Read.
type conn struct {
	net.Conn
	local, remote net.Addr
}

func newConn(c net.Conn) conn {
	local, remote := addresses(c)
	return conn{c, local, remote}
}

func (c conn) LocalAddr() net.Addr  { return c.local }
func (c conn) RemoteAddr() net.Addr { return c.remote }

// Read gives way after each read. Go does not preempt on wasm, so a busy
// publisher would keep the writers waiting and their buffers growing.
func (c conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		runtime.Gosched()
	}
	return n, err
}

func (c conn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }
