"""Starts a server that speaks a protocol of its own over WebSocket: `services.py NAME`. Prints its URL.

Its files are in a temporary directory, its ports are free ones of 127.0.0.1. It ends with this program.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOOPBACK = "127.0.0.1"
TOKEN = "interop"
children = []


def free_port():
    with socket.create_server((LOOPBACK, 0)) as server:
        return server.getsockname()[1]


def start(*argv, **environment):
    command = [str(word) for word in argv]
    children.append(subprocess.Popen(command, stdout=sys.stderr, env={**os.environ, **environment}))


def wait_for(port):
    while True:
        try:
            return socket.create_connection((LOOPBACK, port)).close()
        except ConnectionRefusedError:
            if any(child.poll() is not None for child in children):
                sys.exit(f"{children[-1].args}: it has ended")
            time.sleep(0.1)


def mosquitto(directory, port):
    # This version does not start with a listener for WebSocket alone.
    (directory / "conf").write_text(
        f"allow_anonymous true\nlistener {free_port()} {LOOPBACK}\n"
        f"listener {port} {LOOPBACK}\nprotocol websockets\nsocket_domain ipv4\n"
    )
    start(os.environ["MOSQUITTO"], "-c", directory / "conf")
    wait_for(port)
    return "/mqtt"


def nats_server(directory, port):
    (directory / "conf").write_text(
        f"host: {LOOPBACK}\nport: {free_port()}\nwebsocket {{ host: {LOOPBACK}, port: {port}, no_tls: true }}\n"
    )
    start(os.environ["NATS_SERVER"], "-c", directory / "conf")
    wait_for(port)
    return "/"


def socket_io(directory, port):
    start("node", HERE / "socket_io.mjs", LOOPBACK, port)
    wait_for(port)
    return "/socket.io/?EIO=4&transport=websocket"


def jupyter(directory, port):
    options = {
        "ServerApp.ip": LOOPBACK,
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": directory,
        "IdentityProvider.token": TOKEN,
    }
    home = {"HOME": str(directory), "JUPYTER_CONFIG_DIR": str(directory)}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    start(os.environ["PYTHON"], "-m", "jupyter_server", "--allow-root", "--no-browser", *arguments, **home)
    wait_for(port)
    kernels = f"http://{LOOPBACK}:{port}/api/kernels?token={TOKEN}"
    with urllib.request.urlopen(kernels, data=b"{}", timeout=30) as response:
        kernel = json.load(response)["id"]
    return f"/api/kernels/{kernel}/channels?token={TOKEN}"


def rabbitmq(directory, port):
    (directory / "conf").write_text(
        "listeners.tcp = none\nstomp.listeners.tcp = none\n"
        f"web_stomp.tcp.ip = {LOOPBACK}\nweb_stomp.tcp.port = {port}\n"
    )
    (directory / "plugins").write_text("[rabbitmq_web_stomp].\n")
    names = {"ERL_EPMD_PORT": str(free_port()), "ERL_EPMD_ADDRESS": LOOPBACK, "HOME": str(directory)}
    # Erlang's port mapper: one of our own, which a node would start as a service otherwise.
    start("epmd", **names)
    rabbitmq = {
        "NODENAME": "interop@localhost",
        "DIST_PORT": str(free_port()),
        "CONFIG_FILE": str(directory / "conf"),
        "CONF_ENV_FILE": str(directory / "none"),
        "ENABLED_PLUGINS_FILE": str(directory / "plugins"),
        "MNESIA_BASE": str(directory / "mnesia"),
        "LOG_BASE": str(directory / "log"),
        "PID_FILE": str(directory / "pid"),
        "SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    # The program in the path would change the user first.
    program = "/usr/lib/rabbitmq/bin/rabbitmq-server"
    start(program, **names, **{f"RABBITMQ_{name}": value for name, value in rabbitmq.items()})
    wait_for(port)
    return "/ws"


def stop():
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(4)
        except subprocess.TimeoutExpired:
            child.kill()


def main(name):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as directory:
        try:
            port = free_port()
            path = globals()[name.replace("-", "_").replace(".", "_")](Path(directory), port)
            print(f"listening: ws://{LOOPBACK}:{port}{path}", flush=True)
            children[-1].wait()
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            stop()


main(sys.argv[1])
