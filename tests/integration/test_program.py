"""The program as a person or a script meets it: options, addresses, errors, signals."""
import contextlib
import os
import select
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from support import (NOBODY, PATIENCE, WEIR, Client, Server, TempCase, _in_child, eventually,
                     needs_nobody, pattern, run_weir, write_file)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def refuses(port, host="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as s:
        return s.connect_ex((host, port)) != 0


class CommandLine(unittest.TestCase):
    def check(self, args, status, stdout=None, stderr=None):
        r = run_weir(*args)
        self.assertEqual(r.returncode, status, (args, r))
        for text in [stdout] if isinstance(stdout, str) else stdout or []:
            self.assertIn(text, r.stdout, args)
        for text in [stderr] if isinstance(stderr, str) else stderr or []:
            self.assertIn(text, r.stderr, args)
        if stdout is None:
            self.assertEqual(r.stdout, "", args)
        if stderr is None:
            self.assertEqual(r.stderr, "", args)
        else:
            self.assertEqual(r.stderr.count("\n"), 1, r.stderr)
        return r

    def test_help(self):
        options = ["--listen", "--port", "--loops", "--quiet", "--ready-fd", "--listing", "--fallback", "Examples"]
        for args in (["--help"], ["-h"], ["help"], ["serve", "--help"], ["serve", "/x", "-h"]):
            self.check(args, 0, stdout=options)

    def test_help_fits_a_terminal(self):
        for line in run_weir("--help").stdout.splitlines():
            self.assertLessEqual(len(line), 90, line)

    def test_version(self):
        for flag in ("--version", "-V"):
            r = self.check([flag], 0, stdout="weir ")
            self.assertRegex(r.stdout.splitlines()[0], r"^weir \d+\.\d+")

    def test_nearest_option_is_suggested(self):
        for typo, name in (("--lisen", "--listen"), ("--prot", "--port"), ("--loop", "--loops"),
                           ("--queit", "--quiet"), ("--readyfd", "--ready-fd"),
                           ("-port", "--port"), ("--Port", "--port")):
            self.check(["serve", ".", typo, "1"], 2, stderr=[typo, "did you mean %s?" % name])

    def test_strange_options_get_no_suggestion(self):
        for text in ("--frobnicate", "-x", "--" + "a" * 5000):
            r = self.check(["serve", ".", text], 2, stderr="unknown option")
            if text != "-x":
                self.assertNotIn("did you mean", r.stderr)

    def test_command_lines_that_are_not_understood(self):
        for args, text in (
                ([], "weir serve"),
                (["serv", "."], "unknown command serv"),
                (["."], "weir serve ."),
                (["serve"], "needs a folder"),
                (["serve", ".", "--port"], "--port needs a value"),
                (["serve", ".", "--listen"], "--listen needs a value"),
                (["serve", ".", "--port", "65536"], "0 to 65535"),
                (["serve", ".", "--port", "-1"], "0 to 65535"),
                (["serve", ".", "--port", ""], "0 to 65535"),
                (["serve", ".", "--port=80x"], "0 to 65535"),
                (["serve", ".", "--port", "18446744073709551696"], "0 to 65535"),
                (["serve", ".", "--loops", "0"], "1 to 1024"),
                (["serve", ".", "--loops", "1025"], "1 to 1024"),
                (["serve", ".", "--loops", "two"], "1 to 1024"),
                (["serve", ".", "--ready-fd", "x"], "file descriptor"),
                (["serve", ".", "--quiet=yes"], "takes no value"),
                (["serve", ".", ".."], "one folder"),
                (["serve", "."] + ["--port", "0"] * 100, "more than")):
            self.check(args, 2, stderr=text)

    def test_options_of_a_folder_that_are_not_understood(self):
        for args, said in ((("serve", ".", "--fallback", "index.html"),
                            "--fallback index.html: expected a path that begins with '/'"),
                           (("serve", ".", "--fallback", "/app/"), "without '/' at its end"),
                           (("serve", ".", "--fallback", ""), "expected a string"),
                           (("serve", ".", "--fallback", "/a", "--fallback=/b"),
                            "--fallback takes one path, and there are /a and /b"),
                           (("serve", ".", "--fallback"), "--fallback needs a value"),
                           (("serve", ".", "--listing=yes"), "--listing takes no value"),
                           (("serve", ".", "--listings"), "did you mean --listing?"),
                           (("serve", "--config", "x.json", "--listing"), 'a route: "listing"'),
                           (("--config", "x.json", "--fallback", "/a"), 'a route: "fallback"')):
            r = self.check(args, 2, stderr=said)
            self.assertNotIn("folder options", r.stderr)

    def test_folders_that_cannot_be_served(self):
        with tempfile.TemporaryDirectory() as temp:
            file = write_file(os.path.join(temp, "file"), "x")
            os.symlink("nowhere", os.path.join(temp, "dangling"))
            for path, text in ((os.path.join(temp, "missing"), "No such file"),
                               (file, "Not a directory"),
                               (os.path.join(file, "x"), "Not a directory"),
                               (os.path.join(temp, "dangling"), "No such file"),
                               ("", "No such file"),
                               (os.path.join(temp, "x" * 300), "too long")):
                r = self.check(["serve", path, "--port", "0"], 1, stderr=text)
                self.assertIn(path[:100], r.stderr)

    def test_addresses_that_are_not_any(self):
        for text in ("", "localhost", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "1.2.3:80",
                     "127.0.0.1:70000", "[::1", "[::1]", "::1:80", "[::g]:0", "unix:",
                     "unix:" + "/x" * 100, "300.0.0.1:80", "127.0.0.1:80:80", "http://x:80"):
            r = run_weir("serve", ".", "--listen", text)
            self.assertIn(r.returncode, (1, 2), (text, r))
            self.assertEqual(r.stderr.count("\n"), 1, r.stderr)
            self.assertIn(text, r.stderr)

    def test_address_of_another_machine(self):
        # 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
        self.check(["serve", ".", "--listen", "192.0.2.1:0"], 1, stderr=["192.0.2.1", "ip addr"])

    def test_ready_fd_that_is_not_open(self):
        for fd in (5, 77):  # 5 would be one of the server's own, were it not looked at first
            r = run_weir("serve", ".", "--port", "0", "--quiet", "--ready-fd", str(fd))
            self.assertEqual(r.returncode, 2)
            self.assertIn("--ready-fd %d: this descriptor is not open" % fd, r.stderr)

    def test_ready_fd_whose_reader_has_gone(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        try:
            p = subprocess.run([WEIR, "serve", ".", "--port", "0", "--ready-fd", str(write_end)],
                               pass_fds=(write_end,), stderr=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, timeout=PATIENCE, text=True,
                               preexec_fn=_in_child())
        finally:
            os.close(write_end)
        self.assertEqual(p.returncode, 1, p)
        self.assertIn("--ready-fd", p.stderr)


class Listening(TempCase):
    def setUp(self):
        super().setUp()
        write_file(self.path("index.html"), "hello")

    def answers(self, address):
        with Client(address=address) as c:
            r = c.get("/")
            self.assertEqual((r.status, r.body), (200, b"hello"), address)

    def fails(self, *options, text, user=None, status=1):
        r = run_weir("serve", self.root, *options, user=user)
        self.assertEqual(r.returncode, status, r)
        self.assertIn(text, r.stderr)
        return r

    def test_port_of_another_program(self):
        for reuse in (False, True):
            with socket.socket() as s:
                if reuse:
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                s.bind(("127.0.0.1", 0))
                s.listen()
                port = s.getsockname()[1]
                self.fails("--port", str(port), text=":%d" % port)
                r = self.fails("--listen", "127.0.0.1:%d" % port, text="in use")
                self.assertIn("--port 0", r.stderr)
                self.fails("--listen", ":%d" % port, text="in use")
                self.fails("--port", "0", "--port", str(port), text="in use")

    def test_port_of_another_weir(self):
        with self.serve() as first:
            for _ in range(5):
                self.fails("--port", str(first.port), "--loops", "3", text="in use")
                self.answers(("127.0.0.1", first.port))

    def test_same_port_twice(self):
        with self.serve() as s:
            port = s.port
        self.fails("--port", str(port), "--port", str(port), text="given twice")

    def test_port_80_without_the_right(self):
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as f:
            if int(f.read()) <= 80:
                self.skipTest("here everybody may use port 80")
        if os.getuid() == 0:
            needs_nobody()
        r = self.fails("--port", "80", text="ermission denied",
                       user=NOBODY if os.getuid() == 0 else None)
        self.assertIn("--port 8080", r.stderr)

    def test_folder_without_the_right(self):
        needs_nobody()
        os.chmod(self.root, 0)
        self.addCleanup(os.chmod, self.root, 0o755)
        # What cannot be entered cannot be served: said at the start, or as 403 later.
        r = subprocess.Popen([WEIR, "serve", os.path.join(self.root, "sub"), "--port", "0"],
                             stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                             preexec_fn=_in_child(NOBODY))
        try:
            err = r.communicate(timeout=PATIENCE)[1]
        finally:
            r.kill()
            r.wait()
        self.assertEqual(r.returncode, 1)
        self.assertIn("ermission denied", err)
        self.assertNotIn("setcap", err, "advice about ports for a folder")

    def test_several_addresses(self):
        path = os.path.join(self.temp, "s")
        listen = ["127.0.0.1:0", "127.0.0.2:0", "unix:" + path, ":0"]
        listen += ["[::1]:0"] if has_ipv6() else []
        with self.serve(listen=listen, loops=3) as s:
            self.assertEqual(len(s.addresses), len(listen))
            for _ in range(4):
                for address in s.addresses:
                    if address.startswith("unix:"):
                        self.assertEqual(address, "unix:" + path)
                        self.answers(path)
                        continue
                    host, port = address.rsplit(":", 1)
                    host = {"[::]": "127.0.0.1", "0.0.0.0": "127.0.0.1"}.get(host, host)
                    self.answers((host.strip("[]"), int(port)))

    @unittest.skipUnless(has_ipv6(), "no IPv6 here")
    def test_ipv6(self):
        with self.serve(listen=["[::1]:0"]) as s:
            self.assertRegex(s.addresses[0], r"^\[::1\]:\d+$")
            self.answers(("::1", s.port))
            self.assertTrue(refuses(s.port), "[::1] must not take IPv4")
        with self.serve(listen=[":0"]) as s:
            self.answers(("::1", s.port))
            self.answers(("127.0.0.1", s.port))

    def test_port_option(self):
        with self.serve("--port", "0", listen=[]) as s:
            self.assertRegex(s.addresses[0], r"^127\.0\.0\.1:\d+$")
            self.answers(("127.0.0.1", s.port))
        with self.serve("--port=0", "--port=0", listen=[]) as s:
            self.assertEqual(len(set(s.addresses)), 2)

    def test_greeting_says_where(self):
        with self.serve() as s:
            self.assertTrue(eventually(lambda: "Ctrl-C" in s.log()))
            self.assertIn("http://127.0.0.1:%d/" % s.port, s.log())
            self.assertIn(self.root, s.log())

    def test_relative_folder_and_links_to_it(self):
        os.symlink("www", os.path.join(self.temp, "link"))
        for folder in (os.path.join(self.temp, "link"), self.root + "/", self.temp + "/./www/../www"):
            with self.serve(folder=folder) as s:
                self.answers(("127.0.0.1", s.port))

    def test_many_loops(self):
        with self.serve(loops=40) as s:
            for _ in range(60):
                self.answers(("127.0.0.1", s.port))

    def test_quiet(self):
        with self.serve("--quiet") as s:
            self.answers(("127.0.0.1", s.port))
            with Client(s) as c:
                c.send("rubbish\r\n\r\n")
                self.assertEqual(c.read().status, 400)
            s.stop()
            self.assertEqual((s.log(), s.access_log()), ("", b""))

    def test_not_quiet(self):
        with self.serve() as s:
            self.answers(("127.0.0.1", s.port))
            s.stop()
            self.assertEqual(s.access_log().count(b"\n"), 1)

    def test_closed_standard_descriptors(self):
        for close in ((0,), (1,), (0, 1), (0, 1, 2)):
            with self.serve(close=close) as s:
                with Client(s) as c:
                    for _ in range(20):
                        r = c.get("/")
                        self.assertEqual((r.status, r.body), (200, b"hello"))
                for _ in range(20):
                    self.answers(("127.0.0.1", s.port))
                s.stop()
                self.assertEqual(c.buffer, b"", "the log went to a connection")

    def test_stderr_whose_reader_has_gone(self):
        # weir serve . 2>&1 | head -1: what it then says must not end it.
        read_end, write_end = os.pipe()
        s = self.serve(stderr=write_end)
        os.close(write_end)
        os.close(read_end)
        for _ in range(5):
            with Client(s) as c:
                c.send("rubbish\r\n\r\n")
                self.assertEqual(c.read().status, 400)
            self.answers(("127.0.0.1", s.port))
        s.stop()

    def test_stderr_that_nobody_reads(self):
        read_end, write_end = os.pipe()
        self.addCleanup(os.close, read_end)
        s = self.serve(stderr=write_end, loops=1)
        os.close(write_end)
        start = time.monotonic()
        for _ in range(2000):  # more than a pipe holds
            with Client(s) as c:
                c.send("rubbish\r\n\r\n")
                self.assertEqual(c.read().status, 400)
        self.answers(("127.0.0.1", s.port))
        self.assertLess(time.monotonic() - start, 20)
        s.stop()


class UnixSockets(TempCase):
    def setUp(self):
        super().setUp()
        write_file(self.path("index.html"), "hello")
        self.sock = os.path.join(self.temp, "weir.sock")

    def start(self, **how):
        return self.serve(listen=["unix:" + self.sock], **how)

    def answers(self):
        with Client(address=self.sock) as c:
            return c.get("/").body == b"hello"

    def test_is_removed_at_stop(self):
        with self.start() as s:
            self.assertEqual(s.addresses, ["unix:" + self.sock])
            self.assertTrue(self.answers())
        self.assertFalse(os.path.lexists(self.sock))

    def test_stale_one_is_taken_over(self):
        with self.start() as s:
            s.kill()
            s.is_checked = True
        self.assertTrue(os.path.lexists(self.sock))
        with self.start():
            self.assertTrue(self.answers())
        self.assertFalse(os.path.lexists(self.sock))

    def test_live_one_is_refused(self):
        with self.start():
            for _ in range(3):
                r = run_weir("serve", self.root, "--listen", "unix:" + self.sock)
                self.assertEqual(r.returncode, 1)
                self.assertIn("in use", r.stderr)
                self.assertTrue(self.answers())

    def test_foreign_live_one_is_refused(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(self.sock)
            s.listen(1)
            with contextlib.ExitStack() as stack:
                for _ in range(2):  # its backlog is full: busy, not dead
                    c = stack.enter_context(socket.socket(socket.AF_UNIX))
                    c.setblocking(False)
                    with contextlib.suppress(BlockingIOError):
                        c.connect(self.sock)
                r = run_weir("serve", self.root, "--listen", "unix:" + self.sock)
            self.assertEqual(r.returncode, 1)
            self.assertTrue(os.path.lexists(self.sock))

    def test_other_files_are_left_alone(self):
        write_file(self.sock, "precious")
        r = run_weir("serve", self.root, "--listen", "unix:" + self.sock)
        self.assertEqual(r.returncode, 1)
        with open(self.sock) as f:
            self.assertEqual(f.read(), "precious")
        os.unlink(self.sock)
        os.symlink("elsewhere", self.sock)
        r = run_weir("serve", self.root, "--listen", "unix:" + self.sock)
        self.assertEqual(r.returncode, 1)
        self.assertTrue(os.path.islink(self.sock))

    def test_failed_start_leaves_no_socket(self):
        with self.serve() as other:
            r = run_weir("serve", self.root, "--listen", "unix:" + self.sock,
                         "--port", str(other.port))
            self.assertEqual(r.returncode, 1)
            self.assertFalse(os.path.lexists(self.sock))

    def test_missing_folder_of_the_socket(self):
        path = os.path.join(self.temp, "no", "s")
        r = run_weir("serve", self.root, "--listen", "unix:" + path)
        self.assertEqual(r.returncode, 1)
        self.assertIn(path, r.stderr)

    def test_successor_keeps_its_socket(self):
        # Somebody removes the path, a second server takes it, the first one stops.
        first = self.start()
        os.unlink(self.sock)
        with self.start():
            first.stop()
            self.assertTrue(os.path.lexists(self.sock), "the first one took the second one's socket")
            self.assertTrue(self.answers())


class Stopping(TempCase):
    SIZE = 20 * 1000 * 1000

    def setUp(self):
        super().setUp()
        self.content = pattern(self.SIZE)
        write_file(self.path("large.bin"), self.content)
        write_file(self.path("index.html"), "hello")

    def begin_download(self, server, target="/large.bin"):
        c = Client(server, rcvbuf=65536)
        self.addCleanup(c.close)
        c.request(target)
        self.assertEqual(c.read_head().status, 200)
        return c

    def finish_download(self, c):
        pieces = [c.buffer]
        left = self.SIZE - len(c.buffer)
        c.buffer = b""
        while left > 0:
            piece = c.sock.recv(min(left, 1 << 20))
            self.assertTrue(piece, "%d bytes are missing" % left)
            pieces.append(piece)
            left -= len(piece)
        self.assertTrue(b"".join(pieces) == self.content, "other bytes than the file's")

    def test_download_in_flight_is_finished(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.serve() as s:
                clients = [self.begin_download(s) for _ in range(3)]
                s.process.send_signal(number)
                self.assertTrue(eventually(lambda: refuses(s.port)), "still listening")
                self.assertIsNone(s.process.poll())
                for c in clients:
                    self.finish_download(c)
                    self.assertTrue(c.is_ended())
                self.assertEqual(s.wait(), 0)
                self.assertIn("stopping", s.log())

    def test_next_request_before_the_answer_was_read(self):
        """The server closes of its own accord: what is in the socket is not lost to a reset."""
        with self.serve() as s:
            clients = [self.begin_download(s) for _ in range(5)]
            s.terminate()
            self.assertTrue(eventually(lambda: refuses(s.port)), "still listening")
            for c in clients:
                c.request("/")
            for c in clients:
                self.finish_download(c)
                c.close()
            self.assertEqual(s.wait(), 0)

    def test_who_has_connected_is_answered(self):
        """Also those who wait in the listener's queue when the signal comes."""
        with self.serve(loops=1) as s:
            s.process.send_signal(signal.SIGSTOP)
            clients = [Client(s) for _ in range(200)]
            for c in clients:
                self.addCleanup(c.close)
                c.request("/")
            s.terminate()
            s.process.send_signal(signal.SIGCONT)
            for c in clients:
                self.assertEqual(c.read().body, b"hello")
                c.close()
            self.assertEqual(s.wait(), 0)

    def test_second_signal_ends_at_once(self):
        with self.serve() as s:
            self.begin_download(s)
            s.terminate()
            self.assertTrue(eventually(lambda: refuses(s.port)))
            start = time.monotonic()
            while s.process.poll() is None and time.monotonic() - start < 5:
                s.terminate()  # the mask may be lifted a moment after the listener has gone
                with contextlib.suppress(subprocess.TimeoutExpired):
                    s.wait(0.1)
            self.assertEqual(s.process.poll(), -signal.SIGTERM)
            self.assertLess(time.monotonic() - start, 3)
            s.is_checked = True

    def test_stalled_download_is_cut_off_after_ten_seconds(self):
        with self.serve() as s:
            self.begin_download(s)
            took = s.stop(20)
            self.assertGreater(took, 8)
            self.assertLess(took, 14)
            self.assertIn("cut off", s.log())

    def test_port_is_free_at_once(self):
        with self.serve() as s:
            port = s.port
            for _ in range(10):  # the server closes first: its side is in TIME_WAIT
                with Client(s) as c:
                    self.assertEqual(c.get("/", "Connection: close").status, 200)
                    self.assertTrue(c.is_ended())
        for _ in range(3):
            with self.serve(listen=["127.0.0.1:%d" % port]) as s:
                with Client(s) as c:
                    self.assertEqual(c.get("/", "Connection: close").status, 200)
                    self.assertTrue(c.is_ended())

    def test_idle_connections_do_not_delay_the_stop(self):
        with self.serve() as s:
            clients = [Client(s) for _ in range(100)]
            for c in clients:
                self.addCleanup(c.close)
            for c in clients[:50]:
                self.assertEqual(c.get("/").status, 200)
            self.assertLess(s.stop(), 5)
            for c in clients[:50]:
                self.assertTrue(c.is_ended())

    def test_connection_is_closed_after_the_answer_when_stopping(self):
        with self.serve() as s:
            busy = self.begin_download(s)
            half = Client(s)
            self.addCleanup(half.close)
            half.send("GET / HTTP/1.1\r\n")
            # Whether the half request has been read by then or not: it is answered, or closed.
            s.terminate()
            self.assertTrue(eventually(lambda: refuses(s.port)))
            with contextlib.suppress(OSError):
                half.send("Host: x\r\n\r\n")
                data = b""
                while True:
                    piece = half.sock.recv(65536)
                    if not piece:
                        break
                    data += piece
                if data:
                    self.assertIn(b"Connection: close", data)
            self.finish_download(busy)
            self.assertEqual(s.wait(), 0)

    def test_signal_at_any_moment_of_the_start(self):
        for i in range(25):
            p = subprocess.Popen([WEIR, "serve", self.root, "--port", "0", "--quiet"],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, preexec_fn=_in_child())
            try:
                select.select([], [], [], i * 0.001)  # the moment is what is varied
                p.terminate()
                err = p.communicate(timeout=PATIENCE)[1]
                self.assertIn(p.returncode, (0, -signal.SIGTERM))
                self.assertEqual(err, b"")
            finally:
                p.kill()
                p.wait()

    def test_stop_and_start_under_load(self):
        """Whoever got the head of an answer gets all of it, however often the server is replaced."""
        with self.serve() as s:
            port = s.port
        for _ in range(5):
            s = self.serve(listen=["127.0.0.1:%d" % port])
            clients = [Client(s) for _ in range(20)]
            for c in clients:
                self.addCleanup(c.close)
                c.request("/")
            for c in clients[:10]:
                self.assertEqual(c.read().body, b"hello")
            s.terminate()
            for c in clients[10:]:
                with contextlib.suppress(OSError):
                    data = b""
                    while True:
                        piece = c.sock.recv(65536)
                        if not piece:
                            break
                        data += piece
                    if data:
                        self.assertTrue(data.endswith(b"\r\n\r\nhello"), data)
            self.assertEqual(s.wait(), 0)


if __name__ == "__main__":
    unittest.main()
