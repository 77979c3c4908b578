"""The program under a service manager: readiness, passed sockets, a user of its own, process 1."""
import fcntl
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

from configured import ConfigCase, Manager, service_plugin
from support import (NOBODY, PATIENCE, WEIR, Client, Server, _in_child, eventually, needs_nobody,
                     run_weir, sanitizer, write_file)

# LeakSanitizer traces the process, which is not dumpable once it has become another user.
NO_TRACE = {"ASAN_OPTIONS": "detect_leaks=0"} if sanitizer() == "address" else {}


def listening(family=socket.AF_INET, kind=socket.SOCK_STREAM, at=("127.0.0.1", 0), backlog=50):
    s = socket.socket(family, kind)
    s.bind(at)
    if backlog is not None:
        s.listen(backlog)
    return s


PASS = """import os, sys
fds, names, pid, count = eval(sys.argv[1])
for i, fd in enumerate(fds):
    os.dup2(fd, 3 + i)
os.environ["LISTEN_PID"] = str(os.getpid()) if pid is None else pid
os.environ["LISTEN_FDS"] = str(len(fds)) if count is None else str(count)
if names is not None:
    os.environ["LISTEN_FDNAMES"] = names
os.execv(sys.argv[2], sys.argv[2:])
"""


def passing(*fds, names=None, pid=None, count=None):
    """A command that runs another with these descriptors as a service manager passes them."""
    return [sys.executable, "-c", PASS, repr((fds, names, pid, count))]


def high(case, *files):
    """Descriptors of them that do not stand where they are to be passed."""
    fds = [fcntl.fcntl(f.fileno(), fcntl.F_DUPFD_CLOEXEC, 30) for f in files]
    for fd in fds:
        case.addCleanup(os.close, fd)
    return fds


class Notify(ConfigCase):
    def test_states(self):
        for is_abstract in (True, False):
            with self.subTest(is_abstract=is_abstract):
                manager = Manager(is_abstract)
                self.addCleanup(manager.close)
                with self.serve(env=manager.env) as s:
                    self.assertEqual(manager.hear(), {
                        "READY": "1", "STATUS": "serving on 127.0.0.1:%d" % s.port})
                    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
                    s.process.send_signal(signal.SIGHUP)
                    said = manager.hear()
                    self.assertEqual(said["RELOADING"], "1")
                    after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
                    self.assertLessEqual(before, int(said["MONOTONIC_USEC"]))
                    self.assertLessEqual(int(said["MONOTONIC_USEC"]), after)
                    self.assertEqual(manager.hear()["READY"], "1")
                    s.terminate()
                    self.assertEqual(manager.hear()["STOPPING"], "1")
                    self.assertEqual(s.wait(), 0)
                    self.assertEqual(manager.hear_all(), [])

    def test_ready_comes_when_connections_are_accepted(self):
        p = subprocess.Popen([WEIR, "serve", self.root, "--port", "0", "--quiet"],
                             env=dict(os.environ, **self.manager.env), preexec_fn=_in_child())
        try:
            port = int(self.manager.hear()["STATUS"].rsplit(":", 1)[1])
            self.assertEqual(self.get(None, "/", at="127.0.0.1:%d" % port).body, b"hello")
        finally:
            p.kill()
            p.wait()

    def test_a_failed_start_is_never_ready(self):
        self.configure("{")
        r = subprocess.run([WEIR, "--config", self.file], env=dict(os.environ, **self.manager.env),
                           stderr=subprocess.PIPE, timeout=PATIENCE)
        self.assertEqual(r.returncode, 1)
        self.assertEqual(self.manager.hear_all(), [])

    def test_status_is_one_line(self):
        self.configure(routes=[{"static": "www"}])
        with self.serve_config() as s:
            self.configure('{"a": 1, "b": 2}')
            s.process.send_signal(signal.SIGHUP)
            self.manager.hear()
            said = self.manager.hear()  # hear() refuses a line that is no variable
            self.assertEqual(sorted(said), ["READY", "STATUS"])
            self.assertIn("failed", said["STATUS"])

    def test_sockets_that_cannot_be_told(self):
        gone = os.path.join(self.temp, "gone")
        for name, text in ((gone, "service manager"), ("@weir-nobody-hears-this", "service manager"),
                           ("/" + "x" * 200, "NOTIFY_SOCKET"), ("@", "NOTIFY_SOCKET"),
                           ("vsock:2:1234", None), ("", None), ("relative", None)):
            with self.subTest(name), self.serve("--quiet", env={"NOTIFY_SOCKET": name}) as s:
                self.assertEqual(self.get(s, "/").body, b"hello")
                s.stop()
                if text:
                    self.assertIn(text, s.log())
                else:
                    self.assertEqual(s.log(), "")

    def test_plugins_do_not_inherit_the_variables(self):
        with self.serve("--plugin", "/p=" + service_plugin(), env=dict(
                self.manager.env, LISTEN_FDS="1", LISTEN_PID="1", LISTEN_FDNAMES="x")) as s:
            self.assertEqual(self.get(s, "/p/process").body.split()[2:], [b"none"] * 4)


class Activation(ConfigCase):
    def serve_with(self, prefix, fds, *options, config=False, **how):
        how = dict(how, listen=how.get("listen", ()), prefix=prefix, pass_fds=fds, env=dict(
            self.manager.env))
        folder = None if config else self.root
        s = Server(folder, *(["--config", self.file] if config else []), *options, **how)
        self.addCleanup(s.temp.cleanup)
        self.addCleanup(s.kill)
        self.manager.hear()
        return s

    def test_passed_sockets_are_the_only_ones(self):
        path = os.path.join(self.temp, "sock")
        with listening() as tcp, listening(socket.AF_UNIX, at=path) as unix:
            fds = high(self, tcp, unix)
            self.configure('{"routes": [{"static": "www"}]}')
            for config in (False, True):
                with self.serve_with(passing(*fds, names="http:local"), fds, config=config) as s:
                    self.assertEqual(s.addresses, ["127.0.0.1:%d" % tcp.getsockname()[1],
                                                   "unix:" + path])
                    for _ in range(8):
                        self.assertEqual(self.get(s, "/").body, b"hello")
                        with Client(address=path) as c:
                            self.assertEqual(c.get("/").body, b"hello")
                    self.reload(s)
                    self.assertEqual(self.get(s, "/").body, b"hello")
                    s.stop()
                    self.manager.hear_all()
                self.assertTrue(os.path.exists(path), "the socket is the manager's")

    def test_who_waits_between_two_servers(self):
        """The manager keeps the sockets: nobody is refused while a server is replaced."""
        with listening() as tcp:
            fds = high(self, tcp)
            for _ in range(3):
                with Client(address=tcp.getsockname()) as early:
                    early.request("/")
                    with self.serve_with(passing(*fds), fds) as s:
                        self.assertEqual(early.read().body, b"hello")
                        s.stop()
                        self.manager.hear_all()

    def test_with_an_address_of_its_own(self):
        with listening() as tcp:
            fds = high(self, tcp)
            passed = "127.0.0.1:%d" % tcp.getsockname()[1]
            with self.serve_with(passing(*fds), fds, listen=("127.0.0.2:0",)) as s:
                self.assertEqual(len(s.addresses), 2)
                self.assertIn(passed, s.addresses)
            self.manager.hear_all()
            with self.serve_with(passing(*fds), fds, listen=(passed,)) as s:  # not bound again
                self.assertEqual(s.addresses, [passed])
                self.assertEqual(self.get(s, "/").body, b"hello")

    def test_left_over_variables_are_not_for_us(self):
        with listening() as tcp:
            fds = high(self, tcp)
            for prefix in (passing(*fds, pid="1"), passing(*fds, pid="x"), passing(count=0)):
                with self.serve_with(prefix, fds, listen=("127.0.0.1:0",)) as s:
                    self.assertNotEqual(s.port, tcp.getsockname()[1])
                    s.stop()
                    self.manager.hear_all()

    def fails(self, prefix, fds):
        r = subprocess.run([*prefix, WEIR, "serve", self.root], stdin=subprocess.DEVNULL,
                           pass_fds=fds, text=True, stderr=subprocess.PIPE, timeout=PATIENCE,
                           preexec_fn=_in_child())
        self.assertEqual(r.returncode, 1, r)
        self.assertEqual(r.stderr.count("\n"), 1, r.stderr)
        return r.stderr

    def test_what_is_no_listening_stream_socket(self):
        with listening() as good, listening(backlog=None) as silent, \
                listening(kind=socket.SOCK_DGRAM, backlog=None) as datagrams, \
                open(self.path("index.html")) as file:
            for bad in (silent, datagrams, file):
                fds = high(self, good, bad)
                text = self.fails(passing(*fds, names="web:odd"), fds)
                self.assertIn("descriptor 4 (odd)", text)

    def test_what_makes_no_sense(self):
        self.assertIn("descriptor 3", self.fails(passing(count=1), ()))
        for count in ("x", "-1", "99999999999999999999", "2000", "1x"):
            self.assertIn("LISTEN_FDS=" + count, self.fails(passing(count=count), ()))


class User(ConfigCase):
    def status(self, server):
        with open("/proc/%d/status" % server.pid) as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)

    def assert_is(self, server, uid, gid, groups):
        s = self.status(server)
        self.assertEqual(s["Uid"].split(), [str(uid)] * 4)
        self.assertEqual(s["Gid"].split(), [str(gid)] * 4)
        self.assertEqual(s["Groups"].split(), [str(g) for g in groups])
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(int(s[name], 16), 0, name)
        for task in os.listdir("/proc/%d/task" % server.pid):
            with open("/proc/%d/task/%s/status" % (server.pid, task)) as f:
                self.assertIn("Uid:\t%d\t%d\t%d\t%d\n" % ((uid,) * 4), f.read())

    def test_nobody(self):
        needs_nobody()
        shutil.copy(service_plugin(), os.path.join(self.temp, "service.so"))
        for user, groups in (("nobody", os.getgrouplist("nobody", NOBODY)), ("65534", None)):
            self.configure(user=user, routes=[
                {"path": "/p", "plugin": "./service.so"}, {"path": "/", "static": "www"}])
            with self.serve_config(env=dict(NO_TRACE, **self.manager.env)) as s:
                self.assert_is(s, NOBODY, NOBODY, groups or os.getgrouplist("nobody", NOBODY))
                self.assertEqual(self.get(s, "/").body, b"hello")
                # It was loaded as nobody, and cannot become root again.
                self.assertEqual(self.get(s, "/p/process").body.split()[:2], [b"65534", b"0"])
                os.chmod(self.file, 0o644)
                self.assertIn("serving", self.reload(s))
                self.assertEqual(self.get(s, "/p/process").body.split()[:2], [b"65534", b"0"])
                s.stop()
                self.manager.hear_all()

    def test_addresses_are_bound_before(self):
        needs_nobody()
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as f:
            if int(f.read()) <= 1023:
                self.skipTest("here everybody may use any port")
        folder = os.path.join(self.temp, "run")
        os.mkdir(folder, 0o755)  # root's
        with self.serve("--user", "nobody", listen=["unix:" + folder + "/sock"],
                        env=NO_TRACE) as s:
            self.assert_is(s, NOBODY, NOBODY, os.getgrouplist("nobody", NOBODY))
            with Client(address=folder + "/sock") as c:
                self.assertEqual(c.get("/").body, b"hello")

    def test_a_number_that_nobody_has(self):
        needs_nobody()
        with self.serve("--user", "54321", env=NO_TRACE) as s:
            self.assert_is(s, 54321, 54321, [])
            self.assertEqual(self.get(s, "/").body, b"hello")

    def test_what_root_alone_may_read_is_not_served(self):
        needs_nobody()
        write_file(self.path("secret"), "secret")
        os.chmod(self.path("secret"), 0o600)
        with self.serve("--user", "nobody", env=NO_TRACE) as s:
            self.assertEqual(self.get(s, "/secret").status, 403)

    def test_users_that_are_not_any(self):
        for user in ("no-such-user", "-1", "4294967295", "99999999999999999999", "1 000"):
            r = run_weir("serve", self.root, "--port", "0", "--user", user)
            self.assertEqual(r.returncode, 1)
            self.assertIn('there is no user "%s"' % user, r.stderr)

    def test_another_user_without_root(self):
        needs_nobody()
        for user in ("root", "12345"):
            r = run_weir("serve", self.root, "--port", "0", "--user", user, user=NOBODY)
            self.assertEqual(r.returncode, 1)
            self.assertIn("only root can become another user", r.stderr)

    def test_the_same_user(self):
        needs_nobody()
        with self.serve("--user", "nobody", user=NOBODY) as s:
            self.assertEqual(self.get(s, "/").body, b"hello")
        with self.serve("--user", str(os.getuid())) as s:
            self.assertEqual(self.get(s, "/").body, b"hello")


class Hurry(ConfigCase):
    """The second signal ends it, whatever it is doing."""

    def assert_second_ends(self, process):
        process.terminate()
        while process.poll() is None:  # the second may join the first while that is pending
            process.terminate()
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        self.assertEqual(process.returncode, -signal.SIGTERM)

    def test_while_a_plugin_loads_at_the_start(self):
        fifo = self.fifo()
        p = subprocess.Popen([WEIR, "serve", self.root, "--port", "0", "--quiet", "--plugin",
                              "/p=%s:{\"wait\": \"%s\"}" % (service_plugin(), fifo)],
                             preexec_fn=_in_child())
        try:
            writer = os.open(fifo, os.O_WRONLY)
            self.addCleanup(os.close, writer)
            self.assert_second_ends(p)
        finally:
            p.kill()
            p.wait()

    def test_one_signal_while_a_plugin_loads(self):
        fifo = self.fifo()
        p = subprocess.Popen([WEIR, "serve", self.root, "--port", "0", "--plugin",
                              "/p=%s:{\"wait\": \"%s\"}" % (service_plugin(), fifo)],
                             stderr=subprocess.PIPE, preexec_fn=_in_child())
        try:
            writer = os.open(fifo, os.O_WRONLY)
            p.terminate()
            os.close(writer)
            self.assertIn(b"stopping", p.communicate(timeout=PATIENCE)[1])
            self.assertEqual(p.returncode, 0)
        finally:
            p.kill()
            p.wait()

    def test_while_a_plugin_loads_in_a_reload(self):
        fifo = self.fifo()
        self.configure(routes=[{"path": "/p", "plugin": service_plugin()}, {"static": "www"}])
        with self.serve_config() as s:
            self.configure(routes=[{"path": "/p", "plugin": service_plugin(),
                                    "config": {"wait": fifo}}, {"static": "www"}])
            s.process.send_signal(signal.SIGHUP)
            writer = os.open(fifo, os.O_WRONLY)
            self.addCleanup(os.close, writer)
            self.assertEqual(self.get(s, "/p").body, b"none first")
            self.assert_second_ends(s.process)
            s.is_checked = True

    def test_one_signal_while_a_plugin_loads_in_a_reload(self):
        fifo = self.fifo()
        self.configure(routes=[{"static": "www"}])
        with self.serve_config() as s:
            self.configure(routes=[{"path": "/p", "plugin": service_plugin(),
                                    "config": {"wait": fifo}}])
            s.process.send_signal(signal.SIGHUP)
            writer = os.open(fifo, os.O_WRONLY)
            s.terminate()
            self.assertTrue(eventually(lambda: not self.accepts(s)))
            self.assertIsNone(s.process.poll())
            os.close(writer)
            self.assertEqual(s.wait(), 0)
            self.assertNotIn("reload failed", s.log())

    def accepts(self, server):
        try:
            socket.create_connection(("127.0.0.1", server.port), PATIENCE).close()
        except OSError:
            return False
        return True

    def test_what_it_does_is_told_while_a_plugin_holds_it_up(self):
        load, unload = self.fifo("load"), self.fifo("unload")

        def route(**config):
            return {"path": "/p", "plugin": service_plugin(), "config": config}
        self.configure(routes=[route(stay=unload)], timeouts={"stop_ms": 1})
        with self.serve_config() as s:
            self.configure(routes=[route(wait=load)], timeouts={"stop_ms": 1})
            s.process.send_signal(signal.SIGHUP)
            self.assertTrue(eventually(lambda: "info: reloading\n" in s.log()))
            self.assertNotIn("reloaded", s.log())
            os.close(os.open(load, os.O_WRONLY))
            self.assertTrue(eventually(lambda: "info: reloaded\n" in s.log()))
            s.terminate()
            self.assertTrue(eventually(lambda: "still stopping: a plugin has not returned" in s.log(),
                                       PATIENCE))
            os.close(os.open(unload, os.O_WRONLY))
            self.assertEqual(s.wait(), 0)

    def test_a_terminal_that_goes_away(self):
        """A closed window ends the server, for SIGHUP says that too."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(WEIR, [WEIR, "serve", self.root, "--port", "0"])
        try:
            text = b""
            while b"Ctrl-C" not in text:
                self.assertTrue(select.select([terminal], [], [], PATIENCE)[0], text)
                text += os.read(terminal, 4096)
            os.close(terminal)
            ended = []

            def has_ended():
                ended[:] = os.waitpid(pid, os.WNOHANG)
                return ended[0] == pid
            self.assertTrue(eventually(has_ended))
            self.assertEqual(os.waitstatus_to_exitcode(ended[1]), 0)
            pid = None
        finally:
            if pid:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)


class ProcessOne(ConfigCase):
    PREFIX = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]

    def setUp(self):
        super().setUp()
        if not shutil.which("unshare"):
            self.skipTest("needs unshare(1)")
        r = subprocess.run([*self.PREFIX, "true"], stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
        if r.returncode:
            self.skipTest("unshare is refused: " + r.stderr.strip())

    def start(self, *options, **how):
        s = self.serve(*options, prefix=self.PREFIX, ready_lines=1, **how)
        with open("/proc/%d/task/%d/children" % (s.pid, s.pid)) as f:
            self.inner, = [int(pid) for pid in f.read().split()]
        with open("/proc/%d/status" % self.inner) as f:
            self.assertRegex(f.read(), r"NSpid:\s+\d+\s+1\n")
        return s

    def exit_of(self, server):
        """unshare passes the status on; a signal as 128 + n or, in some versions, as itself."""
        code = server.wait()
        server.is_checked = True
        return code

    def test_stops(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            s = self.start()
            self.assertEqual(self.get(s, "/").body, b"hello")
            os.kill(self.inner, number)
            self.assertEqual(self.exit_of(s), 0)

    def test_second_signal_ends_at_once(self):
        write_file(self.path("large"), b"x" * 20000000)
        s = self.start()
        c = Client(s, rcvbuf=4096)
        self.addCleanup(c.close)
        c.request("/large")
        c.read_head()
        os.kill(self.inner, signal.SIGTERM)
        self.assertTrue(eventually(lambda: "stopping" in s.log()))
        os.kill(self.inner, signal.SIGTERM)
        self.assertEqual(self.exit_of(s), 128 + signal.SIGTERM)
        self.assertNotIn("cut off", s.log())

    def test_reload(self):
        s = self.start(env=self.manager.env)
        self.manager.hear()
        os.kill(self.inner, signal.SIGHUP)
        self.assertEqual(self.manager.hear()["RELOADING"], "1")
        self.assertEqual(self.manager.hear()["READY"], "1")
        os.kill(self.inner, signal.SIGTERM)
        self.assertEqual(self.exit_of(s), 0)

    def zombies(self):
        n = 0
        with open("/proc/%d/task/%d/children" % (self.inner, self.inner)) as f:
            for pid in f.read().split():
                try:
                    with open("/proc/%s/stat" % pid) as f:
                        n += f.read().rsplit(")", 1)[1].split()[0] == "Z"
                except (FileNotFoundError, ProcessLookupError):
                    pass  # it has been let go meanwhile
        return n

    def test_orphans_are_let_go(self):
        s = self.start("--plugin", "/p=" + service_plugin())
        for _ in range(20):
            self.assertEqual(self.get(s, "/p/orphan").status, 200)
        self.assertTrue(eventually(lambda: self.zombies() == 0), self.zombies())
        os.kill(self.inner, signal.SIGTERM)
        self.assertEqual(self.exit_of(s), 0)

    def test_elsewhere_children_are_the_plugins(self):
        with self.serve("--plugin", "/p=" + service_plugin()) as s:
            for _ in range(50):
                self.assertEqual(self.get(s, "/p/child").body, b"7")


if __name__ == "__main__":
    unittest.main()
