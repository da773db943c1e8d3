"""Installs the peers, each by the installer of its own ecosystem."""

import os
import shutil

from place import CACHE, PINS, VENV, call, environment, say


def install():
    """Those that can't be had are told, and their rows stay away."""
    if not (VENV / "bin" / "uv").exists():
        say("tools of the benchmark")
        call(VENV / "bin" / "pip", "install", "--quiet", *PINS["tools"]["pip"])
    for name, pin in PINS["peers"].items():
        if present(name):
            continue
        say(f"peer {name} {pin['version']}")
        try:
            by(pin)
        except (RuntimeError, OSError) as error:
            say(f"SKIPPED {name}: {error}")
        else:
            if not present(name):
                say(f"SKIPPED {name}: it was installed, but there is no such command")


def by(pin):
    version = pin["version"]
    if "go" in pin:
        env = dict(os.environ) | {"GOBIN": str(CACHE / "bin")}
        call("go", "install", f"{pin['go']}@{version}", env=env, cwd="/")
    elif "npm" in pin:
        call("npm", "install", "--silent", "--prefix", CACHE, f"{pin['npm']}@{version}")
    elif "cargo" in pin:
        call("cargo", "install", "--locked", "--root", CACHE / "cargo", f"{pin['cargo']}@{version}", cwd="/")
    else:
        call(VENV / "bin" / "pip", "install", "--quiet", f"{pin['pip']}=={version}")


def present(name):
    command = PINS["peers"].get(name, {}).get("command", name)
    return shutil.which(command, path=environment()["PATH"]) is not None
