package main

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// An upgrade of nats-server that moves one of these fields fails here first.
func TestUpstreamFields(t *testing.T) {
	var opts server.Options
	for name, err := range map[string]error{
		"dialer":           setField(&opts.LeafNode, "dialer", dial),
		"resolver":         setField(&opts.LeafNode, "resolver", resolver{}),
		"listener":         setField(&server.Server{}, "listener", net.Listener(&net.TCPListener{})),
		"websocket.server": setField(&server.Server{}, "websocket.server", &http.Server{}),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The server must do something with what was put into the field.
func TestListenerIsUpstreams(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &server.Server{}
	if err := setField(s, "listener", l); err != nil {
		t.Fatal(err)
	}
	if s.Addr().String() != l.Addr().String() {
		t.Errorf("got %s, want %s", s.Addr(), l.Addr())
	}
}

func TestFieldRefuses(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{setField(&server.Server{}, "listeners", net.Listener(nil)), "there is no field `Server.listeners` of nats-server v2."},
		{setField(&server.Server{}, "listener.fd", 1), "there is no field `Server.listener.fd`"},
		{setField(&server.Server{}, "websocket.none", 1), "there is no field `Server.websocket.none`"},
		{setField(&server.Server{}, "listener", "text"), "is now a net.Listener and cannot hold a string"},
		{setField(&server.Options{}, "Port", net.Listener(nil)), "is now a int and cannot hold a net.Listener"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("got %v, want %q", c.err, c.want)
		}
	}
}
