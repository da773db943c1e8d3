"""Where things lie, and running programs."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
PINS = tomllib.loads((HERE / "pins.toml").read_text())
CACHE = Path(os.environ.get("PROV_BENCH_CACHE", REPOSITORY / "target" / "bench-sbom"))
VENV = CACHE / "venv"
TREES = CACHE / "trees"
OUTPUT = CACHE / "output"
ECOSYSTEMS = ("rust", "go", "python")


def say(text):
    print(text, file=sys.stderr, flush=True)


def environment(tree=None):
    """The same for every tool: offline, no update checks, no licence look-ups."""
    paths = [CACHE / "bin", CACHE / "node_modules" / ".bin", CACHE / "cargo" / "bin", VENV / "bin"]
    known = dict(os.environ)
    known |= {
        "PATH": os.pathsep.join([*map(str, paths), known["PATH"]]),
        "CARGO_NET_OFFLINE": "true",
        "FETCH_LICENSE": "false",
        "GOFLAGS": "-mod=mod",
        "GOPROXY": "off",
        "GOTOOLCHAIN": "local",
        "SOURCE_DATE_EPOCH": "1700000000",
        "SYFT_CHECK_FOR_APP_UPDATE": "false",
    }
    if tree:
        known["VIRTUAL_ENV"] = str(CACHE / "environments" / tree)
    return known


def call(*command, cwd=None, env=None, timeout=3600):
    """What a program prints; one that fails is an error that says what it said."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, env=env, timeout=timeout, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )
    if done.returncode != 0:
        last = (done.stderr or done.stdout).strip()[-600:]
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{last}")
    return done.stdout
