package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

var base64URL = base64.RawURLEncoding

// serveTokens is an OpenID Connect issuer: discovery, keys, a token for each who
// asks, GitHub's endpoint of a job, and the authorization code flow with PKCE.
func serveTokens(mux *http.ServeMux, issuer string) {
	key := newKey()
	sign := func(claims map[string]any) string {
		now := time.Now().Unix()
		claims["iat"], claims["nbf"] = now, now
		if claims["exp"] == nil {
			claims["exp"] = now + 600
		}
		head := must(json.Marshal(map[string]string{"alg": "ES256", "typ": "JWT", "kid": "1"}))
		body := must(json.Marshal(claims))
		text := base64URL.EncodeToString(head) + "." + base64URL.EncodeToString(body)
		digest := sha256.Sum256([]byte(text))
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		must(0, err)
		signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		return text + "." + base64URL.EncodeToString(signature)
	}
	for _, path := range []string{"", "/login"} {
		mux.HandleFunc("GET "+path+"/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
			answer(w, 200, map[string]any{
				"issuer":                                issuer + path,
				"jwks_uri":                              issuer + "/keys",
				"authorization_endpoint":                issuer + "/login/auth",
				"token_endpoint":                        issuer + "/login/token",
				"response_types_supported":              []string{"code", "id_token"},
				"subject_types_supported":               []string{"public"},
				"id_token_signing_alg_values_supported": []string{"ES256"},
			})
		})
	}
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"keys": []any{map[string]string{
			"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "1",
			"x": base64URL.EncodeToString(key.X.FillBytes(make([]byte, 32))),
			"y": base64URL.EncodeToString(key.Y.FillBytes(make([]byte, 32))),
		}}})
	})
	// GitHub's endpoint: a bearer, an audience, and a JSON object. A claim in the
	// query stands for a job of that kind.
	mux.HandleFunc("GET /actions/token", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if token != bearer {
			answer(w, 401, map[string]string{"message": "no job has " + token})
			return
		}
		if !busy.calm(query.Get("busy")) {
			w.Header().Set("Retry-After", "1")
			answer(w, 503, map[string]string{"message": "busy"})
			return
		}
		claims := workflowClaims()
		for name := range claims {
			if query.Has(name) {
				claims[name] = query.Get(name)
			}
		}
		claims["iss"], claims["aud"] = issuer, query.Get("audience")
		if query.Has("expired") {
			claims["exp"] = time.Now().Unix() - 60
		}
		answer(w, 200, map[string]any{"count": 1, "value": sign(claims)})
	})
	serveLogin(mux, issuer+"/login", sign)
}

// The bearer of the one job that there is.
const bearer = "bearer-of-the-job"

func workflowClaims() map[string]any {
	return map[string]any{
		"sub":                   "repo:wasmCloud/wasmCloud:ref:refs/tags/wash-v0.40.0",
		"repository":            "wasmCloud/wasmCloud",
		"repository_id":         "1234",
		"repository_owner":      "wasmCloud",
		"repository_owner_id":   "5678",
		"repository_visibility": "public",
		"ref":                   "refs/tags/wash-v0.40.0",
		"ref_type":              "tag",
		"sha":                   "1111111111111111111111111111111111111111",
		"workflow":              "release",
		"workflow_ref":          "wasmCloud/wasmCloud/.github/workflows/release.yml@refs/tags/wash-v0.40.0",
		"workflow_sha":          "1111111111111111111111111111111111111111",
		"job_workflow_ref":      "wasmCloud/prov/.github/workflows/attest.yml@refs/tags/v1",
		"job_workflow_sha":      "2222222222222222222222222222222222222222",
		"event_name":            "push",
		"runner_environment":    "github-hosted",
		"run_id":                "42",
		"run_attempt":           "1",
		"actor":                 "octocat",
		"environment":           "release",
	}
}

// calls counts, for a service that answers only after so many attempts.
type calls struct {
	sync.Mutex
	seen map[string]int
}

var busy = calls{seen: map[string]int{}}

// calm is true from the third call with the same name on.
func (c *calls) calm(name string) bool {
	c.Lock()
	defer c.Unlock()
	c.seen[name]++
	return name == "" || c.seen[name] > 2
}

// serveLogin sends everybody who comes back at once, as dev@example.com.
func serveLogin(mux *http.ServeMux, issuer string, sign func(map[string]any) string) {
	var challenges sync.Map
	mux.HandleFunc("GET /login/auth", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		code := base64URL.EncodeToString(must(rand.Prime(rand.Reader, 128)).Bytes())
		challenges.Store(code, query.Get("code_challenge"))
		back := must(url.Parse(query.Get("redirect_uri")))
		back.RawQuery = url.Values{"code": {code}, "state": {query.Get("state")}}.Encode()
		http.Redirect(w, r, back.String(), http.StatusFound)
	})
	mux.HandleFunc("POST /login/token", func(w http.ResponseWriter, r *http.Request) {
		verifier := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		challenge, known := challenges.LoadAndDelete(r.FormValue("code"))
		if !known || challenge != base64URL.EncodeToString(verifier[:]) {
			answer(w, 400, map[string]string{"error": "invalid_grant"})
			return
		}
		answer(w, 200, map[string]any{"token_type": "bearer", "access_token": "unused", "id_token": sign(map[string]any{
			"iss": issuer, "sub": "dev", "email": "dev@example.com", "email_verified": true, "aud": r.FormValue("client_id"),
		})})
	})
}
