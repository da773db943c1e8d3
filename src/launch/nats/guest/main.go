// Command guest is the NATS server as a WASI preview 1 module. The server is
// upstream nats-server, used as a library and not patched; this program only
// connects it to the sockets that the host opened beforehand.
//
// # What the host gives
//
// PROV_LISTEN names the listening sockets as a comma list of name=fd@ip:port.
// The names are client (always there), http, websocket and leafnode. Each is a
// TCP socket that is bound, listening and non-blocking.
//
// PROV_CONTROL_FD is a stream socket shared with the host; it may be missing.
// The guest writes 'r' to it once, when clients can connect. It reads 'q' (shut
// down), 'l' (lame duck: let clients leave first) and, at the end of the
// stream, shuts down too, so that a guest never outlives its host.
//
// PROV_STORE_DIR is the folder for JetStream's files; without it JetStream is
// as the configuration says.
//
// The arguments are those of nats-server. A listener that they or the
// configuration file ask for and that has no socket is refused, never ignored.
//
// # What the host imports as prov_net
//
//	sock_addr(fd i32, peer i32, buf ptr) -> errno     peer 1 remote, 0 local
//	sock_connect(addr ptr, newfd ptr) -> errno        starts, does not wait
//	sock_error(fd i32) -> errno                       SO_ERROR, cleared
//	sock_resolve(name ptr, len i32, ip ptr) -> errno
//
// An address is 18 bytes: an IPv6 or v4-mapped address, then the port, big
// endian; ip is its first 16 bytes. Only leaf node remotes connect out.
//
// fd_sync must take a directory too: JetStream syncs its folders now and then,
// and after an error a stream takes no more messages.
//
// # What the guest gives back
//
// The log goes to stderr. The exit status is 0 after a shutdown, 2 for bad
// arguments or configuration, 1 for anything else; the reason then stands on
// stderr after "nats: ", and a hint may follow on its own line.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fail(err)
	}
}

func run(args []string) error {
	if memoryLimit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	opts, err := configure(args)
	if err != nil {
		return usageError{err}
	}
	if opts.CheckConfig {
		fmt.Fprintf(os.Stderr, "nats: the configuration file %s is valid\n", opts.ConfigFile)
		return nil
	}
	// The monitoring port shows the command line to anybody who asks.
	server.RedactArgs(os.Args)
	keepData(opts, os.Getenv("PROV_STORE_DIR"))
	sockets, err := parseSockets(os.Getenv("PROV_LISTEN"))
	if err != nil {
		return usageError{fmt.Errorf("PROV_LISTEN: %w", err)}
	}
	if err := bind(opts, sockets); err != nil {
		return usageError{err}
	}
	control, err := openControl(os.Getenv("PROV_CONTROL_FD"))
	if err != nil {
		return usageError{fmt.Errorf("PROV_CONTROL_FD: %w", err)}
	}
	return serve(opts, sockets, control)
}

// configure reads the arguments, and the file they name, as nats-server does.
func configure(args []string) (*server.Options, error) {
	flags := flag.NewFlagSet("nats-server", flag.ContinueOnError)
	// The flag package would print an error of its own before ours.
	flags.SetOutput(io.Discard)
	help := func() {
		fmt.Println("usage: nats-server [options]")
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
		os.Exit(0)
	}
	opts, err := server.ConfigureOptions(flags, args, server.PrintServerAndExit, help, server.PrintTLSHelpAndDie)
	if err == nil && opts == nil {
		err = errors.New("--signal is not supported in the embedded server")
	}
	return opts, err
}

// keepData turns JetStream on, with its files in dir. A configuration file may
// name another folder, but that one is not there in the guest.
func keepData(o *server.Options, dir string) {
	if dir != "" {
		o.JetStream, o.StoreDir = true, dir
	}
}

// usageError is the fault of the arguments, the environment or the configuration.
type usageError struct{ error }

func fail(err error) {
	fmt.Fprintln(os.Stderr, "nats: "+strings.TrimSpace(err.Error()))
	if errors.As(err, new(usageError)) {
		os.Exit(2)
	}
	os.Exit(1)
}
