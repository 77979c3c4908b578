"""The servers: how each is found, configured and started. One table; a new server is an entry in it.

In arguments and configurations these are filled in: %(port)s, a free port; %(ready)s, a descriptor to
which a server that chooses its own port writes "address:port"; %(root)s, the folder that is served;
%(temp)s, a folder of its own, in which its configuration is %(config)s; %(hello)s, the plugin, and
%(apps)s, the folder of this and of other plugins; %(workers)s, how many loops, threads or processes.
"""
import dataclasses
import json
import os
import re
import shutil
import subprocess

from cases import CASES, ROUTES

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin"
FILES = {case.name: "/" + case.file for case in CASES if case.file}
TREE = {case.name: "" for case in CASES if case.is_tree}  # the targets are the tree's
IS_ROOT = os.geteuid() == 0


@dataclasses.dataclass(frozen=True)
class Server:
    name: str
    program: str        # a name to look for, or the path of what was built
    arguments: tuple
    targets: dict       # name of a case: what is asked for
    config: str = ""
    how: str = ""       # for the document
    package: str = ""   # Debian's
    version_option: str = ""
    variants: dict = dataclasses.field(default_factory=dict)  # name of a case: {what is other for it}

    def of(self, case):
        """As it is started for this case."""
        return dataclasses.replace(self, **self.variants.get(case.name, {}))

    def find(self):
        return shutil.which(self.program, path=PATH)

    @property
    def tells_port(self):
        return any("%(ready)s" in a for a in self.arguments)

    def version(self):
        if not self.version_option:
            return ""
        done = subprocess.run([self.find(), self.version_option], capture_output=True, text=True)
        found = re.search(r"\d+\.\d+[.\d]*", done.stdout + done.stderr)
        return found[0] if found else "unknown"


NGINX = """daemon off;
%(nginx_user)s
worker_processes %(workers)s;
pid %(temp)s/pid;
error_log %(temp)s/error.log;
events { worker_connections 15000; use epoll; multi_accept on; }
http {
  types { text/plain txt; text/html html; text/css css; text/javascript js;
          application/json json; image/png png; application/octet-stream bin; }
  client_body_temp_path %(temp)s/b; proxy_temp_path %(temp)s/p; fastcgi_temp_path %(temp)s/f;
  uwsgi_temp_path %(temp)s/u; scgi_temp_path %(temp)s/s;
  access_log off; sendfile on; tcp_nopush on; tcp_nodelay on; etag on;
  gzip_static on; gzip on; gzip_types text/plain;
  keepalive_timeout 120; keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=60s; open_file_cache_valid 30s;
  server { listen 127.0.0.1:%(port)s reuseport backlog=4096; root %(root)s;
    location = /hello { default_type text/plain; return 200 "Hello, World!\\n"; }
@routes@  }
}
"""

H2O = """listen: {host: 127.0.0.1, port: %(port)s}
num-threads: %(workers)s
max-connections: 15000
http1-request-timeout: 120
%(h2o_user)s
hosts:
  default:
    paths:
      /: {file.dir: "%(root)s", file.send-compressed: ON, compress: [gzip]}
"""

LIGHTTPD = """server.port = %(port)s
server.bind = "127.0.0.1"
server.document-root = "%(root)s"
server.errorlog = "%(temp)s/error.log"
server.modules = ( "mod_deflate" )
server.max-keep-alive-requests = 1000000000
server.max-keep-alive-idle = 120
server.listen-backlog = 4096
server.event-handler = "linux-sysepoll"
server.network-backend = "sendfile"
mimetype.assign = ( ".txt" => "text/plain", ".html" => "text/html", ".css" => "text/css",
  ".js" => "text/javascript", ".json" => "application/json", ".png" => "image/png",
  ".bin" => "application/octet-stream" )
deflate.mimetypes = ( "text/plain" )
deflate.allowed-encodings = ( "gzip" )
deflate.cache-dir = "%(temp)s"
"""

USERS = {"nginx_user": "user root;" if IS_ROOT else "", "h2o_user": "user: root" if IS_ROOT else ""}

# Half of the routes are one page that has moved, half are a folder and all below it.
MOVED = ["/old/page-%d.html" % i for i in range(ROUTES // 2)]
SITES = ["/site-%d/" % i for i in range(ROUTES - len(MOVED))]


def nginx(routes=""):
    return NGINX.replace("@routes@", routes)


def nginx_routes():
    return "".join(["    location = %s { return 301 /new; }\n" % path for path in MOVED] +
                   ["    location %s { root %%(root)s; }\n" % path for path in SITES])


def weir_routes():
    routes = [{"path": path, "exact": True, "redirect": "/new"} for path in MOVED]
    routes += [{"path": path, "static": "%(root)s"} for path in SITES]
    routes += [{"path": "/hello", "plugin": "%(hello)s"}, {"path": "/", "static": "%(root)s"}]
    return json.dumps({"listen": ["127.0.0.1:0"], "routes": routes})


def hellos(target, *others):
    """The cases that a plugin which says hello answers."""
    return {case.name: target for case in CASES if case.name.startswith("hello") or case.name in others}


WEIR = ("--loops", "%(workers)s", "--quiet", "--ready-fd", "%(ready)s")
WEIR_SERVE = ("serve", "%(root)s", "--listen", "127.0.0.1:0", *WEIR, "--plugin", "/hello=%(hello)s")


def servers(weir, limit):
    """All of them; `weir` and `limit` are paths of programs. limit is first: ratios are to it."""
    return (
        Server("limit", limit, ("%(root)s", "%(ready)s", "%(workers)s"),
               {**hellos("/h", "environ"), "hello-close": "/c", "static-1k": "/s", "static-1k-browser": "/s",
                "static-4k": "/4", "static-16k": "/6", "static-64k": "/k", "static-100k": "/f",
                "static-10m": "/l", "drain-10m": "/l", "static-304": "/n", "gzip-sibling": "/g",
                "gzip-dynamic": "/g", "upload-100m": "/u", **TREE},
               how="the yardstick, `tools/bench.d/limit.c`: a bare epoll loop that does not parse and sends "
                   "answers that it has ready; of the tree it opens, reads and closes each file"),
        Server("weir", weir, WEIR_SERVE,
               {**hellos("/hello"), "environ": "/environ?name=value&other=1", "upload-100m": "/drop", **FILES,
                **TREE},
               how="one loop, no access log, else its defaults", version_option="--version",
               variants={"environ": {"arguments": (*WEIR_SERVE, "--plugin", "/environ=%(apps)s/environ.so")},
                         "upload-100m": {"arguments": (*WEIR_SERVE, "--plugin", "/drop=%(apps)s/drop.so")},
                         "hello-routes": {"arguments": ("--config", "%(config)s", *WEIR),
                                          "config": weir_routes()}}),
        Server("nginx", "nginx", ("-p", "%(temp)s", "-c", "%(config)s", "-e", "%(temp)s/error.log"),
               {**hellos("/hello"), **FILES, **TREE}, nginx(),
               how="one worker, no access log, sendfile, open_file_cache of 1,000 files, gzip_static and "
                   "gzip; hello by `return 200`", package="nginx-light", version_option="-v",
               variants={"hello-routes": {"config": nginx(nginx_routes())}}),
        Server("h2o", "h2o", ("-m", "worker", "-c", "%(config)s"), {**FILES, **TREE}, H2O,
               how="one thread, file.send-compressed and compress; no hello", package="h2o",
               version_option="-v"),
        Server("lighttpd", "lighttpd", ("-D", "-f", "%(config)s"), {**FILES, **TREE}, LIGHTTPD,
               how="sendfile; compresses once and keeps that in deflate.cache-dir, does not look for a "
                   "sibling; no hello", package="lighttpd lighttpd-mod-deflate", version_option="-v"),
    )
