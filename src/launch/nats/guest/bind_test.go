package main

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
)

// options reads a configuration file with this text.
func options(t *testing.T, text string, args ...string) *server.Options {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opts, err := configure(append(args, "-c", file))
	if err != nil {
		t.Fatal(err)
	}
	return opts
}

func opened(names ...string) map[string]socket {
	ports := map[string]string{"client": "4222", "http": "8222", "websocket": "8080", "leafnode": "7422"}
	sockets := map[string]socket{}
	for i, name := range append(names, "client") {
		sockets[name] = socket{10 + i, netip.MustParseAddrPort("127.0.0.1:" + ports[name])}
	}
	return sockets
}

func TestBind(t *testing.T) {
	for _, text := range []string{
		"debug: false",
		"port: 4222",
		"port: -1",
		`listen: "localhost:4222"`,
		`host: "127.0.0.1"`,
		"http_port: 8222",
		`http: "127.0.0.1:8222"`,
		"http_port: -1",
		"websocket { port: 8080, no_tls: true }",
		"leafnodes { port: 7422 }",
		`leafnodes { remotes: [{ url: "nats://hub.example:7422" }] }`,
		`cluster { name: "alone" }`,
		"jetstream { sync_interval: 1s }",
	} {
		opts := options(t, text)
		if err := bind(opts, opened("http", "websocket", "leafnode")); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for i, e := range endpoints(opts) {
			if port := []int{4222, 8222, 8080, 7422}[i]; *e.host != "127.0.0.1" || *e.port != port {
				t.Errorf("%s: the %s listener is %s:%d", text, e.option, *e.host, *e.port)
			}
		}
		if !opts.NoSigs || !opts.Websocket.NoTLS {
			t.Errorf("%s: NoSigs is %v, NoTLS is %v", text, opts.NoSigs, opts.Websocket.NoTLS)
		}
	}
}

// What has no socket stays off.
func TestBindClientAlone(t *testing.T) {
	opts := options(t, "debug: false")
	if err := bind(opts, opened()); err != nil {
		t.Fatal(err)
	}
	for _, e := range endpoints(opts)[1:] {
		if *e.host != "" || *e.port != 0 {
			t.Errorf("the %s listener is %s:%d", e.option, *e.host, *e.port)
		}
	}
}

func TestBindRefuses(t *testing.T) {
	const other = ", but the socket that was opened is 127.0.0.1:4222"
	const none = ", but no socket was opened for it"
	const never = ", but the embedded server does not support it"
	for _, c := range []struct{ text, asked, hint string }{
		{"port: 4333", "the client port 4333" + other, "prov dev --listen 127.0.0.1:4333"},
		{"listen: 4333", "the client port 4333" + other, "prov dev --listen 127.0.0.1:4333"},
		{`host: "0.0.0.0"`, "the client host 0.0.0.0" + other, "prov dev --listen 0.0.0.0:4222"},
		{`listen: "[::1]:4222"`, "the client address [::1]:4222" + other, "prov dev --listen [::1]:4222"},
		{`listen: "nats.example:4222"`, "the client address nats.example:4222" + other, "prov dev --listen nats.example:4222"},
		{"http_port: 8223", "the monitoring port 8223" + none, "prov dev --monitor 127.0.0.1:8223"},
		{`http: "0.0.0.0:8222"`, "the monitoring address 0.0.0.0:8222" + none, "prov dev --monitor 0.0.0.0:8222"},
		{"http_port: -1", "the monitoring port -1" + none, "prov dev --monitor 127.0.0.1:0"},
		{"websocket { port: 9000, no_tls: true }", "the websocket port 9000" + none, "prov dev --websocket 127.0.0.1:9000"},
		{"leafnodes { port: 7422 }", "the leafnode port 7422" + none, "prov dev --leafnode 127.0.0.1:7422"},
		{"https_port: 8443", "the https monitoring port 8443" + never, "prov dev --monitor 127.0.0.1:8222"},
		{`cluster { listen: "0.0.0.0:6222" }`, "the cluster 0.0.0.0:6222" + never, "remove `cluster`"},
		{`cluster { port: 6222 }`, "the cluster :6222" + never, "remove `cluster`"},
		{`cluster { routes: ["nats://me:secret@other:6222"] }`, "the cluster nats://me:xxxxx@other:6222" + never, "remove `cluster`"},
		{`gateway { name: "east", port: 7222 }`, "the gateway east" + never, "remove `gateway`"},
		{"mqtt { port: 1883 }", "the mqtt port 1883" + never, "remove `mqtt`"},
		{"prof_port: 6060", "the profiling port 6060" + never, "remove `prof_port`"},
		{`log_file: "/var/log/nats.log"`, "the log file /var/log/nats.log" + never, "stderr"},
		{"syslog: true", "syslog" + never, "stderr"},
		{"jetstream { sync_interval: always }", "the sync interval always" + never, "sync_interval: 1s"},
	} {
		err := bind(options(t, c.text), opened())
		if err == nil {
			t.Errorf("%s: not refused", c.text)
			continue
		}
		first, second, _ := strings.Cut(err.Error(), "\n")
		if first != "the configuration asks for "+c.asked || !strings.HasPrefix(second, "hint: ") || !strings.Contains(second, c.hint) {
			t.Errorf("%s: got\n%v", c.text, err)
		}
	}
}

func TestArgumentsAreRefusedToo(t *testing.T) {
	for _, args := range [][]string{{"-p", "4333"}, {"-a", "0.0.0.0"}, {"-m", "8222"}, {"-ms", "8443"},
		{"--cluster", "nats://0.0.0.0:6222"}, {"--profile", "6060"}, {"-l", "nats.log"}} {
		opts, err := configure(args)
		if err != nil {
			t.Fatal(err)
		}
		if bind(opts, opened()) == nil {
			t.Errorf("%v: not refused", args)
		}
	}
}

func TestConfigure(t *testing.T) {
	for _, args := range [][]string{{"--nonsense"}, {"extra"}, {"-p", "x"}, {"-c", "missing.conf"}, {"-t"}, {"-sl", "reload"}} {
		if _, err := configure(args); err == nil {
			t.Errorf("%v: taken", args)
		}
	}
	opts := options(t, "jetstream { max_memory_store: 1GB }", "-js", "-sd", "data")
	if !opts.JetStream || opts.StoreDir != "data" || opts.JetStreamMaxMemory != 1<<30 {
		t.Errorf("got %v, %q, %d", opts.JetStream, opts.StoreDir, opts.JetStreamMaxMemory)
	}
}
