"""The cases: what is asked for, and what must come. One table; a new case is a line in it.

A server takes part in a case when its entry in servers.py has a target for it.
"""
import dataclasses

HELLO = b"Hello, World!\n"
TREE_FILES = 100_000


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    what: str                   # for the document
    file: str = None            # whose content must come; None: HELLO, or a file of the tree
    status: int = 200
    coding: str = None          # the Content-Encoding that must come
    fields: tuple = ()          # (name, value) of the request
    connections: int = 64
    is_tree: bool = False       # random requests over the tree, and memory behind them
    has_instructions: bool = False  # is short enough for callgrind


GZIP = (("Accept-Encoding", "gzip"),)

CASES = (
    Case("hello", "a plugin that answers with 14 bytes, on the event loop: the baseline, without a file",
         has_instructions=True),
    Case("static-1k", "a file of 1 KiB", "1k.bin", has_instructions=True),
    Case("static-100k", "a file of 100 KiB", "100k.bin"),
    Case("static-10m", "a file of 10 MiB, 8 connections", "10m.bin", connections=8),
    Case("static-304", "the file of 1 KiB with the validator of its first answer: 304", "1k.bin",
         status=304, has_instructions=True),
    Case("gzip-sibling", "a text of 20 KiB that lies beside its .gz, with Accept-Encoding: gzip", "text.txt",
         coding="gzip", fields=GZIP, has_instructions=True),
    Case("gzip-dynamic", "the same text without a .gz beside it: compressed by the server",
         "plain.txt", coding="gzip", fields=GZIP, has_instructions=True),
    Case("tree-100k", "random requests over a tree of 100,000 files of 128 bytes to 8 KiB; before, each "
         "file was asked for once", is_tree=True),
)
