package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"
)

// endpoint ties a listener of the server to the socket that serves it and to
// the flag of prov that opens this socket.
type endpoint struct {
	socket, option, flag string
	host                 *string
	port                 *int
}

func endpoints(o *server.Options) []endpoint {
	return []endpoint{
		{"client", "client", "--listen", &o.Host, &o.Port},
		{"http", "monitoring", "--monitor", &o.HTTPHost, &o.HTTPPort},
		{"websocket", "websocket", "--websocket", &o.Websocket.Host, &o.Websocket.Port},
		{"leafnode", "leafnode", "--leafnode", &o.LeafNode.Host, &o.LeafNode.Port},
	}
}

// bind makes the options agree with the sockets, or says what is in the way.
func bind(o *server.Options, sockets map[string]socket) error {
	if err := supported(o); err != nil {
		return err
	}
	for _, e := range endpoints(o) {
		s, opened := sockets[e.socket]
		if err := e.check(s, opened); err != nil {
			return err
		}
		if opened {
			*e.host, *e.port = s.addr.Addr().String(), int(s.addr.Port())
		}
	}
	if _, opened := sockets["websocket"]; opened {
		// Upstream wants plain websockets to be asked for; opening the socket did.
		o.Websocket.NoTLS = o.Websocket.TLSConfig == nil
	}
	o.NoSigs = true
	keepOnReload(o)
	return nil
}

// keepOnReload makes a reload of the configuration see the client and the
// monitoring socket as if they had been named by arguments, which win over the
// file: the sockets cannot move, so that a file without them changes nothing.
func keepOnReload(o *server.Options) {
	if flags := server.FlagSnapshot; flags != nil {
		flags.Host, flags.Port, flags.HTTPPort = o.Host, o.Port, o.HTTPPort
	}
}

// check compares what the configuration asks for with the socket.
func (e endpoint) check(s socket, opened bool) error {
	host, port := *e.host, *e.port
	var have, place string
	switch {
	case opened && hostMatches(host, s.addr.Addr()) && portMatches(port, s.addr.Port()):
		return nil
	case opened:
		have = fmt.Sprintf("the socket that was opened is %s", s.addr)
		place = s.addr.Addr().String()
		if port == 0 {
			port = int(s.addr.Port())
		}
	case port == 0:
		return nil
	default:
		have, place = "no socket was opened for it", "127.0.0.1"
	}
	if host != "" {
		place = host
	}
	return refusal{
		asked: fmt.Sprintf("the %s %s", e.option, asked(host, *e.port)),
		why:   have,
		hint:  "prov dev " + e.flag + " " + net.JoinHostPort(place, strconv.Itoa(max(port, 0))),
	}
}

// asked puts in words only what the configuration has set.
func asked(host string, port int) string {
	number := strconv.Itoa(port)
	switch {
	case port == 0:
		return "host " + host
	case host != "":
		return "address " + net.JoinHostPort(host, number)
	default:
		return "port " + number
	}
}

func hostMatches(host string, ip netip.Addr) bool {
	if host == "" || host == "localhost" && ip.IsLoopback() {
		return true
	}
	wanted, err := netip.ParseAddr(host)
	return err == nil && wanted.Unmap() == ip.Unmap()
}

// portMatches takes any port for a random one (-1).
func portMatches(wanted int, port uint16) bool {
	return wanted == 0 || wanted == server.RANDOM_PORT || wanted == int(port)
}

// supported refuses what has no socket to run on and no host call to replace it.
func supported(o *server.Options) error {
	const only = "the embedded server does not support it"
	remove := func(option string) string { return "remove `" + option + "` from the configuration" }
	cluster := o.Cluster.ListenStr
	switch {
	case cluster != "":
	case o.Cluster.Port != 0:
		cluster = net.JoinHostPort(o.Cluster.Host, strconv.Itoa(o.Cluster.Port))
	case len(o.Routes) > 0:
		cluster = o.Routes[0].Redacted()
	}
	gateway := o.Gateway.Name
	if gateway == "" && o.Gateway.Port != 0 {
		gateway = strconv.Itoa(o.Gateway.Port)
	}
	switch {
	case o.HTTPSPort != 0:
		return refusal{fmt.Sprintf("the https monitoring port %d", o.HTTPSPort), only, "prov dev --monitor 127.0.0.1:8222"}
	case cluster != "":
		return refusal{"the cluster " + cluster, only, remove("cluster")}
	case gateway != "":
		return refusal{"the gateway " + gateway, only, remove("gateway")}
	case o.MQTT.Port != 0:
		return refusal{fmt.Sprintf("the mqtt port %d", o.MQTT.Port), only, remove("mqtt")}
	case o.ProfPort != 0:
		return refusal{fmt.Sprintf("the profiling port %d", o.ProfPort), only, remove("prof_port")}
	case o.LogFile != "":
		return refusal{"the log file " + o.LogFile, only, "remove `log_file`; the log goes to stderr"}
	case o.Syslog || o.RemoteSyslog != "":
		return refusal{"syslog", only, "remove `syslog`; the log goes to stderr"}
	case o.SyncAlways:
		// It opens files with O_SYNC and syncs folders, which WASI hosts refuse.
		return refusal{"the sync interval always", only, "set `sync_interval: 1s`"}
	}
	return nil
}

// refusal is something in the configuration that this server cannot do.
type refusal struct{ asked, why, hint string }

func (r refusal) Error() string {
	return fmt.Sprintf("the configuration asks for %s, but %s\nhint: %s", r.asked, r.why, r.hint)
}
