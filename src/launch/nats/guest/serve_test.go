package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// dup copies the descriptor of file, closes file, and returns the copy.
func dup(t *testing.T, file *os.File) int {
	t.Helper()
	defer file.Close()
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	syscall.SetNonblock(fd, true)
	return fd
}

// start runs a server natively and returns its client address, the host's end
// of the control stream, and what serve returns.
func start(t *testing.T) (string, net.Conn, <-chan error) {
	t.Helper()
	s := openSocket(t)
	sockets := map[string]socket{"client": s}
	opts, err := configure([]string{"-js", "-sd", t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := bind(opts, sockets); err != nil {
		t.Fatal(err)
	}
	host, guest := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- serve(opts, sockets, guest) }()
	host.SetDeadline(time.Now().Add(10 * time.Second))
	ready := make([]byte, 1)
	if _, err := io.ReadFull(host, ready); err != nil || ready[0] != 'r' {
		t.Fatalf("got %q, %v instead of a server that is ready", ready, err)
	}
	return s.addr.String(), host, ended
}

func stopped(t *testing.T, ended <-chan error) {
	t.Helper()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the server does not stop")
	}
}

// ping speaks the NATS protocol just far enough to see that a server answers.
func ping(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	lines := bufio.NewReader(c)
	info, err := lines.ReadString('\n')
	if err != nil || !strings.HasPrefix(info, "INFO ") || !strings.Contains(info, `"jetstream":true`) {
		t.Fatalf("got %q, %v instead of INFO", info, err)
	}
	io.WriteString(c, "CONNECT {\"verbose\":false}\r\nPING\r\n")
	if pong, err := lines.ReadString('\n'); err != nil || pong != "PONG\r\n" {
		t.Fatalf("got %q, %v instead of PONG", pong, err)
	}
	return c
}

func TestServe(t *testing.T) {
	for name, stop := range map[string]func(net.Conn){
		"quit":          func(c net.Conn) { c.Write([]byte("q")) },
		"unknown, quit": func(c net.Conn) { c.Write([]byte("?q")) },
		"end of stream": func(c net.Conn) { c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			address, control, ended := start(t)
			ping(t, address)
			stop(control)
			stopped(t, ended)
		})
	}
}

func TestServeLameDuck(t *testing.T) {
	address, control, ended := start(t)
	ping(t, address)
	control.Write([]byte("l"))
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		if err == nil {
			c.Close()
		}
		if time.Now().After(end) {
			t.Fatal("a lame duck still takes clients")
		}
	}
	control.Write([]byte("q"))
	stopped(t, ended)
}

func TestServeRefusesBadOptions(t *testing.T) {
	opts, err := configure([]string{"-js", "-sd", t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	opts.ServerName = "a name"
	var usage usageError
	if err := serve(opts, map[string]socket{"client": openSocket(t)}, nil); !errors.As(err, &usage) {
		t.Fatalf("got %v", err)
	}
}
