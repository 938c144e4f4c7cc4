"""An FTP server of one folder on loopback: writes its port, then each command that comes
and each line of its standard input; ends with that."""
import argparse
import os
import signal
import sys
import threading

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.servers import FTPServer

words = argparse.ArgumentParser()
words.add_argument("folder")
words.add_argument("--host", default="127.0.0.1")
words.add_argument("--tls", choices=["explicit", "implicit"])
words.add_argument("--certificate")
words.add_argument("--key")
words.add_argument("--lacks", action="append", default=[], help="a command that it does not know")
words.add_argument("--cut", action="append", type=int, default=[], help="bytes after which the next transfer breaks")
words.add_argument("--halt", type=int, help="bytes after which the whole server stands still")
words.add_argument("--fast", action="store_true", help="send files as fast as it goes, without breaking")
words = words.parse_args()
cuts = list(words.cut)


class Breaking:
    """Sends so many bytes of a file, and then breaks or stands still."""

    left = None

    def send(self, data):
        if self.left is None:
            halt = sys.maxsize if words.halt is None else words.halt
            self.left = cuts.pop(0) if cuts else halt
        if self.left == 0 and words.halt is not None:
            os.kill(os.getpid(), signal.SIGSTOP)
        if self.left == 0:
            self.cmd_channel.close()
            return 0
        sent = super().send(data[: self.left])
        self.left -= sent
        return sent


class Plain(Breaking, DTPHandler):
    pass


class Secure(Breaking, TLS_DTPHandler):
    pass


def tell(line):
    # In one piece: two threads tell.
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Told:
    """Tells what is asked of it."""

    # Through it nothing is counted.
    use_sendfile = words.fast

    def pre_process_command(self, line, cmd, arg):
        tell(line)
        super().pre_process_command(line, cmd, arg)


class PlainSession(Told, FTPHandler):
    dtp_handler = Plain


class SecureSession(Told, TLS_FTPHandler):
    dtp_handler = Secure
    certfile = words.certificate
    keyfile = words.key
    tls_control_required = True
    tls_data_required = True


class ImplicitSession(SecureSession):
    def handle(self):
        self.secure_connection(self.ssl_context)
        super().handle()


kinds = {None: PlainSession, "explicit": SecureSession, "implicit": ImplicitSession}
session = kinds[words.tls]
session.proto_cmds = {name: how for name, how in session.proto_cmds.items() if name not in words.lacks}
session.authorizer = DummyAuthorizer()
session.authorizer.add_anonymous(words.folder)
session.authorizer.add_user("me", "s@cret", words.folder)
# A wrong password is told at once.
session.auth_failed_timeout = 0

server = FTPServer((words.host, 0), session)
print(server.socket.getsockname()[1], flush=True)


def until_forsaken():
    for line in sys.stdin:
        tell(line.rstrip())
    os._exit(0)


threading.Thread(target=until_forsaken, daemon=True).start()
server.serve_forever(handle_exit=False)
