"""The peers and the servers of this crate: how each is built or installed, and started."""

import json
import os
import re
import shutil
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PEERS = HERE / "peers"
MANIFEST = PEERS / "Cargo.toml"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
BUILT = TARGET / "interop" / "release"
RELEASE = TARGET / "release"


@dataclass(frozen=True)
class Echo:
    """An example of this crate that sends messages back."""

    # The arguments of `cargo build`, and the program that it builds.
    build: tuple[str, ...]
    program: Path
    # The code and reason of its Close frame after the message "exit", or empty.
    exit: str = ""
    # Whether it prints how a connection ended.
    tells_end: bool = False


ECHOES = {
    "echo": Echo(("--example", "echo"), RELEASE / "examples" / "echo", "1000 goodbye", tells_end=True),
    "embed": Echo(("-p", "embed"), RELEASE / "embed"),
}

BOTH = ("server", "client")


@dataclass(frozen=True)
class Peer:
    version: str
    sides: tuple[str, ...]
    # The command, without the side ("client" or "server").
    argv: tuple


def shell(*argv, **options):
    command = [str(word) for word in argv]
    return subprocess.run(command, check=True, text=True, stdin=subprocess.DEVNULL, timeout=1_800, **options)


def output(*argv):
    return shell(*argv, stdout=subprocess.PIPE).stdout.strip()


def build():
    for echo in ECHOES.values():
        shell("cargo", "build", "--release", *echo.build, cwd=ROOT)
    shell("cargo", "build", "--release", "--manifest-path", MANIFEST, "--target-dir", BUILT.parent)


def install(directory):
    """Installs the peers that are not built. Returns the peers by name, and their environment."""
    browser, curl = (os.environ.get(name.upper(), name) for name in ("chromium", "curl"))
    missing = [package for package, command in (("chromium", browser), ("curl", curl)) if not shutil.which(command)]
    if missing:
        shell("apt-get", "update")
        shell("apt-get", "install", "--yes", "--no-install-recommends", *missing)
    venv.create(directory / "venv", with_pip=True)
    python = directory / "venv" / "bin" / "python"
    shell(python, "-m", "pip", "install", "--quiet", "--requirement", PEERS / "requirements.txt")
    shutil.copy(ROOT / "tests" / "browser" / "package.json", directory)
    npm = json.loads((directory / "package.json").read_text())["dependencies"]
    shell("npm", "install", "--loglevel=error", "--prefix", directory, "--no-audit", "--no-fund")

    tree = output("cargo", "tree", "--depth=1", "--prefix=none", "--manifest-path", MANIFEST)
    crates = dict(re.findall(r"^(\S+) v(\S+)", tree, re.M))
    pip = output(python, "-m", "pip", "show", "websockets")
    curl_version = output(curl, "--version")
    # To add a peer, add a file in peers/ and a line here. The first is this crate itself: a failure there is its own.
    peers = {
        "sansocket": Peer(crates["sansocket"], BOTH, (BUILT / "ours",)),
        "websockets": Peer(re.search(r"^Version: (.*)", pip, re.M)[1], BOTH, (python, PEERS / "python_websockets.py")),
        "ws": Peer(npm["ws"], BOTH, ("node", PEERS / "ws.mjs")),
        "tungstenite": Peer(crates["tungstenite"], BOTH, (BUILT / "tungstenite",)),
        "fastwebsockets": Peer(crates["fastwebsockets"], BOTH, (BUILT / "fastwebsockets",)),
        "chromium": Peer(output(browser, "--version").split()[1], ("client",), ("node", PEERS / "chromium.mjs")),
        "curl": Peer(curl_version.split()[1], ("client",), (python, PEERS / "curl.py")),
    }
    if not re.search(r"^Protocols:.* ws\b", curl_version, re.M):
        peers["curl"] = Peer(peers["curl"].version, (), ())
    return peers, {"MODULES": str(directory), "CHROMIUM": shutil.which(browser), "CURL": shutil.which(curl)}
