#!/bin/sh
# Makes the bundles of two small instances that no stack on loopback can be asked for:
#
# - without logs, shaped like GitHub's own: a certificate authority and a timestamp
#   authority, and nothing else (valid, expired, too-early, message)
# - with a Rekor v1 log of one entry, and without timestamps, shaped like what
#   npm and PyPI hand out (rekor1, rekor1-future, pep740)
#
# Every key is thrown away. Run it in this folder; it needs openssl 3.
set -eu
artifact=../artifact.txt
out=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
base() { openssl base64 -A; }

cat >"$work/openssl.cnf" <<'CONFIG'
[req]
distinguished_name = name
prompt = no
[name]
O = "prov test instance"
CN = "root"
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[workflow]
keyUsage = critical, digitalSignature
extendedKeyUsage = codeSigning
subjectAltName = critical, URI:https://github.com/acme/wash/.github/workflows/release.yml@refs/tags/v1
1.3.6.1.4.1.57264.1.8 = ASN1:UTF8:https://token.actions.githubusercontent.com
1.3.6.1.4.1.57264.1.9 = ASN1:UTF8:https://github.com/acme/wash/.github/workflows/release.yml@refs/tags/v1
1.3.6.1.4.1.57264.1.11 = ASN1:UTF8:github-hosted
1.3.6.1.4.1.57264.1.12 = ASN1:UTF8:https://github.com/acme/wash
1.3.6.1.4.1.57264.1.13 = ASN1:UTF8:1111111111111111111111111111111111111111
1.3.6.1.4.1.57264.1.14 = ASN1:UTF8:refs/tags/v1
1.3.6.1.4.1.57264.1.18 = ASN1:UTF8:https://github.com/acme/wash/.github/workflows/release.yml@refs/tags/v1
1.3.6.1.4.1.57264.1.20 = ASN1:UTF8:push
1.3.6.1.4.1.57264.1.22 = ASN1:UTF8:private
[timestamping]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[ca]
database = index.txt
new_certs_dir = .
default_md = sha256
policy = any
rand_serial = yes
[any]
commonName = optional
organizationName = optional
[tsa]
dir = .
serial = tsa.serial
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_chain = no
ess_cert_id_alg = sha256
CONFIG

cd "$work"
: >index.txt
echo 01 >tsa.serial
key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key" 2>/dev/null; }
authority() {
  key "$1"
  openssl req -new -x509 -config openssl.cnf -key "$1.key" -subj "/O=prov test instance/CN=$1" \
    -extensions authority -days 10000 -out "$1.pem"
}
# leaf NAME AUTHORITY EXTENSIONS START END
leaf() {
  key "$1"
  openssl req -new -config openssl.cnf -key "$1.key" -subj "/O=prov test instance/CN=$1" -out "$1.csr"
  openssl ca -batch -notext -config openssl.cnf -name ca -extensions "$3" -cert "$2.pem" \
    -keyfile "$2.key" -startdate "$4" -enddate "$5" -in "$1.csr" -out "$1.pem" 2>/dev/null
}
der() { openssl x509 -in "$1.pem" -outform DER | base; }

authority code-root
authority time-root
leaf stamper time-root timestamping 20200101000000Z 20490101000000Z
leaf valid code-root workflow 20200101000000Z 20490101000000Z
leaf expired code-root workflow 20200101000000Z 20200101001000Z
leaf too-early code-root workflow 20480101000000Z 20490101000000Z

stamp() { # of the signature in FILE
  openssl ts -query -data "$1" -sha256 -cert -out query.tsq 2>/dev/null
  openssl ts -reply -config openssl.cnf -section tsa -queryfile query.tsq -signer stamper.pem \
    -inkey stamper.key -chain time-root.pem -out reply.tsr 2>/dev/null
  base <reply.tsr
}
material() { # CERTIFICATE SIGNATURE
  printf '"verificationMaterial":{"certificate":{"rawBytes":"%s"},"timestampVerificationData":{"rfc3161Timestamps":[{"signedTimestamp":"%s"}]}}' \
    "$(der "$1")" "$(stamp "$2")"
}
media='"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"'
sha256=$(openssl dgst -sha256 -r "$out/$artifact" | cut -c-64)
type=application/vnd.in-toto+json
printf '{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"artifact.txt","digest":{"sha256":"%s"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{"buildType":"https://actions.github.io/buildtypes/workflow/v1","externalParameters":{"workflow":{"ref":"refs/tags/v1","repository":"https://github.com/acme/wash","path":".github/workflows/release.yml"}}},"runDetails":{"builder":{"id":"https://github.com/acme/wash/.github/workflows/release.yml@refs/tags/v1"}}}}' \
  "$sha256" >statement
printf 'DSSEv1 %d %s %d ' ${#type} $type "$(wc -c <statement)" | cat - statement >pae

for certificate in valid expired too-early; do
  openssl dgst -sha256 -sign $certificate.key -out signature pae
  printf '{%s,%s,"dsseEnvelope":{"payloadType":"%s","payload":"%s","signatures":[{"sig":"%s"}]}}\n' \
    "$media" "$(material $certificate signature)" $type "$(base <statement)" "$(base <signature)" \
    >"$out/$certificate.json"
done
openssl dgst -sha256 -sign valid.key -out signature "$out/$artifact"
digest=$(openssl dgst -sha256 -binary "$out/$artifact" | base)
printf '{%s,%s,"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"%s"},"signature":"%s"}}\n' \
  "$media" "$(material valid signature)" "$digest" "$(base <signature)" >"$out/message.json"


# A log of one entry: its leaf is the root (RFC 9162 §2.1.1).
key log
openssl pkey -in log.key -pubout -outform DER -out log.der
log_id=$(openssl dgst -sha256 -r log.der | cut -c-64)
hash() { openssl dgst -sha256 -r "$1" | cut -c-64; }
unhex() { printf '%s' "$1" | xxd -r -p; }
origin='log.test - 1'
# logged NAME TIME: the envelope of valid.json with an entry of that time
openssl dgst -sha256 -sign valid.key -out signature pae
logged() {
  printf '{"apiVersion":"0.0.1","kind":"dsse","spec":{"envelopeHash":{"algorithm":"sha256","value":"%s"},"payloadHash":{"algorithm":"sha256","value":"%s"},"signatures":[{"signature":"%s","verifier":"%s"}]}}' \
    "$(hash pae)" "$(hash statement)" "$(base <signature)" "$(base <valid.pem)" >body
  { printf '\000'; cat body; } >leaf
  openssl dgst -sha256 -binary leaf >root
  printf '%s\n1\n%s\n' "$origin" "$(base <root)" >head
  openssl dgst -sha256 -sign log.key -out head.sig head
  note=$({ unhex "$log_id" | head -c 4; cat head.sig; } | base)
  printf '{"body":"%s","integratedTime":%s,"logID":"%s","logIndex":0}' "$(base <body)" "$2" "$log_id" >promise
  openssl dgst -sha256 -sign log.key -out promise.sig promise
  checkpoint=$(printf '%s\\n1\\n%s\\n\\n— %s %s\\n' "$origin" "$(base <root)" "${origin%% *}" "$note")
  entry=$(printf '{"logIndex":"0","logId":{"keyId":"%s"},"kindVersion":{"kind":"dsse","version":"0.0.1"},"integratedTime":"%s","inclusionPromise":{"signedEntryTimestamp":"%s"},"inclusionProof":{"logIndex":"0","rootHash":"%s","treeSize":"1","hashes":[],"checkpoint":{"envelope":"%s"}},"canonicalizedBody":"%s"}' \
    "$(unhex "$log_id" | base)" "$2" "$(base <promise.sig)" "$(base <root)" "$checkpoint" "$(base <body)")
  printf '{%s,"verificationMaterial":{"certificate":{"rawBytes":"%s"},"tlogEntries":[%s]},"dsseEnvelope":{"payloadType":"%s","payload":"%s","signatures":[{"sig":"%s"}]}}\n' \
    "$media" "$(der valid)" "$entry" $type "$(base <statement)" "$(base <signature)" >"$out/$1.json"
}
logged rekor1-future 2398377600 # 2046-01-01
logged rekor1 1767225600        # 2026-01-01
printf '{"version":1,"verification_material":{"certificate":"%s","transparency_entries":[%s]},"envelope":{"statement":"%s","signature":"%s"}}\n' \
  "$(der valid)" "$entry" "$(base <statement)" "$(base <signature)" >"$out/pep740.json"

window='"validFor":{"start":"2020-01-01T00:00:00Z"}'
who='"subject":{"organization":"prov test instance","commonName":"root"}'
authority_of() { # URI CERTIFICATE...
  printf '{%s,"uri":"%s","certChain":{"certificates":[' "$who" "$1"
  shift
  separator=
  for certificate; do
    printf '%s{"rawBytes":"%s"}' "$separator" "$(der "$certificate")"
    separator=,
  done
  printf ']},%s}' "$window"
}
authorities=$(printf '"certificateAuthorities":[%s]' "$(authority_of fulcio.test code-root)")
root='"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"'
printf '{%s,%s,"timestampAuthorities":[%s]}\n' "$root" "$authorities" \
  "$(authority_of tsa.test stamper time-root)" >"$out/trusted_root.json"
printf '{%s,%s,"tlogs":[{"baseUrl":"https://log.test","hashAlgorithm":"SHA2_256","publicKey":{"rawBytes":"%s","keyDetails":"PKIX_ECDSA_P256_SHA_256",%s},"logId":{"keyId":"%s"}}]}\n' \
  "$root" "$authorities" "$(base <log.der)" "$window" "$(unhex "$log_id" | base)" >"$out/trusted_root_rekor1.json"
