"""The cases: what is asked for, and what must come. One table; a new case is a line in it.

A server takes part in a case when its entry in servers.py has a target for it.
"""
import dataclasses

HELLO = b"Hello, World!\n"
TREE_FILES = 100_000
IDLE = 10_000
UPLOAD = 100 << 20
ROUTES = 500

# What a browser sends with the request for a page, besides Host.
BROWSER = (
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("Accept-Language", "en-GB,en;q=0.8,de-DE;q=0.5,de;q=0.3"),
    ("Referer", "https://www.example.org/articles/2026/an-article-of-some-length.html?from=start"),
    ("Cookie", "session=d41d8cd98f00b204e9800998ecf8427e7a3b91c5; theme=light; consent=necessary; "
               "last=%2Farticles%2F2026"),
    ("DNT", "1"),
    ("Upgrade-Insecure-Requests", "1"),
    ("Sec-Fetch-Dest", "document"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-User", "?1"),
    ("Priority", "u=0, i"),
)


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    what: str                   # for the document
    file: str = None            # whose content must come; None: HELLO, or a file of the tree
    status: int = 200
    coding: str = None          # the Content-Encoding that must come
    fields: tuple = ()          # (name, value) of the request
    connections: int = 64
    pipeline: int = 1           # requests that a connection sends at once
    goal: float = None          # CPU as a multiple of limit
    is_closing: bool = False    # a connection for each request
    is_drain: bool = False      # the client does not copy what it reads
    is_tree: bool = False       # random requests over the tree, and memory behind them
    idle: int = 0               # connections that are open beside, and their memory
    upload: int = 0             # bytes that are sent
    is_long: bool = False       # left out by --quick
    has_instructions: bool = False  # is short enough for callgrind


GZIP = (("Accept-Encoding", "gzip"),)

CASES = (
    Case("hello", "a plugin that answers with 14 bytes, on the event loop: the baseline, without a file",
         goal=1.05, has_instructions=True),
    Case("hello-browser", "the same with the twelve header fields of a browser", fields=BROWSER, goal=1.02,
         has_instructions=True),
    Case("hello-pipelined", "the same, 16 requests at once on each connection", pipeline=16, goal=1.8),
    Case("hello-close", "the same, a connection for each request", fields=(("Connection", "close"),),
         is_closing=True, goal=1.12),
    Case("hello-1000", "the same, 1,000 connections", connections=1000),
    Case("hello-idle", "the same, 64 connections beside %s that are open and idle" % format(IDLE, ","), idle=IDLE,
         goal=1.06),
    Case("hello-routes", "the same where there are %d other routes" % ROUTES),
    Case("environ", "a plugin that asks for every key of the environ and every field of a browser's "
         "request", fields=BROWSER),
    Case("static-1k", "a file of 1 KiB", "1k.bin", goal=1.10, has_instructions=True),
    Case("static-1k-browser", "the same with the header fields of a browser", "1k.bin", fields=BROWSER),
    Case("static-4k", "a file of 4 KiB", "4k.bin"),
    Case("static-16k", "a file of 16 KiB", "16k.bin"),
    Case("static-64k", "a file of 64 KiB", "64k.bin"),
    Case("static-100k", "a file of 100 KiB", "100k.bin", goal=1.02, has_instructions=True),
    Case("static-10m", "a file of 10 MiB, 8 connections", "10m.bin", connections=8, goal=1.00),
    Case("drain-10m", "the same, by a client that does not copy what it reads (MSG_TRUNC)", "10m.bin",
         connections=8, is_drain=True),
    Case("static-304", "the file of 1 KiB with the validator of its first answer: 304", "1k.bin",
         status=304, goal=1.12, has_instructions=True),
    Case("gzip-sibling", "a text of 20 KiB that lies beside its .gz, with Accept-Encoding: gzip", "text.txt",
         coding="gzip", fields=GZIP, goal=1.00, has_instructions=True),
    Case("gzip-dynamic", "the same text without a .gz beside it: compressed by the server",
         "plain.txt", coding="gzip", fields=GZIP, is_long=True),
    Case("tree-100k", "random requests over a tree of 100,000 files of 128 bytes to 8 KiB; before, each "
         "file was asked for once", is_tree=True, is_long=True),
    Case("upload-100m", "100 MiB that a plugin on the event loop reads and drops, one connection", upload=UPLOAD,
         connections=1, goal=1.05),
)
