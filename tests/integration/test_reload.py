"""SIGHUP and SIGUSR1: everything is made ready, then switched; nobody is turned away meanwhile."""
import contextlib
import glob
import os
import shutil
import signal
import socket
import threading
import unittest

from configured import ConfigCase, service_plugin
from support import Client, eventually, write_file

RELOADS = 100


def is_refused(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


class Base(ConfigCase):
    def site(self, *more, **keys):
        self.configure(routes=[*more, {"path": "/", "static": "www"}], **keys)

    def service(self, text, path="/p", plugin=None, **config):
        return {"path": path, "plugin": plugin or service_plugin(), "config": dict(text=text, **config)}


class What(Base):
    def test_a_new_route_appears_and_an_old_one_goes(self):
        self.site(self.service("one"))
        with self.serve_config() as s:
            self.assertEqual(self.get(s, "/p").body, b"one first")
            self.site(self.service("two", path="/q"))
            self.reload_well(s)
            self.assertEqual(self.get(s, "/q").body, b"two first")
            self.assertEqual(self.get(s, "/p").status, 404)
            self.assertTrue(eventually(lambda: "reloaded" in s.log()))

    def test_limits(self):
        self.site()
        with self.serve_config() as s, Client(s) as kept:
            self.assertEqual(kept.get("/" + "a" * 300).status, 404)
            self.site(limits={"target_bytes_max": 100})
            self.reload_well(s)
            self.assertEqual(self.get(s, "/" + "a" * 300).status, 414)

    def test_a_plugin_file_that_has_changed_is_loaded_anew(self):
        file = os.path.join(self.temp, "service.so")
        shutil.copy(service_plugin(), file)
        self.site(self.service("t", plugin=file))
        with self.serve_config() as s:
            self.assertEqual(self.get(s, "/p").body, b"t first")
            shutil.copy(service_plugin("second"), file + ".new")
            os.rename(file + ".new", file)
            self.reload_well(s)
            self.assertEqual(self.get(s, "/p").body, b"t second")

    def test_a_plugin_file_of_the_same_inode_and_time_is_loaded_anew(self):
        """As copied by a tool that keeps times, or one whose builds all have the same."""
        file = os.path.join(self.temp, "service.so")
        shutil.copy(service_plugin(), file)
        os.utime(file, (1, 1))
        self.site(self.service("t", plugin=file))
        with self.serve_config() as s:
            self.assertEqual(self.get(s, "/p").body, b"t first")
            shutil.copyfile(service_plugin("second"), file)
            os.utime(file, (1, 1))
            self.reload_well(s)
            self.assertEqual(self.get(s, "/p").body, b"t second")

    def test_without_a_configuration_file(self):
        """A folder that was replaced, and a plugin, are opened anew."""
        file = os.path.join(self.temp, "service.so")
        shutil.copy(service_plugin(), file)
        with self.serve("--plugin", "/p=" + file, env=self.manager.env) as s:
            self.manager.hear()
            os.rename(self.root, self.root + ".old")
            os.mkdir(self.root)
            write_file(self.path("index.html"), "replaced")
            shutil.copy(service_plugin("second"), file + ".new")
            os.rename(file + ".new", file)
            self.reload_well(s)
            self.assertEqual(self.get(s, "/").body, b"replaced")
            self.assertEqual(self.get(s, "/p").body, b"none second")

    def test_user_and_loops_hold_from_the_next_start_on(self):
        self.site()
        with self.serve_config() as s:
            self.site(user="nobody")
            self.reload_well(s)
            self.assertTrue(eventually(lambda: "user: null until a restart" in s.log()))
            self.assertEqual(os.stat("/proc/%d" % s.pid).st_uid, os.getuid())
            self.assertEqual(self.get(s, "/").body, b"hello")


class Broken(Base):
    def assert_as_before(self, server, *words):
        """The reload fails, every line of why is in the log, and the old one serves on."""
        before = len(server.log())
        status = self.reload(server)
        self.assertIn("failed", status)
        for word in ("reload failed", *words):
            self.assertTrue(eventually(lambda w=word: w in server.log()[before:]), word)
        self.assertEqual(self.get(server, "/").body, b"hello")
        self.assertEqual(self.get(server, "/p").body, b"one first")
        return status

    def test_the_old_one_serves_on_and_the_log_says_why(self):
        self.site(self.service("one"))
        with self.serve_config() as s:
            self.configure('{\n "listen": ["127.0.0.1:0"],\n "limits": {"fields_max": 3},\n "x": 1\n}')
            status = self.assert_as_before(s, self.file + ":3:27: ", self.file + ":4:2: ")
            self.assertIn(self.file + ":3:27: ", status)
            self.configure("{")
            self.assert_as_before(s, self.file + ":1:")
            os.unlink(self.file)
            self.assert_as_before(s, self.file, "No such file")
            self.site({"path": "/n", "static": "nosuch"})
            self.assert_as_before(s, "nosuch")
            self.site({"path": "/n", "plugin": "./nosuch.so"})
            self.assert_as_before(s, "nosuch.so")
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                self.site(listen=["127.0.0.1:0", "127.0.0.1:%d" % taken.getsockname()[1]])
                self.assert_as_before(s, "in use")
                self.site({"path": "/n", "static": "nosuch"},
                          listen=["127.0.0.1:0", "127.0.0.1:%d" % taken.getsockname()[1]])
                self.assert_as_before(s, "in use", "nosuch")
            self.site(user="no-such-user")
            self.assert_as_before(s, "/user: there is no user")
            self.site(self.service("two"))
            self.reload_well(s)
            self.assertEqual(self.get(s, "/p").body, b"two first")

    def test_it_is_said_in_the_log_file(self):
        self.site(log={"file": "messages"})
        with self.serve_config() as s:
            self.configure('{"a": 1,\n "b": 2}')
            self.assertIn("failed", self.reload(s))
            s.stop()
            self.assertNotIn("failed", s.log())
        with open(os.path.join(self.temp, "messages")) as f:
            text = f.read()
        for word in (self.file + ":1:2: ", self.file + ":2:2: ", "reload failed"):
            self.assertIn(word, text)

    def test_it_leaves_nothing_open(self):
        self.site(self.service("one"))
        with self.serve_config() as s:
            for _ in range(3):
                self.reload_well(s)
            # Its listeners, and no longer the socket by which it told the manager.
            self.assertTrue(eventually(lambda: s.descriptors().count("socket:") == s.loops))
            before = s.descriptors()
            for _ in range(5):
                self.site({"path": "/n", "static": "nosuch"}, self.service("two"),
                          listen=["127.0.0.1:0", "127.0.0.1:0"])
                self.assert_as_before(s)
                self.site(self.service("one"))
                self.reload_well(s)
            self.assertTrue(eventually(lambda: s.descriptors() == before),
                            (before, s.descriptors()))


class UnderLoad(Base):
    def test_no_request_fails(self):
        """100 reloads while kept and fresh connections ask for files and of a plugin."""
        self.site(self.service("0"), timeouts={"keep_alive_ms": 60000})
        errors, is_over, counts = [], threading.Event(), [0] * 6
        with self.serve_config("--quiet") as s:
            def ask(client, i):
                for target, good in (("/", b"hello"), ("/p", None)):
                    r = client.get(target)
                    if r.status != 200 or (good and r.body != good):
                        raise AssertionError("%s: %r %r" % (target, r, r.body))
                    counts[i] += 1

            def work(i):
                try:
                    with contextlib.ExitStack() as stack:
                        kept = stack.enter_context(Client(s)) if i < 3 else None
                        while not is_over.is_set():
                            if kept:
                                ask(kept, i)
                            else:
                                with Client(s) as fresh:
                                    ask(fresh, i)
                except BaseException as e:  # noqa: B902 -- looked at below
                    errors.append((i, repr(e)))
            threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(6)]
            for t in threads:
                t.start()
            self.assertTrue(eventually(lambda: all(counts) or errors))
            for i in range(1, RELOADS + 1):
                self.site(self.service(str(i)), timeouts={"keep_alive_ms": 60000})
                self.reload_well(s)
                self.assertEqual(self.get(s, "/p").body, b"%d first" % i)
                self.assertEqual(errors, [], "at reload %d" % i)
            before = list(counts)
            self.assertTrue(eventually(lambda: errors or all(
                a > b + 4 for a, b in zip(counts, before))), "a client stands still")
            is_over.set()
            for t in threads:
                t.join(30)
            self.assertEqual(errors, [])
            self.assertGreater(sum(counts), 2 * RELOADS)

    def test_what_is_in_flight_ends_with_what_it_began_with(self):
        fifo = self.fifo()
        self.site(self.service("old"))
        with self.serve_config() as s:
            held = Client(s)
            self.addCleanup(held.close)
            held.request("/p/hold?" + fifo)
            writer = os.open(fifo, os.O_WRONLY)  # returns when the plugin has opened it
            self.site(self.service("new"))
            self.reload_well(s)
            self.assertEqual(self.get(s, "/p").body, b"new first")
            os.close(writer)
            self.assertEqual(held.read().body, b"old first")
            self.assertEqual(held.get("/p").body, b"new first")

    def test_stopping_ends_while_an_old_request_is_held(self):
        fifo = self.fifo()
        self.site(self.service("old"), timeouts={"stop_ms": 20000})
        with self.serve_config() as s:
            held = Client(s)
            self.addCleanup(held.close)
            held.request("/p/hold?" + fifo)
            writer = os.open(fifo, os.O_WRONLY)
            self.site(self.service("new"), timeouts={"stop_ms": 20000})
            self.reload_well(s)
            s.terminate()
            self.assertTrue(eventually(lambda: is_refused(s.port)))
            os.close(writer)
            self.assertEqual(held.read().body, b"old first")
            self.assertEqual(s.wait(), 0)


class Listeners(Base):
    def test_added_and_removed(self):
        self.site()
        with self.serve_config() as s:
            first, path = s.addresses[0], os.path.join(self.temp, "sock")
            self.site(listen=["127.0.0.1:0", "127.0.0.2:0", "unix:" + path])
            now = self.reload_well(s)
            self.assertEqual((now[0], now[2], len(now)), (first, "unix:" + path, 3))
            for address in now:
                self.assertEqual(self.get(s, "/", at=address).body, b"hello")
            with Client(address=path) as c:
                self.assertEqual(c.get("/").body, b"hello")
                self.site(listen=["127.0.0.2:0"])
                self.assertEqual(self.reload_well(s), [now[1]])
                self.assertTrue(eventually(lambda: is_refused(s.port)))
                self.assertTrue(eventually(lambda: not os.path.lexists(path)))
                self.assertEqual(self.get(s, "/", at=now[1]).body, b"hello")
                self.assertEqual(c.get("/").body, b"hello")  # it was there before

    def test_a_path_that_was_removed_is_made_again(self):
        path = os.path.join(self.temp, "sock")
        self.site(listen=["127.0.0.1:0", "unix:" + path])
        with self.serve_config() as s:
            os.unlink(path)
            self.reload_well(s)
            self.assertEqual(self.get(s, "/", at="unix:" + path).body, b"hello")
            os.unlink(path)
            with socket.socket(socket.AF_UNIX) as other:
                other.bind(path)
                other.listen()
                self.assertIn("failed", self.reload(s))
                self.assertTrue(eventually(lambda: "already in use" in s.log()), s.log())
                self.assertEqual(self.get(s, "/").body, b"hello")
            self.reload_well(s)  # nobody answers there any more
            self.assertEqual(self.get(s, "/", at="unix:" + path).body, b"hello")
        self.assertFalse(os.path.lexists(path))

    def test_unix_mode_of_a_socket_that_stays(self):
        path = os.path.join(self.temp, "sock")
        with contextlib.ExitStack() as stack:
            for mode in (None, "0600", "0660", None):
                self.site(listen=["127.0.0.1:0", "unix:" + path], unix_mode=mode)
                if mode is None and not os.path.lexists(path):
                    s = stack.enter_context(self.serve_config())
                    continue
                before = os.stat(path).st_ino
                self.reload_well(s)
                self.assertEqual(os.stat(path).st_ino, before)
                self.assertEqual(os.stat(path).st_mode & 0o777, int(mode or "0660", 8))
            told = "unix_mode: 0660 of unix:%s until a restart" % path
            self.assertTrue(eventually(lambda: told in s.log()), s.log())

    def test_free_port_stays_the_same(self):
        self.site()
        with self.serve_config() as s:
            for _ in range(3):
                self.assertEqual(self.reload_well(s), s.addresses)

    def queue(self, server, n=50):
        """Connections that nobody has accepted yet, with a request each; then a reload begins."""
        server.process.send_signal(signal.SIGSTOP)
        clients = []
        for _ in range(n):
            clients.append(Client(server))
            self.addCleanup(clients[-1].close)
            clients[-1].request("/")
        server.process.send_signal(signal.SIGHUP)
        server.process.send_signal(signal.SIGCONT)
        self.assertEqual(self.manager.hear()["RELOADING"], "1")
        self.assertNotIn("failed", self.manager.hear()["STATUS"])
        return clients

    def test_who_waits_at_a_listener_that_stays(self):
        self.site()
        with self.serve_config() as s:
            for c in self.queue(s):
                self.assertEqual(c.read().body, b"hello")

    def test_who_waits_at_a_listener_that_goes(self):
        self.site()
        with self.serve_config() as s:
            self.site(listen=["127.0.0.2:0"])
            for c in self.queue(s):
                self.assertEqual(c.read().body, b"hello")
            self.assertTrue(eventually(lambda: is_refused(s.port)))


class Logs(Base):
    def setUp(self):
        super().setUp()
        self.log = os.path.join(self.temp, "access")

    def lines(self):
        n = 0
        for path in glob.glob(self.log + "*"):
            with open(path, "rb") as f:
                data = f.read()
            if data:
                self.assertTrue(data.endswith(b"\n"))
                for line in data.split(b"\n")[:-1]:
                    self.assertRegex(line, rb'^127\.0\.0\.1 - - \[.*"GET / HTTP/1\.1" 200 5 ')
                    n += 1
        return n

    def ask_meanwhile(self, server, during):
        """Runs during() while clients ask without a pause; the number of requests."""
        is_over, counts, errors = threading.Event(), [0] * 3, []

        def work(i):
            try:
                with Client(server) as c:
                    while not is_over.is_set():
                        if c.get("/").status != 200:
                            raise AssertionError("not served")
                        counts[i] += 1
            except BaseException as e:  # noqa: B902 -- looked at below
                errors.append(repr(e))
        threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(3)]
        for t in threads:
            t.start()
        during()
        is_over.set()
        for t in threads:
            t.join(30)
        self.assertEqual(errors, [])
        return sum(counts)

    def test_reopened_without_a_line_lost(self):
        self.site(access_log={"file": "access"}, log={"file": "messages"})
        messages = os.path.join(self.temp, "messages")
        with self.serve_config() as s:
            def rotate():
                for i in range(20):
                    os.rename(self.log, "%s.%d" % (self.log, i))
                    os.rename(messages, "%s.%d" % (messages, i))
                    s.process.send_signal(signal.SIGUSR1)
                    self.assertTrue(eventually(lambda: os.path.exists(self.log)))
                    self.assertTrue(eventually(lambda: os.path.exists(messages)))
            n = self.ask_meanwhile(s, rotate)
            s.stop()
        self.assertEqual(self.lines(), n)

    def test_another_file_by_reload(self):
        self.site(access_log={"file": "access"})
        with self.serve_config() as s:
            def move():
                for i in range(20):
                    self.site(access_log={"file": "access.%d" % i})
                    self.reload_well(s)
            n = self.ask_meanwhile(s, move)
            self.assertEqual(self.get(s, "/").status, 200)
            s.stop()
        self.assertEqual(self.lines(), n + 1)
        self.assertGreater(os.path.getsize(self.log + ".19"), 0)

    def test_one_that_cannot_be_reopened(self):
        self.site(access_log={"file": "logs/access"})
        os.mkdir(os.path.join(self.temp, "logs"))
        self.log = os.path.join(self.temp, "gone")
        with self.serve_config() as s:
            self.get(s, "/")
            os.rename(os.path.join(self.temp, "logs"), self.log)
            s.process.send_signal(signal.SIGUSR1)
            self.assertTrue(eventually(lambda: "logs/access" in s.log()), s.log())
            self.get(s, "/")
            s.stop()
        self.log = os.path.join(self.log, "access")
        self.assertEqual(self.lines(), 2)

    def test_reopen_with_logs_that_are_no_files(self):
        with self.serve(env=self.manager.env) as s:
            self.manager.hear()
            s.process.send_signal(signal.SIGUSR1)
            self.reload_well(s)
            self.assertEqual(self.get(s, "/").body, b"hello")


if __name__ == "__main__":
    unittest.main()
