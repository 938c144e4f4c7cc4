"""Stands in for iohyve 0.7.9, or 0.7.3 where the world's `version` says so, and what it needs of FreeBSD, each by the name that it is called by.

Serves the calls of iohyve.sh in the folder that it is given. Prints what iohyve prints, ends as it ends, and keeps what
it changed in `world.json` there, and each call in `calls.log`. Where the world holds `lies`, those commands say what they
say and change nothing; those of its `hangs` never end. What runs a machine keeps the output open, as iohyve's does. A
machine whose loader is grub-bhyve is loaded until somebody writes `boot` on its console: an installation waits for that.
"""

import fcntl
import io
import json
import os
import re
import shutil
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout, suppress
from shlex import quote

FOLDER = sys.argv[1]
# What runs a machine, until the test ends.
LOOP = f"sleep 600 & echo $! >>{FOLDER}/loops; "
# Where its file systems are.
MOUNT = f"{FOLDER}/mnt"
SETTINGS = {"cpu": "1", "ram": "512M", "boot": "0", "loader": "bhyveload", "os": "default", "bargs": "-A_-H_-P"}
SETTINGS |= {"description": "Sat Nov 21 07:56:23 UTC 2026", "tap": "tap0", "con": "nmdm0", "utc": "YES", "vnc": "NO"}


# What 0.7.3 makes.
OLD = {key: value for key, value in SETTINGS.items() if key not in ("utc", "vnc")} | {"ram": "256M", "autogrub": "\\n"}


class World:
    # What the shell that called does after it has said all.
    leaves = ""

    def __enter__(self):
        self.file = open(os.path.join(FOLDER, "world.json"), "r+")
        fcntl.flock(self.file, fcntl.LOCK_EX)
        self.all = json.load(self.file)
        return self

    def __exit__(self, *_):
        self.file.seek(0)
        json.dump(self.all, self.file)
        self.file.truncate()
        self.file.close()

    def is_old(self):
        return self.all["version"] <= "v0.7.3"

    def table(self):
        rows = [["Guest", "VMM?", "Running", "rcboot?", "Description"]]
        yes = {True: "YES", False: "NO"}
        for name, guest in sorted(self.all["guests"].items()):
            # It takes them for its own.
            if self.is_old() and re.search("disk|ISO|Firmware", name):
                continue
            boot = guest["settings"]["boot"] == "1"
            states = [yes[guest["loaded"]], yes[guest["running"]], yes[boot]]
            rows.append([name, *states, guest["settings"]["description"]])
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        return [("  ".join(word.ljust(width) for word, width in zip(row, widths))).rstrip() for row in rows]


def datasets(world):
    """What zfs lists: the pools, and what iohyve has made in its own."""
    home, found = world.all.get("home"), ["zroot", "zroot/usr", "tank"]
    for pool in world.all.get("more", []):
        found += [pool, f"{pool}/iohyve"]
    found += world.all.get("replicas", {})
    if home:
        found += [home, f"{home}/Firmware", f"{home}/ISO", *(f"{home}/ISO/{iso}" for iso in world.all["isos"])]
        for name, guest in world.all["guests"].items():
            found += [f"{home}/{name}", *(f"{home}/{name}/{disk}" for disk in guest["disks"])]
    return found


def properties(world, words):
    """What `zfs get -H -p -o name,property,value` prints: of all file systems and volumes, or of these, or of what is below
    them too."""
    at = words.index("name,property,value")
    asked, names = words[at + 1].split(","), words[at + 2 :]
    home, guests = world.all.get("home") or "/", world.all["guests"]
    for name in datasets(world):
        if names and name not in names and not ("-r" in words and name.startswith(tuple(f"{one}/" for one in names))):
            continue
        replica = world.all.get("replicas", {}).get(name)
        if replica and replica[0] != "/":
            yield from (f"{name}\t{one}\t{volume(replica) if one == 'volsize' else '-'}" for one in asked)
            continue
        inside = name.removeprefix(home).strip("/").split("/")
        guest, known = guests.get(inside[0], {}), {"creation": 1763700000}
        if len(inside) == 2 and guest:
            known |= {"volsize": volume(guest["disks"][inside[1]]), "used": 10 << 30, "referenced": 56 << 10}
        else:
            known |= {"mountpoint": f"{MOUNT}{name.removeprefix(home)}", "used": 3 << 30, "available": 90 << 30}
        known |= {f"iohyve:{key}": value for key, value in guest.get("settings", {}).items()}
        yield from (f"{name}\t{one}\t{known.get(one, '-')}" for one in asked)


def volume(size):
    """A size of ZFS in bytes."""
    scale = 1 << 10 * ("KMGTPE".find(size[-1]) + 1)
    return int(float(size.rstrip("KMGTPE")) * scale)


def copy(world, path, to):
    """What a shell does to copy a file: as many bytes as the world's `copies`; the rest, unless it `cuts`, once there is a
    file `copied`."""
    path, to, part = quote(path), quote(to), world.all.get("copies")
    if part is None:
        return f"cp {path} {to}; "
    wait = f"while [ -d {FOLDER} ] && [ ! -e {FOLDER}/copied ]; do sleep 0.05; done; "
    return f"head -c {part} {path} >{to}; {wait}" + ("" if world.all.get("cuts") else f"cp {path} {to}; ")


def load(name, is_behind):
    """What a shell does while the loader shows its menu, and after that. Only a start has it behind itself."""
    with open(f"{FOLDER}/menu.{name}", "w"):
        pass
    wait = f"while [ -e {FOLDER}/menu.{name} ]; do sleep 0.05; done; [ ! -d {FOLDER} ] || {FOLDER}/bhyve {name}; "
    return f"{{ {wait}}} & " if is_behind else wait


def answer_menu(name):
    with suppress(FileNotFoundError):
        os.remove(f"{FOLDER}/menu.{name}")


def processes(world, pattern):
    """What `pgrep -fl` tells of machines."""
    if "processes" in world.all:
        return world.all["processes"]
    found = []
    if pattern in world.all["guests"]:
        found = [f"4710 /bin/sh /usr/local/sbin/iohyve start {pattern}", f"4711 bhyve: ioh-{pattern}"]
    for name, guest in world.all["guests"].items():
        if "loading" in guest:
            script = f"4720 /bin/sh /usr/local/sbin/iohyve {' '.join(guest['loading'])}"
            found = [script, f"4721 grub-bhyve -m /iohyve/{name}/device.map -r cd0 -c /dev/nmdm0A -M 512M ioh-{name}"]
    return [line for line in found if re.search(pattern, line)]


def delete_by_pattern(world, pattern):
    """Destroys whatever has the pattern in its name, and all below it, as iohyve did before 0.7.6."""
    found = [name for name in datasets(world) if re.search(pattern, name)]
    print(*(f"Deleting {pattern} at {name}..." for name in found), sep="\n")
    home, guests = world.all["home"], world.all["guests"]

    def is_gone(name):
        return any(f"{name}/".startswith(f"{one}/") for one in found)

    world.all["isos"] = [iso for iso in world.all["isos"] if not is_gone(f"{home}/ISO/{iso}")]
    world.all["guests"] = {name: guest for name, guest in guests.items() if not is_gone(f"{home}/{name}")}
    if is_gone(home):
        world.all["home"] = None


def iohyve(world, command, *words):
    guests, isos = world.all["guests"], world.all["isos"]
    lies = command in world.all.get("lies", [])
    of = next((word for word in words if word not in ("-f", "-r")), "").split("@")[0]
    guest = guests.get(of)
    match [command, *words]:
        case ["version"]:
            print(f"iohyve {world.all['version']} 2017/06/26 I Believe in You, You Can Do the Thing Edition")
        case ["list"]:
            print(*world.table(), sep="\n")
        case ["isolist"]:
            print("Listing ISO's...", *isos, sep="\n")
        case ["disks", _] if guest is None:
            print("Not a valid guest name")
        case ["disks", name]:
            print(f"Listing  disks  for  {name}...\ndiskN    Size        ")
            # Whatever volume's name ends so, in the order of their names.
            found = {f"{world.all['home']}/{name}/{disk}": size for disk, size in guest["disks"].items()}
            found |= {one: size for one, size in world.all.get("replicas", {}).items() if f"/iohyve/{name}/disk" in one}
            for one, size in sorted(found.items()):
                print(f"{one.split('/')[-1].ljust(9)}{size.ljust(12)}")
        case ["getall", name]:
            print(f"Getting {name} {'props' if world.is_old() else 'iohyve properties'}...")
            if guest is None:
                print(f"cannot open '/iohyve/{name}': not a ZFS filesystem", file=sys.stderr)
            for key, value in sorted((guest or {"settings": {}})["settings"].items()):
                print(f"{key.ljust(12)} {value}")
        case ["set", name, *_] if guest is None:
            print(f"Guest {name} doesn't exist!")
            return 1
        case ["set", name, pair]:
            key, value = pair.split("=", 1)
            print(f"Setting {name} {key}={value}...")
            if not lies:
                guest["settings"][key] = value
        case ["create" | "add", name, _, pool] if f"{pool}/iohyve" not in datasets(world):
            print(f"cannot create '{pool}/iohyve/{name}': parent does not exist", file=sys.stderr)
            return 1
        case ["create", name, size, *_]:
            print(f"Creating {name}...")
            if guest:
                print(f"cannot create 'tank/iohyve/{name}': dataset already exists", file=sys.stderr)
                return 1
            if not lies:
                new = {"loaded": False, "running": False, "disks": {"disk0": size}, "settings": OLD if world.is_old() else SETTINGS}
                guests[name] = new
        case ["start" | "install", *_] if guest is None and world.is_old():
            print("Not a valid guest name")
        case ["start" | "install", name, *_] if guest is None:
            print(f"guest {name} doesn't exist")
            return 1
        case ["start" | "install", *_] if guest["running"]:
            print("Guest is already running.")
        case ["start" | "install", name, *_]:
            print(f"Starting {name}... (Takes 15 seconds for FreeBSD guests)" if command == "start" else "Installing...")
            if not lies and guest["settings"]["loader"] == "grub-bhyve":
                print("GRUB Process does not run in background....")
                guest |= {"loaded": True, "loading": [command, *words]}
                world.leaves = load(name, command == "start")
            elif not lies:
                disks = [one for one in sorted(datasets(world)) if "disk0" in one]
                # The old one starts the first whose name it finds the machine's in.
                own = rf"{name}" if world.all["version"] < "v0.7.6" else rf"/iohyve/{name}/disk0$"
                guest |= {"loaded": True, "running": True, "from": [one for one in disks if re.search(own, one)][0]}
                world.leaves = LOOP
        case ["stop", name]:
            print(f"Stopping {name}...")
            if guest and guest["running"] and not lies:
                guest |= {"loaded": world.all.get("stays", False), "running": False}
            elif (not guest or not guest["running"]) and not world.is_old():
                print(f"{name} not running")
        case ["forcekill" | "destroy", name]:
            print("Destroying", name)
            if guest and not lies:
                guest |= {"loaded": False, "running": False}
                guest.pop("loading", None)
                answer_menu(name)
        case ["delete", "-f", name] if guest is None:
            print(f"guest {name} doesn't exist")
            return 1
        case ["delete", "-f", name] if world.all["version"] < "v0.7.6":
            delete_by_pattern(world, name)
        case ["delete", "-f", name]:
            print(f"\n[WARNING] Forcing permanent deletion of {name}\nDeleting {name} at tank/iohyve/{name}...")
            if not lies:
                del guests[name]
        case ["rename", *_] if guest is None:
            print(f"guest {of} doesn't exist")
            return 1
        case ["rename", name, new]:
            print(f"Renaming {name} to {new}...")
            if not lies:
                guests[new] = guests.pop(name)
        case ["snap" | "roll" | "clone" | "rmsnap", *_] if guest is None:
            print("Not a valid guest name")
        case ["snap", full]:
            print(f"Taking snapshot {full}")
            taken, name = guest.setdefault("snapshots", []), full.split("@")[1]
            if name in [snapshot["name"] for snapshot in taken]:
                print(f"cannot create snapshot 'tank/iohyve/{full}': dataset already exists", file=sys.stderr)
            elif not lies:
                taken.append({"name": name, "disks": dict(guest["disks"])})
        case ["snaplist"]:
            # What is not a machine's has snapshots, too; without any, its last grep fails.
            full = [f"{name}@{one['name']}" for name, of in sorted(guests.items()) for one in of.get("snapshots", [])]
            print(*["ISO@nightly"] * bool(full), *full, sep="\n", end="\n" * bool(full))
            return 0 if full else 1
        case ["roll", full]:
            print(f"Rolling back to {full}")
            taken = guest.get("snapshots", [])
            at = [snapshot["name"] for snapshot in taken].index(full.split("@")[1])
            if guest["running"]:
                print("Please stop the guest first")
            elif lies:
                print(f"cannot rollback to 'tank/iohyve/{full}': dataset is busy", file=sys.stderr)
            else:
                # Whatever is newer goes.
                guest["disks"], guest["snapshots"] = dict(taken[at]["disks"]), taken[: at + 1]
        case ["rmsnap", "-f", full] if "@" not in full:
            # It removes the machine.
            del guests[full]
        case ["rmsnap", "-f", full]:
            print(f"Deleting snapshot {full}...")
            if not lies:
                guest["snapshots"] = [one for one in guest["snapshots"] if one["name"] != full.split("@")[1]]
        case ["clone", "-r", name, new]:
            print(f"Cloning {name} to {new}")
            if not lies:
                # The snapshot that it sends is called as the copy; it is removed, whoever took it.
                guest["snapshots"] = [one for one in guest.get("snapshots", []) if one["name"] != new]
                guests[new] = json.loads(json.dumps(guest))
                guests[new]["settings"] |= {"tap": f"tap{len(guests)}", "con": f"nmdm{len(guests)}"}
        case ["add", name, size, *_]:
            print(f"Creating new zvol for {name}...")
            if guest and not lies:
                guest["disks"][f"disk{len(guest['disks'])}"] = size
        case ["resize", name, disk, size]:
            print(f"Resizing {disk} to {size}")
            if guest and guest["running"]:
                print("Please stop the guest first")
            elif guest and not lies:
                # It shrinks as readily as it grows.
                guest["disks"][disk] = size
        case ["remove", "-f", name, disk]:
            print(f"Removing {disk} from {name}")
            if not guest or lies or not guest["disks"].pop(disk, None):
                print("Not a valid PCIDEV property")
        case ["cpiso", path]:
            name = os.path.basename(path)
            print(f"Copying {name} from {path}...")
            # The entry is made first, and stays whatever comes; one that was there is written into.
            if name in isos:
                print(f"cannot create 'tank/iohyve/ISO/{name}': dataset already exists", file=sys.stderr)
            isos[:] = [*(iso for iso in isos if iso != name), name]
            os.makedirs(f"{MOUNT}/ISO/{name}", exist_ok=True)
            if lies or not os.path.exists(path):
                print(f"cp: {path}: No space left on device", file=sys.stderr)
                return 1
            world.leaves = copy(world, path, f"{MOUNT}/ISO/{name}/{name}")
        case ["renameiso", old, new]:
            print(f"Renaming ISO {old} to {new}...")
            isos[:] = [new if iso == old else iso for iso in isos]
        case ["rmiso", name]:
            print(f"Deleting {name}...")
            if not lies:
                isos[:] = [iso for iso in isos if iso != name]
                shutil.rmtree(f"{MOUNT}/ISO/{name}", ignore_errors=True)
        case ["setup", pool, "kmod=1", _] if pool.removeprefix("pool=") != "tank":
            print("There are errors with the pool or pool name.")
            return 1
        case ["setup", *_]:
            print("Setting up iohyve pool...")
            world.all["home"] = "tank/iohyve"
            # A device that is not there is taken for set up, too.
            if words[-1] == "net=em0":
                world.all["bridged"] = "em0"
        case _:
            print("missing argument\nusage:")
            return 1
    return 0


def console(name):
    """cu on the machine's line: it speaks until it reads `~.`."""
    print(f"Starting console on {name}...\n~~. to escape console [uses cu(1) for console]\nConnected", flush=True)
    for line in sys.stdin:
        if line.strip() == "boot":
            answer_menu(name)
        if line.strip() == "~.":
            print("Disconnected.")
            return 0
        print(f"{name} heard {line.strip()}", flush=True)
    return 1


def run(called, words):
    """Does what `called` does; tells how it ends, and what it leaves behind."""
    with World() as world:
        with open(f"{FOLDER}/calls.log", "a") as log:
            print(called, *words, file=log)
        match called:
            case "iohyve":
                code = iohyve(world, *words)
                if words[0] in world.all.get("hangs", []):
                    world.leaves = LOOP + "wait; "
            case "id":
                code = print(world.all.get("user", 0))
            case "zfs" if words[0] == "get":
                code = print(*properties(world, list(words)), sep="\n")
            case "zfs":
                # What it could not read is missing from what it tells.
                home, mounts = world.all.get("home") or "/", "name,mountpoint" in words
                names = [name for name in datasets(world) if "-d" not in words or name.count("/") <= int(words[-1])]
                print(*(f"{name}\t{MOUNT}{name.removeprefix(home)}" if mounts else name for name in names), sep="\n")
                print(world.all.get("broken") or "", end="", file=sys.stderr)
                code = 1 if world.all.get("broken") else 0
            case "sysctl":
                told = {"kern.hostname": "bsd1.example", "hw.ncpu": 8, "hw.physmem": 17 << 30, "hw.pagesize": 4096}
                told |= {"vm.stats.vm.v_free_count": 2 << 20, "vm.stats.vm.v_inactive_count": 1 << 18}
                told |= {"vm.loadavg": "{ 0.25 0.30 0.28 }"}
                code = print(*(f"{name}: {told[name]}" for name in words), sep="\n")
            case "zpool":
                code = print(*world.all.get("pools", ["tank\t90G"]), sep="\n")
            case "ifconfig" if words[0] == "-a":
                print("em0: flags=1008943<UP>\nbridge0: flags=1008843<UP>")
                code = print(f"\tmember: {world.all['bridged']} flags=143<LEARNING>" if "bridged" in world.all else "")
            case "ifconfig":
                code = print("em0 bridge0 tap0")
            case "sysrc" if words[0] == "-n":
                value = world.all.get("rc.conf" if words[1] == "iohyve_flags" else words[1])
                print(value or "", end="" if value is None else "\n")
                code = 1 if value is None else 0
            case "sysrc":
                if world.all.get("is_read_only"):
                    print("sysrc: /etc/rc.conf: Read-only file system", file=sys.stderr)
                    code = 1
                else:
                    world.all["rc.conf"] = words[-1].removeprefix("iohyve_flags=")
                    world.all["iohyve_enable"] = words[0].removeprefix("iohyve_enable=")
                    code = print("iohyve_enable: NO -> YES")
            case "pgrep":
                found = processes(world, words[-1])
                print(*found, sep="\n", end="\n" * bool(found))
                code = 0 if found else 1
            case "bhyve":
                guest = world.all["guests"].get(words[0], {})
                code = 0 if guest.pop("loading", None) else 4
                if code == 0:
                    guest["running"] = True
        return code or 0, world.leaves


def answer(caller):
    """Reads what this process was called with, and writes what its shell has to do."""
    asked, way = f"{FOLDER}/words.{caller}", f"{FOLDER}/answer.{caller}"
    with open(asked) as file:
        called, *words = file.read().split("\0")[:-1]
    if words[:1] == ["console"]:
        script = f"exec python3 -S -E {sys.argv[0]} {FOLDER} {quote(words[1])}"
    else:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code, leaves = run(called, words)
        said = f"printf %s {quote(out.getvalue())}; printf %s {quote(err.getvalue())} >&2; "
        script = f"{said}{leaves}exit {code}"
    # Whoever called may be gone by now.
    with suppress(BrokenPipeError), open(way, "w") as shell:
        os.remove(asked)
        os.remove(way)
        shell.write(script)


def main():
    if len(sys.argv) > 2:
        sys.exit(console(sys.argv[2]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # Open for writing too, so that it has no end.
    with open(os.open(f"{FOLDER}/asked", os.O_RDWR)) as callers:
        for caller in callers:
            if os.fork() == 0:
                # Or it never comes to read.
                signal.alarm(60)
                answer(caller.strip())
                os._exit(0)


main()
