package main

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	"github.com/go-openapi/runtime"
	"github.com/go-openapi/swag/conv"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/rekor/pkg/types"
	_ "github.com/sigstore/rekor/pkg/types/dsse/v0.0.1"
	_ "github.com/sigstore/rekor/pkg/types/hashedrekord/v0.0.1"
	"github.com/sigstore/rekor/pkg/util"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/merkle/testonly"
)

// serveFirstRekor is Rekor's API, version 1, round Rekor's own code for entries. The
// real server wants Trillian and a database; this one has its tree in memory.
func serveFirstRekor(mux *http.ServeMux) {
	key := newKey()
	signer := must(signature.LoadECDSASigner(key, crypto.SHA256))
	public := publicDER(key)
	id := sha256.Sum256(public)
	tree := testonly.New(rfc6962.DefaultHasher)
	var lock sync.Mutex
	servePEM(mux, "/rekor1/key", "PUBLIC KEY", public)
	mux.HandleFunc("POST /rekor1/api/v1/log/entries", func(w http.ResponseWriter, r *http.Request) {
		refuse := func(err error) { answer(w, 400, map[string]any{"code": 400, "message": err.Error()}) }
		proposed, err := models.UnmarshalProposedEntry(r.Body, runtime.JSONConsumer())
		if err != nil {
			refuse(err)
			return
		}
		entry, err := types.CreateVersionedEntry(proposed)
		if err != nil {
			refuse(err)
			return
		}
		body, err := types.CanonicalizeEntry(r.Context(), entry)
		if err != nil {
			refuse(err)
			return
		}
		lock.Lock()
		defer lock.Unlock()
		tree.AppendData(body)
		size := tree.Size()
		index := size - 1
		logged := models.LogEntryAnon{
			Body:           body,
			IntegratedTime: conv.Pointer(time.Now().Unix()),
			LogID:          conv.Pointer(hex.EncodeToString(id[:])),
			LogIndex:       conv.Pointer(int64(index)),
		}
		promised := must(jsoncanonicalizer.Transform(must(logged.MarshalBinary())))
		promise := must(signer.SignMessage(bytes.NewReader(promised)))
		var hashes []string
		for _, hash := range must(tree.InclusionProof(index, size)) {
			hashes = append(hashes, hex.EncodeToString(hash))
		}
		checkpoint := must(util.CreateAndSignCheckpoint(context.Background(), "127.0.0.1", 1, size, tree.Hash(), signer))
		logged.Verification = &models.LogEntryAnonVerification{
			SignedEntryTimestamp: promise,
			InclusionProof: &models.InclusionProof{
				Checkpoint: conv.Pointer(string(checkpoint)),
				Hashes:     hashes,
				LogIndex:   conv.Pointer(int64(index)),
				RootHash:   conv.Pointer(hex.EncodeToString(tree.Hash())),
				TreeSize:   conv.Pointer(int64(size)),
			},
		}
		name := hex.EncodeToString(tree.LeafHash(index))
		w.Header().Set("ETag", name)
		answer(w, 201, models.LogEntry{name: logged})
	})
}
