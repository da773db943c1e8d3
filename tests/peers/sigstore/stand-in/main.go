// Command stand-in is what a Sigstore instance on loopback lacks: a token issuer
// shaped like GitHub's and like a login page, a certificate transparency log, a log
// of Rekor's first version, a timestamp authority with a wrong clock, and a TUF
// repository. Keys live in memory and die with it. It is for tests alone.
//
// It prints the URL that it serves, and serves until it is killed. With -visit it is
// a browser instead, which goes where it is sent and says what it saw.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "where to listen")
	visit := flag.String("visit", "", "a page to visit")
	flag.Parse()
	if *visit != "" {
		page := must(http.Get(*visit))
		fmt.Println(page.Status)
		must(io.Copy(os.Stdout, page.Body))
		return
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		log.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	mux := http.NewServeMux()
	serveTokens(mux, url)
	serveCertificateLog(mux)
	serveFirstRekor(mux)
	serveWrongClock(mux)
	serveRepository(mux)
	fmt.Println(url)
	log.Fatal(http.Serve(listener, mux))
}

// must is for what can't fail in a program whose end is a test's failure.
func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		panic(err)
	}
	return value
}

func newKey() *ecdsa.PrivateKey {
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
}

func publicDER(key *ecdsa.PrivateKey) []byte {
	return must(x509.MarshalPKIXPublicKey(&key.PublicKey))
}

func servePEM(mux *http.ServeMux, path, label string, ders ...[]byte) {
	mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) {
		for _, der := range ders {
			_ = pem.Encode(w, &pem.Block{Type: label, Bytes: der})
		}
	})
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
