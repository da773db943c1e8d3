// Command sloppy is the registry of go-containerregistry: it has the referrers API,
// lists referrers under the type of their config, and leaves headers out. It can want
// a password, give tokens for one, and speak TLS. It is for tests alone.
package main

import (
	"encoding/json"
	"flag"
	"io"
	"log"
	"net"
	"net/http"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "where to listen")
	certificate := flag.String("certificate", "", "a file, to speak TLS")
	key := flag.String("key", "", "the certificate's")
	password := flag.String("password", "", "what the user `user` has to give")
	tokens := flag.Bool("tokens", false, "give tokens for the password")
	flag.Parse()
	var handler http.Handler = registry.New(
		registry.WithReferrersSupport(true),
		registry.Logger(log.New(io.Discard, "", 0)),
	)
	if *password != "" {
		handler = guarded(handler, *password, *tokens)
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	if *certificate != "" {
		log.Fatal(http.ServeTLS(listener, handler, *certificate, *key))
	}
	log.Fatal(http.Serve(listener, handler))
}

// guarded wants the password, or a token that it gave for it.
func guarded(inner http.Handler, password string, tokens bool) http.Handler {
	const token = "a.b.c"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, given, _ := r.BasicAuth()
		known := user == "user" && given == password
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		switch {
		case tokens && r.URL.Path == "/token" && known:
			_ = json.NewEncoder(w).Encode(map[string]any{"token": token, "expires_in": 300})
		case tokens && r.URL.Path == "/token":
			w.WriteHeader(http.StatusUnauthorized)
		case tokens && r.Header.Get("Authorization") != "Bearer "+token:
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+scheme+`://`+r.Host+`/token",service="sloppy"`)
			w.WriteHeader(http.StatusUnauthorized)
		case !tokens && !known:
			w.Header().Set("WWW-Authenticate", `Basic realm="sloppy"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			inner.ServeHTTP(w, r)
		}
	})
}
