"""Clients that download: wget, curl, aria2. What they have must be the file, byte for byte."""
import email.parser
import gzip
import os
import urllib.parse

from client_place import HOUR, Check, digest, read, same
from support import pattern, settle, write_file

LARGE = 4 << 20
HUGE = 32 << 20

# Names as they are on the disk. wget writes what it has decoded, but "/" and NUL.
ODD_NAMES = (
    "plain.txt", "a space", " leading", "trailing ", "two  spaces", "100%", "%41", "%2F", "a%2e", "%",
    "a+b", "a&b=c", "a;b", "a#b", "what?", "x?y=z", "a:b", "a@b", "a,b", "~tilde", "-dash", "--help",
    "'single'", '"double"', "`back`", "$dollar", "a|b", "a*b", "[brackets]", "{braces}", "<angle>",
    "back\\slash", "caret^", "exclaim!", "Grüße.txt", "日本語.html", "e\u0301 combined", "🦋",
    "non-breaking\u00a0space", "tab\there", "dot.", "a..b", "no-type.unknown", ".well-known/key.txt",
    "folder/inside", "fol der/%20/ünter/file.txt", "long-" + 200 * "n", "control\x01", "newline\nin it",
)
ODD_BYTES = (b"latin-1-\xfc", b"\xff\xfe", b"folder/\xe4\xf6")  # not UTF-8


# ---- wget ----


def wget(place, *args, **how):
    return place.run("wget", "--no-verbose", "--no-config", *args, **how)


def wget_resumes(place):
    """A download is cut, wget asks for the rest by itself; again when it is complete, and has grown"""
    data = pattern(LARGE)
    place.write("large.bin", data)
    port = place.cutter(1 << 20)
    wget(place, "-c", "--tries=2", "--waitretry=0", place.url("large.bin", port))
    same(read(place.at_home("large.bin")), data, "what wget has put together")
    place.wait_for_statuses("/large.bin", 200, 206)
    wget(place, "-c", place.url("large.bin"))
    place.wait_for_statuses("/large.bin", 200, 206, 416)
    same(read(place.at_home("large.bin")), data, "what was complete")
    write_file(place.path("large.bin"), pattern(LARGE + 1000))
    wget(place, "-c", place.url("large.bin"))
    same(read(place.at_home("large.bin")), pattern(LARGE + 1000), "what has grown")
    place.wait_for_statuses("/large.bin", 200, 206, 416, 206)
    return "200 cut, 206 for the rest, 416 for nothing more, 206 for what the file has grown by"


def link(name):
    return '<a href="%s">.</a>\n' % urllib.parse.quote(os.fsencode(name))


def where_wget_puts(place, name):
    """wget 1.21 decodes a name a second time, unless that makes another folder of it."""
    path = place.at_home(name)
    return path if os.path.exists(path) else place.at_home(urllib.parse.unquote(name))


def wget_mirrors(place):
    """A tree of odd names (spaces, percent signs, UTF-8 and not) is mirrored, twice"""
    names = [*ODD_NAMES, *map(os.fsdecode, ODD_BYTES)]
    for i, name in enumerate(names):
        place.write(name, pattern(1000 + i, salt=i))
    place.write("index.html", "<!DOCTYPE html>\n" + "".join(map(link, names)))
    command = ("--mirror", "--no-host-directories", "--restrict-file-names=nocontrol", "--no-iri",
               "--execute=robots=off", place.url())
    wget(place, *command)
    for i, name in enumerate(names):
        got = where_wget_puts(place, name)
        same(read(got), pattern(1000 + i, salt=i), name)
        same(int(os.stat(got).st_mtime), int(os.stat(place.path(name)).st_mtime), "when it changed")
    n = len(names) + 1
    place.wait_for(lambda answers: [a.status for a in answers] == n * [200], "each is a 200")
    place.forget()
    changed = place.write(names[1], "changed", age=1)
    os.utime(place.path("index.html"))  # wget follows no links of a page that has not changed
    wget(place, *command)
    same(read(place.at_home(ODD_NAMES[1])), read(changed), "what has changed")
    place.wait_for(lambda answers: sorted(a.status for a in answers) == 2 * [200] + (n - 2) * [304],
                   "all but two are a 304")
    return "%d files, byte for byte and with their times; again: 2 that changed, %d times 304" % (
        n, n - 2)


# ---- curl ----


def curl(place, *args, **how):
    return place.run("curl", "--disable", "--silent", "--show-error", *args, **how)


def curl_resumes(place):
    """A download is cut and resumed; the file changes in between, and If-Range names what was there"""
    data, other = pattern(LARGE), pattern(LARGE, salt=1)
    settle(place.write("large.bin", data))
    got = place.at_home("got")
    ask = ("--output", got, "--fail")
    curl(place, *ask, "--etag-save", "etag", place.url("large.bin", place.cutter(1 << 20)), status=18)
    cut = read(got)
    same(data.startswith(cut) and 0 < len(cut) < LARGE, True, "the beginning of it")
    # curl sends no If-Range of its own: as a careful script would, it is given one.
    if_range = ("--header", "If-Range: " + read(place.at_home("etag")).decode().strip())
    curl(place, *ask, *if_range, "--continue-at", "-", place.url("large.bin"))
    same(read(got), data, "what curl has put together")
    place.wait_for_statuses("/large.bin", 200, 206)
    write_file(got, cut)
    place.write("large.bin", other, age=10)
    text = curl(place, *ask, *if_range, "--continue-at", "-", place.url("large.bin"), status=33)
    same("resume" in text, True, "curl says that it cannot resume")
    same(read(got), cut, "nothing is mixed")
    curl(place, *ask, place.url("large.bin"))
    same(read(got), other, "the new file")
    place.wait_for_statuses("/large.bin", 200, 206, 200, 200)
    return "206 while it is the same file; then a 200, at which curl stops without mixing"


def curl_revalidates(place):
    """A copy is checked by ETag and by date, the file unchanged and changed"""
    place.write("page.html", "one")
    got = place.at_home("got")
    by_etag = ("--etag-compare", "etag", "--etag-save", "etag", "--output", got)
    by_date = ("--time-cond", got, "--remote-time", "--output", got)
    for way in (by_etag, by_date):
        place.forget()
        place.write("page.html", "one")
        curl(place, "--remote-time", *way, place.url("page.html"))
        curl(place, "--remote-time", *way, place.url("page.html"))
        same(read(got), b"one", "what was there")
        place.write("page.html", "two", age=10)
        curl(place, "--remote-time", *way, place.url("page.html"))
        same(read(got), b"two", "what has changed")
        place.wait_for_statuses("/page.html", 200, 304, 200)
        os.unlink(got)
    return "304 while it is the same, then 200"


def fields_of(head):
    """The header section that curl has written, a mapping."""
    return email.parser.BytesParser().parsebytes(head.split(b"\r\n", 1)[1])


def curl_compressed(place):
    """With --compressed and without: texts, one with a .gz beside it, noise; a part of a text"""
    text = "".join("%d green bottles hanging on the wall\n" % i for i in range(20000)).encode()
    packed, noise, codings = gzip.compress(text), os.urandom(1 << 20), {}
    files = {"song.txt": text, "ready.txt": text, "ready.txt.gz": packed, "noise.bin": noise}
    for name, data in files.items():
        place.write(name, data, age=HOUR - name.endswith(".gz"))
    for name in (*files, *files):  # the second time it may come from a cache
        for option in ("--compressed", "--no-compressed"):
            curl(place, option, "--output", "got", "--dump-header", "head", place.url(name))
            same(read(place.at_home("got")), files[name], name + " " + option)
            fields = fields_of(read(place.at_home("head")))
            coding = fields["Content-Encoding"] or "identity"
            same(coding == "identity" or (
                option == "--compressed" and "accept-encoding" in (fields["Vary"] or "").lower()),
                True, "%s %s: %s, Vary %s" % (name, option, coding, fields["Vary"]))
            codings[name, option] = coding
    curl(place, "--range", "100-199", "--output", "got", place.url("song.txt"))
    same(read(place.at_home("got")), text[100:200], "a part")
    # A part of what is coded could not be decoded; a client that asks so gets a part of the text, or all.
    curl(place, "--compressed", "--range", "100-199", "--output", "got", place.url("song.txt"))
    got = read(place.at_home("got"))
    same(got, text if len(got) == len(text) else text[100:200], "a part, with --compressed")
    return "as on the disk; the texts came as %s and %s" % (
        codings["song.txt", "--compressed"], codings["ready.txt", "--compressed"])


def curl_several_ranges(place):
    """Two parts at once, whether they come as parts or as the whole file, and the last bytes alone"""
    data = pattern(100000)
    place.write("file.bin", data)
    curl(place, "--range", "0-99,50000-50099", "--dump-header", "head", "--output", "got",
         place.url("file.bin"))
    head, got = (read(place.at_home(name)) for name in ("head", "got"))
    if head.startswith(b"HTTP/1.1 200 "):
        same(got, data, "the whole file")
        came = "200, the whole file"
    else:
        message = email.parser.BytesParser().parsebytes(head.split(b"\r\n", 1)[1] + got)
        same(message.get_content_type(), "multipart/byteranges", "the type of several parts")
        parts = [(p["Content-Range"], p.get_payload(decode=True)) for p in message.get_payload()]
        same(parts, [("bytes 0-99/100000", data[:100]), ("bytes 50000-50099/100000",
                                                         data[50000:50100])], "the parts")
        came = "206 multipart/byteranges"
    curl(place, "--range", "-100", "--output", "got", place.url("file.bin"))
    same(read(place.at_home("got")), data[-100:], "the last bytes")
    return came + "; 206 for the last 100 bytes"


# ---- aria2 ----


def aria2(place, *args, **how):
    return place.run("aria2c", "--no-conf", "--quiet", "--file-allocation=none",
                     "--async-dns=false", "--auto-file-renaming=false", "--dir", place.home, *args,
                     **how)


def aria2_splits(place):
    """32 MiB by 8 connections at once, checked against SHA-256"""
    path = place.write("huge.bin", pattern(HUGE))
    aria2(place, "--split=8", "--max-connection-per-server=8", "--min-split-size=1M",
          "--checksum=sha-256=" + digest(path), place.url("huge.bin"))
    same(digest(place.at_home("huge.bin")), digest(path), "what aria2 has put together")
    answers = place.wait_for(lambda answers: [a.status for a in answers].count(206) >= 4, "parts")
    same({a.status for a in answers} <= {200, 206}, True, "nothing but parts: %r" % answers)
    return "%d answers with 206, the sum is right" % sum(a.status == 206 for a in answers)


def aria2_resumes(place):
    """A download is cut and continued by another run of aria2"""
    path = place.write("large.bin", pattern(LARGE))
    ask = ("--continue=true", "--max-tries=1", "--split=1", "--checksum=sha-256=" + digest(path))
    port = place.cutter(1 << 20)
    aria2(place, *ask, place.url("large.bin", port), status=1)
    aria2(place, *ask, place.url("large.bin", port))
    same(digest(place.at_home("large.bin")), digest(path), "what aria2 has put together")
    # Each run begins with a request for all of it, which aria2 drops once it knows the size.
    place.wait_for(lambda answers: [a.status for a in answers].count(206) == 1, "the rest of it")
    return "200 cut, 206 for the rest, the sum is right"


CHECKS = (
    Check("wget -c", ("wget",), ("wget",), True, wget_resumes),
    Check("wget --mirror", ("wget",), ("wget",), True, wget_mirrors),
    Check("curl -C -", ("curl",), ("curl",), True, curl_resumes),
    Check("curl -z, --etag-compare", ("curl",), ("curl",), True, curl_revalidates),
    Check("curl --compressed", ("curl",), ("curl",), True, curl_compressed),
    Check("curl -r", ("curl",), ("curl",), True, curl_several_ranges),
    Check("aria2c -x 8", ("aria2c",), ("aria2",), True, aria2_splits),
    Check("aria2c -c", ("aria2c",), ("aria2",), True, aria2_resumes),
)
