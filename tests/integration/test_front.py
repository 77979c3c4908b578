"""The proxies in front of Weir that docs/deploy ships, as they are shipped, but for addresses, paths
and the certificate. Skipped where nginx, HAProxy or openssl is not installed.

The test opens the proxy's port itself and hands the socket over: no port is guessed, and who connects
before the proxy is ready waits for it.
"""
import http.client
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

from support import PATIENCE, Client, Server, TempCase, _in_child, pattern, write_file

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
sys.path.insert(0, os.path.join(TOP, "tests/plugins"))
from building import build  # noqa: E402

NAME = "example.org"
UPLOAD = 20 * 1024 * 1024


def command(name):
    """Daemons lie in /usr/sbin, which is not on the path of everybody."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin:/sbin")
    if not path:
        raise unittest.SkipTest("%s is not installed" % name)
    return path


def replace(text, old, new):
    """Each line that begins so; at least one."""
    text, n = re.subn(r"^(\s*)%s.*$" % re.escape(old), lambda m: m[1] + new, text, flags=re.M)
    if n == 0:
        raise AssertionError("the configuration has no line %r" % old)
    return text


def shipped(name):
    with open(os.path.join(TOP, "docs/deploy", name), encoding="utf-8") as f:
        return f.read()


def fnv1a(data):
    h = 14695981039346656037
    for byte in data:
        h = (h ^ byte) * 1099511628211 & 0xffffffffffffffff
    return h


class TlsClient(Client):
    def __init__(self, port, certificate, protocols=("http/1.1",)):
        super().__init__(address=("127.0.0.1", port))
        context = ssl.create_default_context(cafile=certificate)
        context.set_alpn_protocols(list(protocols))
        self.host = NAME
        try:
            self.sock = context.wrap_socket(self.sock, server_hostname=NAME)
        except BaseException:
            self.sock.close()
            raise


class Front(TempCase):
    """What is the same for all of them. A subclass has start(), which starts the proxy."""

    down = None  # what clients get when Weir does not run

    @classmethod
    def setUpClass(cls):
        if cls is Front:
            raise unittest.SkipTest("the checks that its subclasses run")
        cls.program = command(cls.__name__.lower())
        cls.certificates = tempfile.mkdtemp(prefix="weir-front-")
        cls.addClassCleanup(shutil.rmtree, cls.certificates, ignore_errors=True)
        os.chmod(cls.certificates, 0o755)
        cls.certificate = os.path.join(cls.certificates, "fullchain.pem")
        cls.key = os.path.join(cls.certificates, "privkey.pem")
        subprocess.run(
            [command("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
             "/CN=" + NAME, "-addext", "subjectAltName=DNS:" + NAME, "-keyout", cls.key, "-out",
             cls.certificate], check=True, capture_output=True)
        cls.plugin = build("plugins/front.c")

    def setUp(self):
        super().setUp()
        write_file(self.path("index.html"), "hello")
        self.gate_path = os.path.join(self.temp, "gate")
        os.mkfifo(self.gate_path)
        self.gate = os.open(self.gate_path, os.O_RDWR)
        self.addCleanup(os.close, self.gate)
        self.plain, self.tls = self.listener(), self.listener()
        self.plain_port, self.tls_port = (s.getsockname()[1] for s in (self.plain, self.tls))

    def listener(self):
        s = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(s.close)
        return s

    def weir(self, listen="127.0.0.1:0"):
        folder = os.path.join(os.environ["WEIR_BUILD"], "plugins")
        options = ["--plugin", "/front=%s:{\"gate\": \"%s\"}" % (self.plugin, self.gate_path)]
        for name in ("echo", "environ"):
            options += ["--plugin", "/%s=%s/%s/%s.so" % (name, folder, name, name)]
        server = self.serve(*options, listen=(listen,), loops=1)
        self.addCleanup(server.stop)  # looks for reports of sanitizers
        if listen.startswith("unix:"):
            os.chmod(listen[len("unix:"):], 0o666)
        return server

    def run_proxy(self, *args, env=None):
        """Hands both listening sockets over."""
        log = open(os.path.join(self.temp, "proxy.log"), "w+b")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [self.program, *args], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            pass_fds=(self.plain.fileno(), self.tls.fileno()), preexec_fn=_in_child(), cwd=self.temp,
            env=dict(os.environ, **(env or {})))
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)  # runs first
        self.plain.close()  # if the proxy ends, clients are refused and do not wait
        self.tls.close()

    def proxy_log(self):
        with open(os.path.join(self.temp, "proxy.log"), errors="replace") as f:
            return f.read()

    def client(self, **how):
        try:
            c = TlsClient(self.tls_port, self.certificate, **how)
        except OSError as e:
            raise AssertionError("%s; %s" % (e, self.proxy_log())) from e
        self.addCleanup(c.close)
        return c

    def curl(self, target, *options):
        where = "%s:443:127.0.0.1:%d" % (NAME, self.tls_port)
        return subprocess.run(
            [command("curl"), "-sS", "-m", str(PATIENCE), "--cacert", self.certificate, "--connect-to",
             where, *options, "https://%s%s" % (NAME, target)], capture_output=True, check=False)

    def environ(self, client, *fields):
        """What a plugin is told."""
        r = client.get("/environ", *fields)
        self.assertEqual(r.status, 200, r.body)
        return dict(row.split("=", 1) for row in r.body.decode().splitlines() if "=" in row)

    # -- over TCP --

    def front_of_tcp(self):
        server = self.weir()
        self.start(server.host)
        return server

    def test_files(self):
        self.front_of_tcp()
        c = self.client()
        for _ in range(3):  # on one connection
            r = c.get("/")
            self.assertEqual((r.status, r.body), (200, b"hello"))
        tag = r["ETag"]
        self.assertEqual(c.get("/", "If-None-Match: " + tag).status, 304)
        r = c.get("/", "Range: bytes=1-2")
        self.assertEqual((r.status, r.body), (206, b"el"))

    def test_redirect_of_a_folder_stays_in_front(self):
        self.front_of_tcp()
        os.mkdir(self.path("folder"))
        r = self.client().get("/folder")
        self.assertEqual(r.status, 301)
        self.assertIn(r["Location"], ("/folder/", "https://%s/folder/" % NAME))

    def test_http_is_redirected(self):
        self.front_of_tcp()
        with Client(address=("127.0.0.1", self.plain_port)) as c:
            c.host = NAME
            c.request("/a?b=c")
            r = c.read_head()  # HAProxy's own answers have no Date
        self.assertEqual((r.status, r["Location"]), (308, "https://%s/a?b=c" % NAME))

    def test_what_plugins_are_told(self):
        self.front_of_tcp()
        got = self.environ(self.client(), "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: gopher",
                           "Forwarded: for=192.0.2.7")
        self.assertEqual(got["HTTP_HOST"], NAME)
        self.assertEqual(got["SERVER_NAME"], NAME)
        self.assertEqual(got["HTTP_X_FORWARDED_FOR"], "127.0.0.1")  # the client, who lied
        self.assertEqual(got["HTTP_X_FORWARDED_PROTO"], "https")
        self.assertNotIn("HTTP_FORWARDED", got)
        self.assertEqual(got["weir.url_scheme"], "http")  # as the files say: not read yet

    def test_connections_to_weir_are_kept(self):
        self.front_of_tcp()
        ports = {self.environ(self.client())["REMOTE_PORT"] for _ in range(12)}  # of as many clients
        # Now and then the next client is faster than the connection is back among the idle ones.
        self.assertLessEqual(len(ports), 4)

    def test_upload(self):
        self.front_of_tcp()
        content = pattern(UPLOAD)
        r = self.client().get("/front", "Content-Length: %d" % UPLOAD, method="POST", body=content)
        self.assertEqual((r.status, r.body.decode()), (200, "%d %016x\n" % (UPLOAD, fnv1a(content))))

    def test_upload_of_unknown_length(self):
        self.front_of_tcp()
        content = pattern(100000)
        body = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in
                        (content[i:i + 7000] for i in range(0, len(content), 7000))) + b"0\r\n\r\n"
        r = self.client().get("/front", "Transfer-Encoding: chunked", method="POST", body=body)
        self.assertEqual((r.status, r.body.decode()), (200, "100000 %016x\n" % fnv1a(content)))

    def test_upload_past_the_limit(self):
        self.front_of_tcp()
        c = self.client()
        c.request("/front", "Content-Length: %d" % (200 * 1024 * 1024), method="POST")
        self.assertEqual(c.read("POST").status, 413)

    def test_answer_arrives_piece_by_piece(self):
        self.front_of_tcp()
        self.addCleanup(os.write, self.gate, b"." * 4)  # whatever happens: nothing waits for more
        connection = http.client.HTTPConnection(NAME, timeout=PATIENCE)
        connection.sock = self.client().sock
        connection.request("GET", "/front")
        os.write(self.gate, b"a")
        r = connection.getresponse()
        self.assertEqual((r.status, r.getheader("Content-Type")), (200, "text/event-stream"))
        self.assertEqual(r.read1(100), b"a")
        for piece in (b"b", b"c"):  # each is sent when the one before has been seen
            os.write(self.gate, piece)
            self.assertEqual(r.read1(100), piece)
        os.write(self.gate, b".")
        self.assertEqual(r.read(), b"")

    def test_http2(self):
        self.front_of_tcp()
        c = self.client(protocols=("h2", "http/1.1"))
        self.assertEqual(c.sock.selected_alpn_protocol(), "h2")
        if b"HTTP2" not in subprocess.run([command("curl"), "-V"], capture_output=True, check=True).stdout:
            self.skipTest("this curl does not speak HTTP/2")
        done = self.curl("/environ", "--http2", "-w", "%{http_version} %{http_code}")
        self.assertEqual(done.stdout.splitlines()[-1], b"2 200", done.stderr)
        self.assertIn(b"HTTP_HOST=%s\n" % NAME.encode(), done.stdout)

    def test_without_weir(self):
        server = self.front_of_tcp()
        c = self.client()
        self.assertEqual(c.get("/").status, 200)
        server.stop()
        c = self.client()
        c.request("/")
        self.assertEqual(c.read_head().status, self.down)

    # -- over a Unix socket --

    def front_of_unix(self):
        path = os.path.join(self.temp, "weir.sock")
        server = self.weir("unix:" + path)
        self.start("unix:" + path)
        return server

    def test_unix_socket(self):
        self.front_of_unix()
        c = self.client()
        self.assertEqual(c.get("/").body, b"hello")
        content = pattern(1000000)
        r = c.get("/front", "Content-Length: 1000000", method="POST", body=content)
        self.assertEqual(r.body.decode(), "1000000 %016x\n" % fnv1a(content))
        self.assertEqual(self.environ(c)["HTTP_X_FORWARDED_FOR"], "127.0.0.1")

    def test_restart_of_weir(self):
        server = self.front_of_unix()
        c = self.client()
        self.assertEqual(c.get("/").status, 200)
        server.stop()
        self.weir(server.addresses[0])
        self.assertEqual(c.get("/").body, b"hello")  # not on the connection that was kept
        r = c.get("/front", "Content-Length: 3", method="POST", body=b"abc")
        self.assertEqual(r.body.decode(), "3 %016x\n" % fnv1a(b"abc"))


class Nginx(Front):
    down = 502

    def start(self, upstream):
        port = "127.0.0.1:%d"
        text = shipped("nginx-tls.conf")
        text = replace(text, "listen [::]", "# no IPv6 here")
        text = replace(text, "listen 80;", "listen %s;" % (port % self.plain_port))
        text = replace(text, "listen 443 ", "listen %s ssl http2;" % (port % self.tls_port))
        text = replace(text, "server 127.0.0.1:8080;", "server %s;" % upstream)
        text = replace(text, "ssl_certificate ", "ssl_certificate %s;" % self.certificate)
        text = replace(text, "ssl_certificate_key ", "ssl_certificate_key %s;" % self.key)
        write_file(os.path.join(self.temp, "weir.conf"), text)
        own = ["%s_temp_path %s/%s;" % (n, self.temp, n)
               for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")]
        main = write_file(os.path.join(self.temp, "nginx.conf"), "\n".join([
            "user root;" if os.getuid() == 0 else "", "daemon off; worker_processes 1;",
            "error_log stderr notice; pid %s/nginx.pid;" % self.temp, "events {}",
            "http {", "access_log off;", *own, "include weir.conf;", "}"]) + "\n")
        # What nginx does for its own successor when it is upgraded: "NGINX" names open sockets.
        self.run_proxy("-p", self.temp, "-c", main,
                       env={"NGINX": "%d;%d;" % (self.plain.fileno(), self.tls.fileno())})


class Haproxy(Front):
    down = 503

    def start(self, upstream):
        pem = os.path.join(self.temp, "weir.pem")
        with open(self.certificate, "rb") as a, open(self.key, "rb") as b:
            write_file(pem, a.read() + b.read())
        text = shipped("haproxy-tls.cfg")
        if os.getuid() != 0 or subprocess.run(["id", "haproxy"], capture_output=True).returncode != 0:
            text = replace(replace(text, "user haproxy", ""), "group haproxy", "")
        text = replace(text, "log /dev/log", "log stderr format raw local0")
        text = replace(text, "bind :::80 ", "bind fd@%d" % self.plain.fileno())
        text = replace(text, "bind :::443 ", "bind fd@%d ssl crt %s alpn h2,http/1.1" % (
            self.tls.fileno(), pem))
        text = replace(text, "server weir 127.0.0.1:8080", "server weir " + upstream.replace(
            "unix:", "unix@"))
        self.run_proxy("-db", "-f", write_file(os.path.join(self.temp, "haproxy.cfg"), text))

    def test_echo(self):
        """An answer that begins while the request still comes: nginx does not do that."""
        self.front_of_tcp()
        content = pattern(UPLOAD)
        done = self.curl("/echo", "--http1.1", "-X", "POST", "-T",
                         write_file(os.path.join(self.temp, "content"), content))
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertTrue(done.stdout == content, len(done.stdout))


def load_tests(loader, tests, _):
    """Without Front, which is no test of its own."""
    suite = unittest.TestSuite()
    for case in (Nginx, Haproxy):
        suite.addTests(loader.loadTestsFromTestCase(case))
    return suite


if __name__ == "__main__":
    unittest.main()
