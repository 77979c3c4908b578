"""Is what a server answers right? Asked before it is timed, by what will be timed."""
import gzip
import os
import re
import socket
import zlib

import files

TIMES = 2          # on one connection: what is wrong behind an answer shows in the next
TREE_SAMPLES = 100
TIMEOUT_S = 30
LINE_MAX = 65536
UPLOAD_LINES = 50_000


class Wrong(Exception):
    """What came is not what must come."""


class NotServed(Exception):
    """A server that does not have this, and says so rightly."""


class Answer:
    """Status, and fields by their names in lower case."""

    def __init__(self, status, fields):
        self.status, self.fields = status, fields

    def field(self, name):
        return self.fields.get(name.lower())


class Connection:
    """One that sends the fields that it is given, and no others but Host. All answers come on it.

    What is not HTTP/1.1, or not there, is Wrong. Whatever comes behind an answer is read as the next
    one; so http.client is not used, which would drop it.
    """

    def __init__(self, port):
        self.host = "127.0.0.1:%d" % port
        try:
            self.sock = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        except OSError as e:
            raise Wrong("no connection: %s" % e) from e
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.input = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.input.close()
        self.sock.close()

    def send(self, target, fields=(), times=1, method="GET", content=b""):
        lines = ["%s %s HTTP/1.1" % (method, target), "Host: " + self.host, *("%s: %s" % f for f in fields)]
        try:
            self.sock.sendall((("\r\n".join(lines) + "\r\n\r\n").encode() + content) * times)
        except OSError as e:
            raise Wrong("%s: %s" % (target, e)) from e

    def read(self, target):
        """The answer and its content."""
        try:
            answer = self._head()
            return answer, self._content(answer)
        except (OSError, ValueError) as e:
            raise Wrong("%s: %s" % (target, e)) from e

    def get(self, target, fields=()):
        self.send(target, fields)
        return self.read(target)

    def is_ended(self):
        """By the server; waits for that."""
        try:
            return not self.input.read(1)
        except OSError:
            return False

    def _line(self):
        line = self.input.readline(LINE_MAX)
        if not line.endswith(b"\r\n"):
            raise ValueError("the connection ended" if not line else "no whole line: %r" % line[:80])
        return line[:-2].decode("latin-1")

    def _exactly(self, size):
        got = self.input.read(size)
        if len(got) != size:
            raise ValueError("%d bytes of %d, then the end" % (len(got), size))
        return got

    def _head(self):
        line, fields = self._line(), {}
        found = re.fullmatch(r"HTTP/1\.1 (\d{3})( .*)?", line)
        if not found:
            raise ValueError("%r is no status line" % line[:80])
        while (line := self._line()):
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        return Answer(int(found[1]), fields)

    def _content(self, answer):
        if answer.status in (204, 304):
            return b""
        if answer.field("Transfer-Encoding") is None:
            return self._exactly(int(answer.field("Content-Length") or ""))
        body = b""
        while (size := int(self._line().split(";")[0], 16)):
            body += self._exactly(size)
            self._exactly(2)
        while self._line():
            pass
        return body


def decoded(body):
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as e:
        raise Wrong("gzip that cannot be decoded: %s" % e) from e


def check_answer(answer, body, content, status=200, coding=None, is_last=False):
    """Raises unless the answer has this status, this coding and, decoded, this content."""
    if answer.status != status:
        raise Wrong("status %d instead of %d" % (answer.status, status))
    if (answer.field("Connection") or "").lower() == "close" and not is_last:
        raise Wrong("the connection is closed")
    if status == 304:
        return
    came = answer.field("Content-Encoding")
    if coding and came is None and body == content:
        raise NotServed("not compressed")
    if came != coding:
        raise Wrong("Content-Encoding %s instead of %s" % (came, coding))
    if coding:
        body = decoded(body)
    if body != content:
        raise Wrong("%d bytes instead of %d, or others" % (len(body), len(content)))


def validator(connection, target):
    """The field that makes the next request conditional."""
    answer, _ = connection.get(target)
    for asked, given in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
        if answer.field(given):
            return asked, answer.field(given)
    return "If-None-Match", '"x"'  # of limit, which does not look at it


def fields_of(port, case, target):
    """What a request of the case carries."""
    if case.status != 304:
        return case.fields
    with Connection(port) as c:
        return (*case.fields, validator(c, target))


def check_upload(port, target, fields):
    """Content is taken, all of it: else what is left of it would be taken for the next request."""
    content = b"GET / HTTP/1.1\r\n\r\n" * UPLOAD_LINES
    fields = (*fields, ("Content-Length", len(content)))
    with Connection(port) as c:
        for _ in range(TIMES):
            c.send(target, fields, method="POST", content=content)
            answer, _ = c.read(target)
            if answer.status not in (200, 201, 204):
                raise Wrong("status %d" % answer.status)


def check_case(port, case, target, fields, root):
    if case.upload:
        check_upload(port, target, fields)
        return
    content = files.content(root, case.file)
    with Connection(port) as c:
        for _ in range(1 if case.is_closing else TIMES):
            c.send(target, fields, case.pipeline)
            for _ in range(case.pipeline):
                answer, body = c.read(target)
                check_answer(answer, body, content, case.status, case.coding, case.is_closing)
        if case.is_closing and not c.is_ended():
            raise Wrong("the connection stays open, or more comes")


def check_tree(port, entries, root):
    """Some files of the tree, from all over it; load then looks at the length of each."""
    with Connection(port) as c:
        for target, size in entries[::max(1, len(entries) // TREE_SAMPLES)]:
            answer, body = c.get(target)
            content = files.content(root, target[1:])
            assert len(content) == size, os.path.join(root, target)
            check_answer(answer, body, content)
