"""What the tests of configurations share: a file, a server that reads it, a service manager."""
import contextlib
import json
import os
import signal
import socket
import sys
import tempfile

from support import PATIENCE, Client, Server, TempCase, write_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../plugins"))
from building import build  # noqa: E402


def place(address):
    """As Client wants it."""
    if address.startswith("unix:"):
        return address[len("unix:"):]
    host, port = address.rsplit(":", 1)
    return host.strip("[]"), int(port)


def service_plugin(text="first"):
    """The plugin of tests/plugins/service.c; `text` is compiled in."""
    return build("plugins/service.c", '-DBUILD="%s"' % text)


class Manager:
    """Hears what a program says to its service manager: sd_notify(3)."""

    def __init__(self, is_abstract=True):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-notify-")
        os.chmod(self.folder.name, 0o755)
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.settimeout(PATIENCE)
        path = os.path.join(self.folder.name, "notify")
        if is_abstract:
            self.name = "@" + path
            self.sock.bind("\0" + path)
        else:
            self.name = path
            self.sock.bind(path)
            os.chmod(path, 0o777)  # as that of systemd

    @property
    def env(self):
        return {"NOTIFY_SOCKET": self.name}

    def hear(self):
        """The next message, as a dict."""
        text = self.sock.recv(65536).decode()
        pairs = [line.split("=", 1) for line in text.rstrip("\n").split("\n")]
        if len(dict(pairs)) != len(pairs):
            raise AssertionError("a variable comes twice: %r" % text)
        return dict(pairs)

    def hear_all(self):
        """What is there already."""
        out = []
        self.sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                out.append(self.hear())
        self.sock.settimeout(PATIENCE)
        return out

    def close(self):
        self.sock.close()
        self.folder.cleanup()


class ConfigCase(TempCase):
    """A folder with a configuration, weir.json, which self.configure() writes."""

    def setUp(self):
        super().setUp()
        write_file(self.path("index.html"), "hello")
        self.file = os.path.join(self.temp, "weir.json")
        self.manager = Manager()
        self.addCleanup(self.manager.close)

    def configure(self, text=None, **keys):
        """Replaces the file in one step, as an editor does: text, or keys in JSON."""
        if text is None:
            keys.setdefault("listen", ["127.0.0.1:0"])
            text = json.dumps(keys, indent=2)
        write_file(self.file + ".new", text)
        os.rename(self.file + ".new", self.file)
        return self.file

    def serve_config(self, *options, folder=None, **how):
        """A server of that file. Its addresses are those of the file."""
        how.setdefault("env", self.manager.env)
        how.setdefault("listen", ())
        server = Server(folder, "--config", self.file, *options, **how)
        self.addCleanup(server.temp.cleanup)
        self.addCleanup(server.kill)
        if "NOTIFY_SOCKET" in how["env"]:
            self.manager.hear()
        return server

    def reload(self, server):
        """What is said of it at the end."""
        server.process.send_signal(signal.SIGHUP)
        begin = self.manager.hear()
        self.assertEqual(begin["RELOADING"], "1")
        self.assertGreater(int(begin["MONOTONIC_USEC"]), 0)
        end = self.manager.hear()
        self.assertEqual(end["READY"], "1")
        return end["STATUS"]

    def reload_well(self, server):
        """The addresses."""
        status = self.reload(server)
        self.assertTrue(status.startswith("serving on "), status)
        return status[len("serving on "):].split(", ")

    def get(self, server, target, *fields, at=None):
        """From the server's first address, or `at` another: "127.0.0.2:34567", "unix:/path"."""
        with Client(address=place(at or server.addresses[0])) as c:
            return c.get(target, *fields)

    def fifo(self, name="fifo"):
        path = os.path.join(self.temp, name)
        os.mkfifo(path)
        os.chmod(path, 0o666)
        return path
