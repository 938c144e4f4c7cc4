#!/usr/bin/env python3
"""Stands in for QEMU of the release its own name ends in: `qemu-10.0.2`.

Takes a machine's arguments, goes to the background with its pidfile locked, and answers the monitors word for word as
that release did when it was recorded (Debian 1:7.2+dfsg-7 and 1:10.0.2+ds-2), with what changes kept in memory.

FAULT=lie: it says yes to `stop` and goes on. FAULT=mute: it takes `stop` and never answers again.
"""

import fcntl
import json
import os
import socket
import struct
import sys
import threading
import time

RELEASE = [int(part) for part in sys.argv[0].rsplit("-", 1)[1].split(".")]
IS_NEW = RELEASE[0] >= 10
FAULT = os.environ.get("FAULT")
HELP = "QEMU emulator version {} (Debian)\nusage: qemu [options] [disk_image]\n\n-sandbox on[,obsolete=allow|deny]\n"


def options(text):
    return dict(part.split("=", 1) for part in text.split(",") if "=" in part)


def image(path):
    """The size in a qcow2's header, and what a raw file's is."""
    with open(path, "rb") as file:
        head = file.read(32)
    return struct.unpack(">Q", head[24:32])[0] if head[:4] == b"QFI\xfb" else os.path.getsize(path)


class Refusal(Exception):
    pass


class Machine:
    def __init__(self, words):
        self.nodes, self.devices, self.ports, self.monitors = {}, {}, [], []
        self.status, self.clients, self.held, self.lock = "running", [], set(), threading.RLock()
        for option, value in zip(words, words[1:]):
            given = options(value)
            if option == "-name":
                self.name = value.split(",")[0]
            elif option == "-uuid":
                self.uuid = value
            elif option == "-pidfile":
                self.pidfile = value
            elif option == "-qmp":
                self.monitors.append(value.removeprefix("unix:").split(",")[0])
            elif option == "-blockdev":
                self.add_node(given["node-name"], given["driver"], given["file.filename"])
            elif option == "-device" and value.startswith("pcie-root-port"):
                self.ports.append(given["id"])
            elif option == "-device" and "drive" in given:
                self.devices[given["id"]] = given

    def add_node(self, name, driver, path):
        self.nodes[name] = {"driver": driver, "path": path, "size": image(path)}

    def node(self, name):
        node = self.nodes[name]
        data = {"compat": "1.1", "compression-type": "zlib", "lazy-refcounts": False, "refcount-bits": 16}
        shown = {"virtual-size": node["size"], "filename": node["path"], "cluster-size": 65536, "format": node["driver"]}
        shown |= {"actual-size": 200704, "format-specific": {"type": node["driver"], "data": data}, "dirty-flag": False}
        told = {"iops_rd": 0, "detect_zeroes": "off", "image": shown, "iops_wr": 0, "ro": False, "node-name": name}
        told |= {"backing_file_depth": 0, "drv": node["driver"], "encrypted": False, "file": node["path"]}
        return told | ({"active": True} if IS_NEW else {})

    def query_block(self):
        for name, device in self.devices.items():
            told = {"device": "", "locked": False, "removable": False, "type": "unknown", "io-status": "ok"}
            path = f"/machine/peripheral/{name}"
            yield told | {"qdev": f"{path}/virtio-backend", "inserted": self.node(device["drive"])}
        empty = {"io-status": "ok", "device": "", "locked": False, "removable": True, "tray_open": False}
        yield empty | {"qdev": "cd0", "type": "unknown"}

    def tell(self, event, **data):
        now = time.time()
        stamp = {"seconds": int(now), "microseconds": int(now % 1 * 1e6)}
        self.say({"timestamp": stamp, "event": event} | ({"data": data} if data else {}), *self.clients)

    def say(self, words, *clients):
        for client in clients:
            try:
                client.sendall(json.dumps(words).encode() + b"\r\n")
            except OSError:
                pass

    def list_objects(self, path):
        if path == "/machine/peripheral":
            return [{"name": name, "type": "child<device>"} for name in ["type", *self.devices, *self.ports]]
        port = path.rsplit("/", 1)[1]
        taken = [d for d in self.devices.values() if d.get("bus") == port]
        return [{"name": f"child[{n}]", "type": "link<virtio-blk-pci>"} for n, _ in enumerate(taken)]

    def answer(self, command, given):
        match command:
            case "qmp_capabilities":
                return {}
            case "query-name":
                return {"name": self.name}
            case "query-uuid":
                return {"UUID": self.uuid}
            case "query-status":
                told = {"status": self.status, "running": self.status == "running"}
                return told if IS_NEW else told | {"singlestep": False}
            case "query-named-block-nodes":
                return [self.node(name) for name in self.nodes]
            case "query-block":
                return list(self.query_block())
            case "qom-list":
                return self.list_objects(given["path"])
            case "stop" if FAULT == "lie":
                return {}
            case "stop" if FAULT == "mute":
                threading.Event().wait()
            case "stop" | "cont":
                self.status = "paused" if command == "stop" else "running"
                self.tell("STOP" if command == "stop" else "RESUME")
                return {}
            case "block_resize":
                if given["node-name"] not in self.nodes:
                    raise Refusal(f"Cannot find device='' nor node-name='{given['node-name']}'")
                # As the real one does: also where that is less than before.
                self.nodes[given["node-name"]]["size"] = given["size"]
                return {}
            case "blockdev-add":
                self.add_node(given["node-name"], given["driver"], given["file"]["filename"])
                return {}
            case "blockdev-del":
                # It still holds the image for a moment when the guest has let go.
                name = given["node-name"]
                if name not in self.held:
                    self.held.add(name)
                    raise Refusal(f"Node {name} is in use")
                self.held.remove(name)
                del self.nodes[name]
                return {}
            case "device_add":
                self.devices[given["id"]] = given
                return {}
            case "device_del":
                # The answer comes before the guest has let go.
                threading.Timer(0.05, self.let_go, [given["id"]]).start()
                return {}
            case "quit":
                self.tell("SHUTDOWN", guest=False, reason="host-qmp-quit")
                return {}
        raise Refusal(f"The command {command} has not been found")

    def let_go(self, device):
        with self.lock:
            del self.devices[device]
            for path in [f"/machine/peripheral/{device}/virtio-backend", f"/machine/peripheral/{device}"]:
                self.tell("DEVICE_DELETED", path=path, **({"device": device} if path.endswith(device) else {}))

    def serve(self, listener):
        major, minor, micro = RELEASE
        version = {"qemu": {"micro": micro, "minor": minor, "major": major}, "package": "Debian"}
        while True:
            client, _ = listener.accept()
            self.say({"QMP": {"version": version, "capabilities": ["oob"]}}, client)
            for line in client.makefile("rb"):
                asked = json.loads(line)
                with self.lock:
                    try:
                        told = {"return": self.answer(asked["execute"], asked.get("arguments", {}))}
                    except Refusal as refusal:
                        told = {"error": {"class": "GenericError", "desc": str(refusal)}}
                    self.say(told | {"id": asked["id"]}, client)
                    if asked["execute"] == "qmp_capabilities":
                        self.clients.append(client)
                if asked["execute"] == "quit":
                    os._exit(0)
            with self.lock:
                self.clients.remove(client)


def main():
    if sys.argv[1:] == ["-help"]:
        print(HELP.format(".".join(map(str, RELEASE))))
        return
    machine = Machine(sys.argv[1:])
    listeners = []
    for path in machine.monitors:
        listener = socket.socket(socket.AF_UNIX)
        if os.path.exists(path):
            os.remove(path)
        listener.bind(path)
        listener.listen(1)
        listeners.append(listener)
    ready, is_up = os.pipe()
    if os.fork():
        # Who started it goes on when the pidfile is there.
        sys.exit(0 if os.read(ready, 1) else 1)
    os.setsid()
    pidfile = open(machine.pidfile, "w+")
    fcntl.lockf(pidfile, fcntl.LOCK_EX)
    print(os.getpid(), file=pidfile, flush=True)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    os.write(is_up, b".")
    os.close(is_up)
    servers = [threading.Thread(target=machine.serve, args=[listener]) for listener in listeners]
    for server in servers:
        server.start()
    servers[0].join()


main()
