"""Debian's other servers as child processes, each with a configuration of its own that serves a folder.

Nothing outside of the temporary folder is read or written but the servers' programs, modules and
tables of types. Ports are free ones; what is started is ended.
"""
import grp
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from support import PATIENCE, eventually, _in_child, write_file

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin"


def free_port():
    """One that nobody has now. The server may find it taken: then it is started again."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Peer:
    """A server of Debian. A subclass says how it is configured and started."""
    name = package = program = None
    version_args = ("-v",)

    @classmethod
    def find(cls):
        return shutil.which(cls.program, path=PATH)

    @classmethod
    def version(cls):
        done = subprocess.run([cls.find(), *cls.version_args], capture_output=True, text=True)
        return re.search(r"\d+\.\d+[.\d]*", done.stdout + done.stderr)[0]

    def __init__(self, root):
        self.root, self.process = root, None
        self.temp = tempfile.mkdtemp(prefix="weir-peer-")
        os.chmod(self.temp, 0o755)
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    @property
    def host(self):
        return "127.0.0.1:%d" % self.port

    def path(self, name):
        return os.path.join(self.temp, name)

    def start(self):
        for _ in range(3):
            self.port = free_port()
            config = write_file(self.path("conf"), self.config())
            with open(self.path("output"), "wb") as out:
                # A group of its own, so that its workers end with it.
                self.process = subprocess.Popen(
                    [self.find(), *self.args(config)], stdin=subprocess.DEVNULL, stdout=out,
                    stderr=out, cwd=self.temp, start_new_session=True, preexec_fn=_in_child())
            if eventually(lambda: self.process.poll() is not None or self.answers()) and \
                    self.process.poll() is None:
                return
            self.end_process()
        raise AssertionError("%s did not start: %s" % (self.name, self.log()))

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                s.sendall(b"GET / HTTP/1.0\r\n\r\n")
                return bool(s.recv(1))
        except OSError:
            return False

    def log(self):
        text = ""
        for name in ("output", "error.log"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), errors="backslashreplace") as f:
                    text += f.read()
        return text[-4000:]

    def end_process(self):
        if not self.process:
            return
        for sig in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, sig)
            except ProcessLookupError:
                break
            try:
                self.process.wait(PATIENCE / 4)
            except subprocess.TimeoutExpired:
                continue
        self.process.wait()
        self.process = None

    def stop(self):
        self.end_process()
        shutil.rmtree(self.temp, ignore_errors=True)


class Nginx(Peer):
    name, package, program = "nginx", "nginx-light", "nginx"

    def args(self, config):
        return ["-p", self.temp, "-c", config, "-e", self.path("error.log")]

    def config(self):
        temps = "".join("  %s_temp_path %s;\n" % (kind, self.path(kind)) for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return """daemon off;
master_process off;
pid %(temp)s/pid;
error_log %(temp)s/error.log;
events { worker_connections 256; }
http {
%(temps)s  access_log off;
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  server { listen 127.0.0.1:%(port)d; root %(root)s; }
}
""" % {"temp": self.temp, "temps": temps, "port": self.port, "root": self.root}


class H2o(Peer):
    name = package = program = "h2o"

    def args(self, config):
        return ["-m", "worker", "-c", config]

    def config(self):
        return """num-threads: 1
listen:
  host: 127.0.0.1
  port: %(port)d
hosts:
  default:
    paths:
      /:
        file.dir: %(root)s
""" % {"port": self.port, "root": self.root}


class Lighttpd(Peer):
    name = package = program = "lighttpd"

    def args(self, config):
        return ["-D", "-f", config]

    def config(self):
        return """server.document-root = "%(root)s"
server.bind = "127.0.0.1"
server.port = %(port)d
server.errorlog = "%(temp)s/error.log"
server.upload-dirs = ( "%(temp)s" )
index-file.names = ( "index.html" )
include_shell "/usr/share/lighttpd/create-mime.conf.pl"
""" % {"temp": self.temp, "port": self.port, "root": self.root}


class Apache(Peer):
    name, package, program = "apache", "apache2", "apache2"
    modules = ("mpm_event", "authz_core", "dir", "mime", "filter", "deflate", "reqtimeout")

    def args(self, config):
        return ["-D", "FOREGROUND", "-f", config]

    def config(self):
        """As Debian's, of which the modules and the options of the folder are taken over."""
        load = "".join("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n" % (m, m)
                       for m in self.modules)
        user = "User nobody\nGroup %s\n" % grp.getgrgid(65534).gr_name if os.getuid() == 0 else ""
        return """%(load)s%(user)sServerRoot %(temp)s
DefaultRuntimeDir %(temp)s
PidFile %(temp)s/pid
ErrorLog %(temp)s/error.log
Mutex file:%(temp)s
Listen 127.0.0.1:%(port)d
ServerName localhost
TypesConfig /etc/mime.types
DirectoryIndex index.html
DocumentRoot %(root)s
AddOutputFilterByType DEFLATE text/html text/plain text/css
<Directory %(root)s>
  Options Indexes FollowSymLinks
  AllowOverride None
  Require all granted
</Directory>
""" % {"load": load, "user": user, "temp": self.temp, "port": self.port, "root": self.root}


PEERS = (Nginx, H2o, Lighttpd, Apache)
