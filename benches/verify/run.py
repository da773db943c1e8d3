#!/usr/bin/env python3
"""Measures `prov verify` beside `cosign verify-blob-attestation`.

Whole processes, taken in turns in one run, so that a ratio means something on a
machine that has other work. Times are medians: of the wall clock, and of the CPU
(user and system), which other work disturbs less. Memory is the largest resident set
of any run as the kernel counts it (wait4), which is never less than this script's own.

    PROV=target/release/prov COSIGN=cosign benches/verify/run.py
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
STACK = os.path.join(HERE, "../../testdata/bundles/local-stack")
PROV = os.path.abspath(os.environ.get("PROV", "target/release/prov"))
COSIGN = os.environ.get("COSIGN", "cosign")
ROUNDS = int(os.environ.get("ROUNDS", "20"))
MODULE = 28_000_000
LARGE = 1 << 30


def run(arguments, folder):
    """Wall and CPU time in milliseconds and peak memory in MiB of one process."""
    quiet = os.open(os.devnull, os.O_RDWR)
    environment = {**os.environ, "HOME": folder, "COSIGN_PASSWORD": ""}
    actions = [(os.POSIX_SPAWN_DUP2, quiet, number) for number in (0, 1)]
    log = os.path.join(folder, "stderr")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    actions.append((os.POSIX_SPAWN_OPEN, 2, log, flags, 0o600))
    start = time.perf_counter()
    child = os.posix_spawnp(arguments[0], arguments, environment, file_actions=actions)
    _, status, usage = os.wait4(child, 0)
    wall = (time.perf_counter() - start) * 1000
    os.close(quiet)
    if status != 0:
        sys.exit(f"{' '.join(arguments)} failed:\n{open(log).read()}")
    return wall, (usage.ru_utime + usage.ru_stime) * 1000, usage.ru_maxrss / 1024


def compare(name, prov, cosign, folder):
    """One row of the table; the two take turns at being first."""
    figures = {"prov": [], "cosign": []}
    for each in (prov, cosign):
        if each:
            run(each, folder)  # what the page cache has is the same for both
    for turn in range(ROUNDS):
        pair = [("prov", prov), ("cosign", cosign)]
        for who, arguments in pair if turn % 2 else reversed(pair):
            if arguments:
                figures[who].append(run(arguments, folder))
    median = lambda who, column: statistics.median(figure[column] for figure in figures[who])
    for column, what, unit in ((0, "wall", "ms"), (1, "CPU", "ms"), (2, "memory", "MiB")):
        cells = [name, what]
        for who in ("prov", "cosign"):
            values = sorted(figure[column] for figure in figures[who])
            middle = statistics.median(values) if values and column < 2 else max(values, default=0)
            cells.append(f"{middle:.1f} {unit} ({values[0]:.1f} to {values[-1]:.1f})" if values else "")
        both = figures["prov"] and figures["cosign"] and column < 2
        cells.append(f"{median('cosign', column) / median('prov', column):.1f}" if both else "")
        print("| " + " | ".join(cells) + " |", flush=True)


def attested(folder, name):
    """A bundle for the file, signed with the key in the folder."""
    subprocess.run([PROV, "attest", name, "--key", "prov.key"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return os.path.join(folder, name), os.path.join(folder, name + ".sigstore.jsonl")


def main():
    stack = lambda name: os.path.join(STACK, name)
    root = stack("trusted_root.json")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([PROV, "key", "generate"], cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        key = os.path.join(folder, "prov.pub")
        with open(os.path.join(folder, "module.wasm"), "wb") as file:
            for _ in range(MODULE // 100_000):
                file.write(os.urandom(100_000))
        with open(os.path.join(folder, "large.bin"), "wb") as file:
            file.truncate(LARGE)
        def by_key(artifact, bundle):
            ours = [PROV, "verify", artifact, "--bundle", bundle, "--key", key, "--insecure-ignore-tlog"]
            theirs = [COSIGN, "verify-blob-attestation", artifact, "--bundle", bundle, "--key", key]
            theirs += ["--insecure-ignore-tlog", "--type", "slsaprovenance1", "--trusted-root", root]
            return ours, theirs

        def logged(bundle):
            artifact = stack("mod.wasm")
            ours = [PROV, "verify", artifact, "--bundle", bundle, "--key", stack("managed.pub"), "--trusted-root", root]
            theirs = [COSIGN, "verify-blob-attestation", artifact, "--bundle", bundle, "--key", stack("managed.pub")]
            return ours, theirs + ["--type", "slsaprovenance1", "--trusted-root", root]

        def keyless(bundle):
            artifact = stack("mod.wasm")
            # The same question as cosign's: who signed, and nothing else.
            identity = "https://github.com/wasmCloud/prov/.github/workflows/attest.yml@refs/tags/v1"
            ours = [PROV, "conformance", "verify-bundle", "--bundle", bundle, "--certificate-identity", identity]
            ours += ["--certificate-oidc-issuer", "http://127.0.0.1:18889", "--trusted-root", root, artifact]
            theirs = [COSIGN, "verify-blob-attestation", artifact, "--bundle", bundle]
            theirs += ["--certificate-identity", identity, "--certificate-oidc-issuer", "http://127.0.0.1:18889"]
            return ours, theirs + ["--type", "slsaprovenance1", "--trusted-root", root]

        print(f"this script itself: {run(['true'], folder)[2]:.1f} MiB\n")
        print("| verified | | prov | cosign | cosign / prov |")
        print("|---|---|---|---|---|")
        compare("28 MB, signed with a key", *by_key(*attested(folder, "module.wasm")), folder)
        compare("100 kB, a key, Rekor v2 and timestamp", *logged(stack("k-full.json")), folder)
        compare("100 kB, a certificate, Rekor v2, timestamp, SCT", *keyless(stack("ci.json")), folder)
        ours, _ = by_key(*attested(folder, "large.bin"))
        compare("1 GB, signed with a key", ours, None, folder)


if __name__ == "__main__":
    main()
