package main

import (
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// serveRepository is a TUF repository of the files that were put into it: a JSON
// object of names and texts. Its root is version 2, signed by version 1, which
// clients start from.
func serveRepository(mux *http.ServeMux) {
	var lock sync.RWMutex
	files := map[string][]byte{}
	mux.HandleFunc("PUT /tuf/", func(w http.ResponseWriter, r *http.Request) {
		var targets map[string]string
		if err := json.NewDecoder(r.Body).Decode(&targets); err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		lifetime, err := time.ParseDuration(r.URL.Query().Get("lifetime"))
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		lock.Lock()
		defer lock.Unlock()
		files = repository(targets, time.Now().UTC().Add(lifetime))
	})
	mux.HandleFunc("GET /tuf/{path...}", func(w http.ResponseWriter, r *http.Request) {
		lock.RLock()
		defer lock.RUnlock()
		bytes, found := files[r.PathValue("path")]
		if !found {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(bytes)
	})
}

func repository(contents map[string]string, expires time.Time) map[string][]byte {
	_, private, err := ed25519.GenerateKey(nil)
	must(0, err)
	signer := must(signature.LoadSigner(private, crypto.Hash(0)))
	key := must(metadata.KeyFromPublicKey(private.Public()))
	files := map[string][]byte{}

	for version := int64(1); version <= 2; version++ {
		root := metadata.Root(expires)
		root.Signed.Version = version
		for _, role := range metadata.TOP_LEVEL_ROLE_NAMES {
			must(0, root.Signed.AddKey(key, role))
		}
		must(root.Sign(signer))
		files[fmt.Sprintf("%d.root.json", version)] = must(root.ToBytes(false))
	}
	targets := metadata.Targets(expires)
	for name, text := range contents {
		target := must(metadata.TargetFile().FromBytes(name, []byte(text), "sha256"))
		targets.Signed.Targets[name] = target
		files[fmt.Sprintf("targets/%s.%s", target.Hashes["sha256"], name)] = []byte(text)
	}
	must(targets.Sign(signer))
	files["1.targets.json"] = must(targets.ToBytes(false))
	snapshot := metadata.Snapshot(expires)
	must(snapshot.Sign(signer))
	files["1.snapshot.json"] = must(snapshot.ToBytes(false))
	timestamp := metadata.Timestamp(expires)
	must(timestamp.Sign(signer))
	files["timestamp.json"] = must(timestamp.ToBytes(false))
	return files
}
