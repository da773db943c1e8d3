package main

import (
	"crypto"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"time"

	ct "github.com/google/certificate-transparency-go"
	"github.com/google/certificate-transparency-go/tls"
)

// serveCertificateLog promises to log each certificate (RFC 6962 §3.2), and does not.
func serveCertificateLog(mux *http.ServeMux) {
	key := newKey()
	public := publicDER(key)
	id := sha256.Sum256(public)
	servePEM(mux, "/ct/key", "PUBLIC KEY", public)
	mux.HandleFunc("POST /ct/ct/v1/add-pre-chain", func(w http.ResponseWriter, r *http.Request) {
		var request ct.AddChainRequest
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		var chain []ct.ASN1Cert
		for _, certificate := range request.Chain {
			chain = append(chain, ct.ASN1Cert{Data: certificate})
		}
		now := uint64(time.Now().UnixMilli())
		leaf, err := ct.MerkleTreeLeafFromRawChain(chain, ct.PrecertLogEntryType, now)
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		promise := ct.SignedCertificateTimestamp{SCTVersion: ct.V1, LogID: ct.LogID{KeyID: id}, Timestamp: now}
		signed := must(ct.SerializeSCTSignatureInput(promise, ct.LogEntry{Leaf: *leaf}))
		signature := must(tls.CreateSignature(crypto.PrivateKey(*key), tls.SHA256, signed))
		answer(w, 200, ct.AddChainResponse{
			SCTVersion: ct.V1, ID: id[:], Timestamp: now, Signature: must(tls.Marshal(signature)),
		})
	})
}
