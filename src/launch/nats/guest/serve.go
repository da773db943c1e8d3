package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// serve runs the server on the sockets until it is shut down.
func serve(opts *server.Options, sockets map[string]socket, control net.Conn) error {
	listeners := map[string]net.Listener{}
	for name, s := range sockets {
		l, err := s.listen()
		if err != nil {
			return fmt.Errorf("the %s socket: %w", name, err)
		}
		listeners[name] = l
	}
	s, err := newServer(opts, listeners["client"])
	if err != nil {
		return err
	}
	s.Start()
	if err := attach(s, opts, listeners); err != nil {
		return err
	}
	if control != nil {
		// Not before Start has returned: upstream waits forever when a shutdown
		// finds a client listener that nobody has begun to accept on.
		go obey(control, s, listeners["leafnode"])
		go announce(control, s)
	}
	s.WaitForShutdown()
	return nil
}

// newServer makes a server that takes clients from l, and that connects to leaf
// node remotes through the host.
func newServer(opts *server.Options, l net.Listener) (*server.Server, error) {
	err := errors.Join(
		setField(&opts.LeafNode, "dialer", dial),
		setField(&opts.LeafNode, "resolver", resolver{}),
	)
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, usageError{err}
	}
	s.ConfigureLogger()
	s.SetLoggerV2(logger{s.Logger()}, opts.Debug, opts.Trace, opts.TraceVerbose)
	return s, setField(s, "listener", l)
}

// logger is upstream's, except that a fatal error ends as all of ours do.
type logger struct{ server.Logger }

func (logger) Fatalf(format string, args ...any) {
	fail(fmt.Errorf(strings.ToLower(format[:1])+format[1:], args...))
}

// attach connects the listeners that upstream has no place for. What it opened
// itself by the same name and port is a listener of the network that Go
// simulates inside of a wasm process, out of reach from outside.
func attach(s *server.Server, opts *server.Options, listeners map[string]net.Listener) error {
	if l, ok := listeners["http"]; ok {
		go serveHTTP(&http.Server{Handler: s.HTTPHandler(), ReadHeaderTimeout: 5 * time.Second}, l)
	}
	if l, ok := listeners["websocket"]; ok {
		upstream, err := field[*http.Server](s, "websocket.server")
		if err != nil {
			return err
		}
		if config := opts.Websocket.TLSConfig; config != nil {
			l = tls.NewListener(l, config)
		}
		go serveHTTP(upstream.Interface().(*http.Server), l)
	}
	if l, ok := listeners["leafnode"]; ok {
		go relayAll(l, func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) })
	}
	return nil
}

func serveHTTP(s *http.Server, l net.Listener) {
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		fail(fmt.Errorf("the listener %s: %w", l.Addr(), err))
	}
}

// announce tells the host that clients can connect.
func announce(control io.Writer, s *server.Server) {
	const patience = 10 * time.Second
	if s.ReadyForConnections(patience) {
		// A host that is gone ends the server through obey.
		control.Write([]byte{'r'})
	} else if s.Running() {
		fail(fmt.Errorf("the server was not ready for connections after %s", patience))
	}
}

// obey does what the host asks until there is nothing left to ask. Bytes that
// it does not know are for guests to come.
func obey(control io.Reader, s *server.Server, leafnodes net.Listener) {
	order := make([]byte, 1)
	for {
		_, err := io.ReadFull(control, order)
		if err != nil || order[0] == 'q' {
			s.Shutdown()
			return
		}
		if order[0] == 'l' {
			// Upstream closes its own listeners, and this one is not its own.
			if leafnodes != nil {
				leafnodes.Close()
			}
			go s.LameDuckShutdown()
		}
	}
}
