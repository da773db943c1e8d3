package main

import (
	"crypto"
	"encoding/asn1"
	"io"
	"net/http"
	"time"

	"github.com/digitorus/timestamp"
	"github.com/sigstore/timestamp-authority/v2/pkg/signer"
)

// serveWrongClock is a timestamp authority whose clock the request sets: after=1h is
// an hour from now.
func serveWrongClock(mux *http.ServeMux) {
	key := newKey()
	chain := must(signer.NewTimestampingCertWithChain(key))
	var ders [][]byte
	for _, certificate := range chain {
		ders = append(ders, certificate.Raw)
	}
	servePEM(mux, "/clock/chain", "CERTIFICATE", ders...)
	mux.HandleFunc("POST /clock/timestamp", func(w http.ResponseWriter, r *http.Request) {
		after, err := time.ParseDuration(r.URL.Query().Get("after"))
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		request, err := timestamp.ParseRequest(must(io.ReadAll(r.Body)))
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		stamp := timestamp.Timestamp{
			HashAlgorithm:     request.HashAlgorithm,
			HashedMessage:     request.HashedMessage,
			Time:              time.Now().Add(after).UTC(),
			Nonce:             request.Nonce,
			Policy:            asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57264, 2},
			Accuracy:          time.Second,
			AddTSACertificate: request.Certificates,
		}
		w.Header().Set("Content-Type", "application/timestamp-reply")
		_, _ = w.Write(must(stamp.CreateResponseWithOpts(chain[0], key, crypto.SHA256)))
	})
}
