"""What is asked of whom: one command line each, and the truth that judges its answer."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import truth
from peers import present
from place import CACHE, OUTPUT, PINS, TREES, call, environment, say

# Tables of the report: jobs of one table get the same task.
TABLES = {
    "lock": "A whole tree by its lock files",
    "rust": "One Rust program for one platform",
    "go": "One Go program for one platform",
    "environment": "An installed Python environment",
}


@dataclass
class Job:
    tool: str
    table: str
    tree: str
    command: list
    cwd: Path
    output: Path
    # Where the tool itself wants to write, if it does not take a name.
    written: Path | None = None

    def take(self):
        if self.written:
            shutil.copy(self.written, self.output)
        self.output.stat()

    def truth(self):
        if self.table == "lock":
            return truth.lock(self.tree)
        kinds = {"rust": truth.rust_exact, "go": truth.go_exact, "environment": truth.python_environment}
        return kinds[self.table](self.tree)


def jobs(prov, trees):
    return [job for tree in trees for job in of_tree(prov, tree)]


def of_tree(prov, tree):
    OUTPUT.mkdir(parents=True, exist_ok=True)
    pins, folder = PINS["trees"][tree], TREES / tree
    place = CACHE / "environments" / tree

    def job(tool, table, *command, cwd=folder, written=None):
        output = OUTPUT / f"{tree}-{table}-{tool}.cdx.json"
        command = [str(output) if each is ... else str(each) for each in command]
        return Job(tool, table, tree, command, cwd, output, written)

    yield job("prov", "lock", prov, "sbom", folder, "--output", ...)
    if present("syft"):
        yield job("syft", "lock", "syft", "-q", "scan", f"dir:{folder}", "-o", "cyclonedx-json=" + str(OUTPUT / f"{tree}-lock-syft.cdx.json"))
    if present("cdxgen"):
        yield job("cdxgen", "lock", "cdxgen", "-r", "--no-install-deps", "--no-babel", "-o", ..., folder)

    package = pins["rust"]["package"]
    exact = "--resolve" in call(prov, "sbom", "--help")
    if exact:
        yield job("prov", "rust", prov, "sbom", folder / "rust", "--resolve", "-p", package, "--exclude", "pyproject.toml", "--output", ...)
        program = Path(pins["go"]["main"]).name or Path(pins["go"]["module"]).parent.name
        yield job("prov", "go", prov, "sbom", folder / "go", "--resolve", "-p", program, "--output", ...)
    else:
        say("SKIPPED prov --resolve: this prov has no such flag")
    if present("cargo-cyclonedx"):
        # It writes beside every manifest, so it gets a tree of its own.
        own = copy(folder / "rust", CACHE / "copies" / tree / "cargo-cyclonedx")
        call("cargo", "metadata", "--format-version", "1", cwd=own, env=environment())
        yield job(
            "cargo-cyclonedx", "rust", "cargo", "cyclonedx", "--format", "json", "--spec-version", "1.5",
            cwd=own, written=member(own, package) / f"{package}.cdx.json",
        )
    if present("cyclonedx-gomod"):
        # It asks Git for the version of the program.
        own = copy(folder / "go", CACHE / "copies" / tree / "cyclonedx-gomod")
        if not (own / ".git").exists():
            name = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost"]
            call("git", "init", "-q", cwd=own)
            call("git", "add", "--all", "--force", cwd=own)
            call("git", *name, "commit", "-qm", "tree", cwd=own)
            call("git", "tag", pins["go"]["version"], cwd=own)
        yield job("cyclonedx-gomod", "go", "cyclonedx-gomod", "app", "-json", "-licenses", "-main", pins["go"]["main"], "-output", ..., own)
    yield job("prov", "environment", prov, "sbom", place, "--output", ...)
    if present("cyclonedx-py"):
        yield job("cyclonedx-py", "environment", "cyclonedx-py", "environment", "--of", "JSON", "-o", ..., place / "bin" / "python")


def copy(source, place):
    if not place.exists():
        shutil.copytree(source, place)
    return place


def member(folder, package):
    """The folder of a workspace's member."""
    for manifest in folder.rglob("Cargo.toml"):
        if f'\nname = "{package}"\n' in manifest.read_text(errors="replace"):
            return manifest.parent
    raise RuntimeError(f"no manifest of {package} in {folder}")
