package main

import (
	"net"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestParseSockets(t *testing.T) {
	got, err := parseSockets("client=1048576@127.0.0.1:4222,http=1048577@[::1]:8222")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]socket{
		"client": {1048576, netip.MustParseAddrPort("127.0.0.1:4222")},
		"http":   {1048577, netip.MustParseAddrPort("[::1]:8222")},
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestParseSocketsRefuses(t *testing.T) {
	for value, want := range map[string]string{
		"":                                    "not of the form",
		",":                                   "not of the form",
		"client":                              "not of the form",
		"client=5":                            "not of the form",
		"client@127.0.0.1:4222":               "not of the form",
		"client=5@127.0.0.1:4222,":            "not of the form",
		"mqtt=5@127.0.0.1:1883":               "`mqtt` is none of client, http, websocket, leafnode",
		"=5@127.0.0.1:4222":                   "`` is none of",
		"Client=5@127.0.0.1:4222":             "`Client` is none of",
		"client=@127.0.0.1:4222":              "`` is not the number of a socket",
		"client=x@127.0.0.1:4222":             "`x` is not the number of a socket",
		"client=-1@127.0.0.1:4222":            "`-1` is not the number of a socket",
		"client=2@127.0.0.1:4222":             "`2` is not the number of a socket",
		"client=99999999999999@127.0.0.1:1":   "is not the number of a socket",
		"client=5@localhost:4222":             "`localhost:4222` is not an ip:port",
		"client=5@127.0.0.1":                  "`127.0.0.1` is not an ip:port",
		"client=5@127.0.0.1:0":                "is not an ip:port",
		"client=5@127.0.0.1:65536":            "is not an ip:port",
		"client=5@::1:4222":                   "is not an ip:port",
		"client=5@1.1.1.1:1,client=6@1.1.1.1": "`client` is there twice",
		"client=5@1.1.1.1:1,http=5@1.1.1.1:2": "`client` and `http` have the same fd 5",
		"http=5@127.0.0.1:8222":               "there is no client socket",
	} {
		_, err := parseSockets(value)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", value, err, want)
		}
	}
}

func TestOpenControl(t *testing.T) {
	if c, err := openControl(""); c != nil || err != nil {
		t.Errorf("no control: got %v, %v", c, err)
	}
	for _, number := range []string{"x", "0", "-1", "1000"} {
		if _, err := openControl(number); err == nil {
			t.Errorf("%q was taken", number)
		}
	}
}

func TestListen(t *testing.T) {
	s := openSocket(t)
	l, err := s.listen()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if l.Addr().String() != s.addr.String() {
		t.Errorf("got the address %s, want %s", l.Addr(), s.addr)
	}
	peer, err := net.Dial("tcp", s.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.RemoteAddr().String() != peer.LocalAddr().String() || c.LocalAddr().String() != s.addr.String() {
		t.Errorf("got a connection from %s to %s", c.RemoteAddr(), c.LocalAddr())
	}
	if _, ok := c.(halfCloser); !ok {
		t.Error("the connection cannot be closed by halves")
	}
}

func TestListenRefusesAClosedDescriptor(t *testing.T) {
	if l, err := (socket{fd: 1000}).listen(); err == nil {
		l.Close()
		t.Error("listens on nothing")
	}
}

// openSocket does what a host does: it binds a socket and keeps its number.
func openSocket(t *testing.T) socket {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	file, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	// The guest closes its descriptor itself; this one is a copy of file's.
	return socket{dup(t, file), netip.MustParseAddrPort(l.Addr().String())}
}
