"""plugins/query: a statement of PostgreSQL on Weir's loop. What is expected is said by plugins/query/README.md and
PostgreSQL's manual. The database is the test's own: in a temporary folder, on a Unix socket, as a user that is not
root.
"""
import glob
import json
import os
import pwd
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

from support import Client, Server, TempCase, eventually, in_threads, run_weir, write_file

PLUGIN = os.path.join(os.environ["WEIR_BUILD"], "plugins/query/query.so")
MANY = 200
FAST_MS = 200  # for what is too slow; the rest has a minute, so that no test needs it


NEEDED = ("initdb", "postgres", "psql", "pg_isready")


def binaries():
    """The folder of the newest PostgreSQL that has all of them."""
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True) + os.environ["PATH"].split(":")
    return next((f for f in folders if all(os.path.exists(os.path.join(f, name)) for name in NEEDED)), None)


BIN = binaries()
MISSING = "plugins/query is not built: libpq's development files are missing" if not os.path.exists(PLUGIN) else \
    None if BIN else "PostgreSQL (Debian: postgresql-15) is missing"


def unprivileged():
    """How to run the database, which root must not."""
    if os.getuid() != 0:
        return {}
    user = next(pwd.getpwnam(name) for name in ("postgres", "nobody") if name in {p.pw_name for p in pwd.getpwall()})
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Database:
    def __init__(self):
        self.how = unprivileged()
        self.folder = tempfile.mkdtemp(prefix="weir-pg-")
        if self.how:
            os.chown(self.folder, self.how["user"], self.how["group"])
        self.process = None
        try:
            self.run("initdb", "-D", self.folder + "/data", "-A", "trust", "-U", "weir", "--no-sync", "-E", "UTF8",
                     "--locale=C")
            self.start()
        except BaseException:
            self.remove()
            raise

    def run(self, name, *args, **how):
        done = subprocess.run([os.path.join(BIN, name), *args], cwd=self.folder, capture_output=True, text=True,
                              env={"LC_ALL": "C", "PATH": os.environ["PATH"]}, timeout=100, **dict(self.how, **how))
        if done.returncode != 0:
            raise AssertionError("%s: %s%s" % (name, done.stdout, done.stderr))
        return done.stdout.strip()

    def start(self):
        with open(self.folder + "/log", "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(BIN, "postgres"), "-D", self.folder + "/data", "-k", self.folder,
                 "-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=200"],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"LC_ALL": "C"}, **self.how)
        if not eventually(self.is_ready, seconds=60, pause=0.1):
            with open(self.folder + "/log", encoding="utf-8", errors="replace") as log:
                raise AssertionError("no database: " + log.read())

    def is_ready(self):
        return subprocess.run([os.path.join(BIN, "pg_isready"), "-h", self.folder], capture_output=True).returncode == 0

    def stop(self):
        if self.process:
            self.process.send_signal(2)  # SIGINT: a fast shutdown
            self.process.wait(60)
        self.process = None

    def remove(self):
        if self.process:
            self.process.send_signal(3)  # SIGQUIT: at once
            self.process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def connect(self):
        return "host=%s user=weir dbname=postgres" % self.folder

    def sql(self, statement):
        return self.run("psql", "-X", "-A", "-t", "-q", "-d", self.connect, "-c", statement)

    def waiting(self):
        """Statements that wait for the lock."""
        return int(self.sql("select count(*) from pg_locks where locktype = 'advisory' and not granted"))


class Lock:
    """Held by a session of its own; statements of HELD wait for it."""

    def __init__(self, database):
        self.process = subprocess.Popen([os.path.join(BIN, "psql"), "-X", "-A", "-t", "-q", "-d", database.connect],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/")
        self.process.stdin.write("select pg_advisory_lock(1); select 'held';\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.strip() == "held":
                return
        raise AssertionError("no lock")

    def release(self):
        if self.process.poll() is None:
            self.process.communicate("\\q\n", timeout=20)


HELD = "select pg_backend_pid() as pid, case when $1 = 'wait' then pg_advisory_xact_lock_shared(1)::text" \
       " when $1 = 'nap' then pg_sleep(0.004)::text end as held"


def route(path, connect, statement, params=(), **config):
    return {"path": path, "plugin": PLUGIN, "config": dict(
        {"connect": connect, "statement": statement, "params": params, "timeout_ms": 60000}, **config)}


@unittest.skipIf(MISSING, MISSING)
class QueryCase(unittest.TestCase):
    loops, lint = 2, False

    @classmethod
    def setUpClass(cls):
        cls.database = Database()
        cls.addClassCleanup(cls.database.remove)
        cls.root = tempfile.TemporaryDirectory(prefix="weir-test-")
        cls.addClassCleanup(cls.root.cleanup)
        cls.server = Server(cls.root.name, *cls.options(), loops=cls.loops)
        cls.addClassCleanup(cls.server.temp.cleanup)
        cls.addClassCleanup(cls.server.kill)

    @classmethod
    def options(cls):
        routes = [dict(r, lint=cls.lint) for r in cls.routes(cls.database.connect)]
        return "--config", write_file(os.path.join(cls.root.name, "weir.json"), json.dumps({"routes": routes}))

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        if "lint W" in cls.server.log():
            raise AssertionError(cls.server.log())

    def client(self):
        c = Client(self.server)
        self.addCleanup(c.close)
        return c

    def get(self, target, **how):
        with Client(self.server) as c:
            return c.get(target, **how)

    def rows(self, target):
        r = self.get(target)
        self.assertEqual((r.status, r["Content-Type"], r["Cache-Control"]), (200, "application/json", "no-store"), r.body)
        value = json.loads(r.body)
        self.assertEqual(list(value), ["rows"])
        return value["rows"]

    def error(self, target, status, **how):
        r = self.get(target, **how)
        self.assertEqual((r.status, r["Content-Type"]), (status, "application/json"), r.body)
        self.assertEqual(list(json.loads(r.body)), ["error"])
        return r

    def lock(self):
        lock = Lock(self.database)
        self.addCleanup(lock.release)
        return lock


class Query(QueryCase):
    @classmethod
    def routes(cls, connect):
        cls.database.sql("create table item (id int primary key, name text, price numeric);"
                         "insert into item values (1, 'tea', 2.50), (2, 'caf\u00e9 \"x\"', 3), (3, null, null)")
        return [
            route("/items", connect, "select * from item where $1::text is null or name = $1 order by id", ["name"]),
            route("/sum", connect, "select $1::int + $2::int as sum", ["a", "b"]),
            route("/text", connect, "select $1::text as t", ["t"]),
            route("/types", connect, "select 1::int2 a, -5::int8 b, 0.10::numeric c, 1e300::float8 d, 'NaN'::float8 e,"
                   " '-Infinity'::float4 f, true g, false h, null::int i, '{\"x\": [1]}'::jsonb j, '2026-01-02'::date k,"
                   " e'a\\n\\t\"\\\\\\x01' as l, 'NaN'::numeric m, '[1]'::json as \"a\"\"\\\""),
            route("/none", connect, "select 1 where false"),
            route("/done", connect, "do $$ begin raise notice 'heard by nobody'; end $$"),
            route("/wrong", connect, "select nothing from nowhere"),
            route("/late-error", connect, "select 10 / (5 - i) as x from generate_series(1, 10) i"),
            route("/copy", connect, "copy item to stdout", retry_ms=10),
            route("/large", connect, "select repeat('x', 1000) as x from generate_series(1, $1::int)", ["n"],
                   max_bytes=100000, connections=1),
            route("/impatient", connect + " options='-c statement_timeout=50'", "select pg_sleep(60)"),
        ]

    def test_rows(self):
        self.assertEqual(self.rows("/items"), [{"id": 1, "name": "tea", "price": 2.5},
                                               {"id": 2, "name": 'caf\u00e9 "x"', "price": 3},
                                               {"id": 3, "name": None, "price": None}])
        self.assertEqual(self.rows("/none"), [])
        self.assertEqual(self.rows("/done"), [])

    def test_types(self):
        self.assertEqual(self.rows("/types"), [{
            "a": 1, "b": -5, "c": 0.1, "d": 1e300, "e": "NaN", "f": "-Infinity", "g": True, "h": False, "i": None,
            "j": {"x": [1]}, "k": "2026-01-02", "l": 'a\n\t"\\\x01', "m": "NaN", 'a"\\': [1]}])

    def test_parameters(self):
        self.assertEqual([r["id"] for r in self.rows("/items?name=tea")], [1])
        self.assertEqual([r["id"] for r in self.rows("/items?x=1&n%61me=caf%C3%A9+%22x%22&name=tea")], [2])
        self.assertEqual(self.rows("/items?name="), [])
        self.assertEqual(self.rows("/items?name"), [])
        self.assertEqual(self.rows("/items?name=%27+or+1%3D1;drop+table+item;--"), [])
        self.assertEqual(len(self.rows("/items?names=tea")), 3)
        self.assertEqual(self.rows("/sum?b=2&a=40"), [{"sum": 42}])
        self.assertEqual(self.rows("/sum?b=2"), [{"sum": None}])
        for text in ("", "a=b&c;d", "%+ ", "\u20ac\U0001f600", "'", "\x7f\x01"):
            quoted = "".join("%%%02x" % b for b in text.encode())
            self.assertEqual(self.rows("/text?t=" + quoted), [{"t": text}])

    def test_parameters_that_are_not_valid(self):
        for target in ("/sum?a=x&b=1", "/sum?a=99999999999&b=1", "/sum?a=2147483647&b=1", "/text?t=%", "/text?t=%4", "/text?t=%g0",
                       "/text?t=a%00b", "/text?t=%ff", "/text?%zz=1", "/text?t=%4&"):
            self.error(target, 400)
        self.assertEqual(self.rows("/text?t=%41"), [{"t": "A"}])

    def test_methods(self):
        for method in ("POST", "PUT", "DELETE"):
            self.assertEqual(self.error("/items", 405, method=method)["Allow"], "GET, HEAD")
        r, same = self.get("/items", method="HEAD"), self.get("/items")
        self.assertEqual((r.status, r["Content-Type"], r.body), (200, "application/json", b""))
        self.assertEqual(r["Content-Length"], same["Content-Length"])

    def test_statement_that_fails(self):
        for _ in range(20):
            self.error("/wrong", 500)
        self.assertIn("nowhere", self.server.log())
        self.error("/late-error", 400)  # a division by zero: data, and no half answer
        self.error("/impatient", 504)

    def test_copy(self):
        self.error("/copy", 503)
        self.assertEqual(len(self.rows("/items")), 3)

    def test_too_many_rows(self):
        pids = self.pids("repeat")
        self.assertEqual(len(self.rows("/large?n=90")), 90)
        for _ in range(5):
            self.error("/large?n=1000000", 500)
            self.assertEqual(len(self.rows("/large?n=3")), 3)
        self.assertIn("more than 100000 bytes", self.server.log())
        self.assertLessEqual(len(self.pids("repeat") | pids), self.loops)  # none was given up

    def pids(self, text):
        return set(self.database.sql("select pid from pg_stat_activity where query like '%%%s%%' and pid <> pg_backend_pid()"
                                     % text).split())

    def test_many(self):
        def work(i):
            with Client(self.server) as c:
                for k in range(50):
                    r = c.get("/sum?a=%d&b=%d" % (i * 1000, k))
                    self.assertEqual(json.loads(r.body), {"rows": [{"sum": i * 1000 + k}]})
        in_threads(8, work)


class Waiting(QueryCase):
    """One loop, so that it is known who waits for whom."""
    loops = 1

    @classmethod
    def routes(cls, connect):
        return [route("/one", connect, HELD, ["do"], connections=1, queue=3),
                route("/fast", connect, HELD, ["do"], connections=1, queue=100, timeout_ms=FAST_MS),
                route("/more", connect, HELD, ["do"], connections=4, queue=MANY)]

    def begin(self, target, n=1):
        clients = [self.client() for _ in range(n)]
        for c in clients:
            c.request(target)
        return clients

    def until_waiting(self, n):
        self.assertTrue(eventually(lambda: self.database.waiting() == n), self.database.waiting())

    @staticmethod
    def answered(clients, seconds=0):
        ready = select.select([c.sock for c in clients], [], [], seconds)[0]
        return [c for c in clients if c.sock in ready]

    def all_but_refused(self, clients, n):
        """So many of them are answered at once, whichever come last; the others wait."""
        self.assertTrue(eventually(lambda: len(self.answered(clients)) >= n))
        refused = self.answered(clients)
        self.assertEqual(len(refused), n)
        for c in refused:
            r = c.read()
            self.assertEqual((r.status, r["Retry-After"]), (503, "1"))
        return [c for c in clients if c not in refused]

    def test_queue(self):
        lock = self.lock()
        held = self.begin("/one?do=wait")
        self.until_waiting(1)
        queued = self.all_but_refused(self.begin("/one", 5), 2)
        lock.release()
        pids = {json.loads(c.read().body)["rows"][0]["pid"] for c in held + queued}
        self.assertEqual(len(pids), 1)

    def test_who_waits_and_leaves(self):
        lock = self.lock()
        held = self.begin("/one?do=wait")
        self.until_waiting(1)
        queued = self.all_but_refused(self.begin("/one", 4), 1)
        for place in (0, 1, 2, 0, 2):  # first, in the middle, last
            queued.pop(place).reset()

            def gets_in():
                c = self.begin("/one")[0]
                if self.answered([c], 0.3):
                    return c.read().status != 503
                queued.append(c)
                return True
            self.assertTrue(eventually(gets_in))
            self.all_but_refused(self.begin("/one"), 1)
        self.assertEqual(self.answered(queued), [])
        for c in queued:
            c.reset()
        lock.release()
        self.assertEqual(held[0].read().status, 200)
        self.assertEqual(self.get("/one").status, 200)

    def pid(self, target):
        return self.rows(target)[0]["pid"]

    def test_too_slow(self):
        pid, lock = self.pid("/fast"), self.lock()
        clients = self.begin("/fast?do=wait", 3)
        for c in clients:
            self.assertEqual(c.read().status, 504)
        self.until_waiting(0)  # it was cancelled
        self.assertEqual(self.pid("/fast"), pid)  # and the connection is the same
        lock.release()

    def test_client_that_leaves(self):
        pid, lock = self.pid("/one"), self.lock()
        for _ in range(5):
            client = self.begin("/one?do=wait")[0]
            self.until_waiting(1)
            client.reset()
            self.until_waiting(0)
            self.assertEqual(self.pid("/one"), pid)
        lock.release()

    def test_cancelled_is_never_the_next(self):
        """Clients that leave just when their statement ends; none of those that stay is told of it."""
        pid = self.pid("/one")
        with Client(self.server) as stays:
            for i in range(300):
                gone = Client(self.server)
                gone.request("/one")
                end = time.monotonic() + i % 30 / 20000
                while time.monotonic() < end:
                    pass
                gone.reset()
                r = stays.get("/one?do=nap")
                self.assertEqual((r.status, json.loads(r.body)["rows"][0]["pid"]), (200, pid), r.body)

    def test_many_at_once(self):
        lock = self.lock()
        held = self.begin("/more?do=wait", 4)
        self.until_waiting(4)
        clients = self.begin("/more", MANY)
        lock.release()
        pids = {json.loads(c.read().body)["rows"][0]["pid"] for c in held + clients}
        self.assertEqual(len(pids), 4)

    def test_stop_while_it_waits(self):
        lock = self.lock()
        server = Server(self.root.name, "--quiet", *self.options(), loops=1)
        self.addCleanup(server.temp.cleanup)
        self.addCleanup(server.kill)
        with Client(server) as c:
            c.request("/one?do=wait")
            self.until_waiting(1)
            server.terminate()
            lock.release()
            self.assertEqual(c.read().status, 200)
        self.assertEqual(server.wait(), 0)
        server.stop()


class WaitingChecked(Waiting):
    """All of it again, with the checker of weir lint around the app."""
    lint = True


class Losing(QueryCase):
    lint = True

    @classmethod
    def routes(cls, connect):
        return [route("/one", connect, HELD, ["do"], connections=2, retry_ms=20),
                route("/nowhere", "host=/nonexistent user=weir", HELD, ["do"], retry_ms=20)]

    def comes_back(self):
        self.assertTrue(eventually(lambda: self.get("/one").status == 200))

    def test_never_there(self):
        r = self.error("/nowhere", 503)
        self.assertEqual(r["Retry-After"], "1")
        self.assertEqual(len(re.findall("no connection to the database.*nonexistent", self.server.log())), self.loops)

    def connections(self):
        return int(self.database.sql("select count(*) from pg_stat_activity where application_name = 'weir'"))

    def test_idle_connections_are_lost(self):
        for _ in range(3):
            self.comes_back()
            self.database.sql("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'weir'")
            self.assertTrue(eventually(lambda: self.connections() == 2 * self.loops))  # though nobody asks
            self.comes_back()

    def test_lost_while_asked(self):
        self.comes_back()
        lock = self.lock()
        c = self.client()
        c.request("/one?do=wait")
        self.assertTrue(eventually(lambda: self.database.waiting() == 1))
        self.database.sql("select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and not granted")
        self.assertEqual(c.read().status, 503)
        self.comes_back()
        lock.release()

    def test_server_that_restarts(self):
        self.comes_back()
        self.database.stop()
        self.assertTrue(eventually(lambda: self.get("/one").status == 503))
        start = time.monotonic()
        for _ in range(20):
            self.error("/one", 503)
        self.assertLess(time.monotonic() - start, 10)  # at once, and not after the minute
        self.database.start()
        self.comes_back()
        self.assertIn("connected to the database again", self.server.log())


@unittest.skipIf(MISSING, MISSING)
class Configuration(TempCase):
    def test_what_is_refused(self):
        good = {"connect": "", "statement": "select 1"}
        for change, said in (({"connect": "nothing=1"}, "nothing"), ({"statement": ""}, "statement"),
                             ({"params": ["a"] * 17}, "16"), ({"connections": 0}, "connections"), ({"x": 1}, "x")):
            config = json.dumps(dict(good, **change))
            done = run_weir("serve", self.root, "--listen", "127.0.0.1:0", "--plugin", "/q=%s:%s" % (PLUGIN, config))
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    unittest.main()
