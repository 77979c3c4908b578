"""A site that uses what browsers are strict about: modules, wasm, a font, workers, a manifest, media.

All of it is made here. EXPECTED is what main.mjs finds, part by part.
"""
import os
import struct

HTML = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>%s</title>
<link rel="icon" href="square.svg">
<link rel="manifest" href="app.webmanifest">
<link rel="modulepreload" href="lib/sum.mjs">
<link rel="stylesheet" href="style.css">
</head>
<body>
<p><span id="text">AAAA</span> <img id="picture" src="square.svg" alt=""></p>
<script type="module" src="main.mjs"></script>
</body>
</html>
"""

MAIN = """import { sum } from "./lib/sum.mjs";
import { numbers } from "./lib/numbers.mjs";

const once = (target, name) => new Promise((done, fail) => {
    target.addEventListener(name, done, { once: true });
    target.addEventListener("error", () => fail(new Error("error instead of " + name)), { once: true });
});

const checks = {
    "module": () => sum(2, 3),
    "large module": () => numbers.reduce(sum),
    "dynamic import": async () => (await import("./lib/lazy.js")).default,
    "JSON module": async () => (await import("./data.json", { with: { type: "json" } })).default.word,
    "CSS module": async () =>
        (await import("./sheet.css", { with: { type: "css" } })).default.cssRules.length,
    "wasm": async () =>
        (await WebAssembly.instantiateStreaming(fetch("sum.wasm"))).instance.exports.sum(40, 2),
    "font": async () => {
        await document.fonts.load("16px Square", "A");
        return Math.round(document.getElementById("text").getBoundingClientRect().width);
    },
    "style": () => getComputedStyle(document.body).getPropertyValue("--word").trim(),
    "svg": async () => {
        const picture = document.getElementById("picture");
        await picture.decode();
        return [picture.naturalWidth, picture.naturalHeight];
    },
    "worker": async () => {
        const worker = new Worker("worker.mjs", { type: "module" });
        return (await once(worker, "message")).data;
    },
    "service worker": async () => {
        const controlled = navigator.serviceWorker.controller ? null
            : once(navigator.serviceWorker, "controllerchange");
        await navigator.serviceWorker.register("service.js");
        await controlled;
        const answers = [await fetch("made-by-the-worker"), await fetch("data.json?kept")];
        return [await answers[0].text(), (await answers[1].json()).word];
    },
    "frame of text": async () => {
        const frame = document.createElement("iframe");
        frame.src = "words.txt";
        document.body.append(frame);
        await once(frame, "load");
        return [frame.contentDocument.characterSet, frame.contentDocument.body.textContent];
    },
    "range": async () => {
        const answer = await fetch("words.txt", { headers: { "Range": "bytes=1-5" } });
        return [answer.status, await answer.text(), answer.headers.get("Content-Range")];
    },
    "HEAD": async () => {
        const answer = await fetch("data.json", { method: "HEAD" });
        return [answer.headers.get("Content-Type").split(";")[0], await answer.text()];
    },
    "sound": async () => {
        const sound = new Audio("sound.wav");
        sound.preload = "metadata";
        await once(sound, "loadedmetadata");
        sound.currentTime = sound.duration - 10;
        await once(sound, "seeked");
        return [sound.duration, sound.currentTime];
    },
};

async function outcome(check) {
    try {
        return await check();
    } catch (error) {
        return String(error);
    }
}

async function judge() {
    const found = {};
    for (const [name, check] of Object.entries(checks))
        found[name] = await outcome(check);
    return found;
}

window.verdict = judge();
"""

SERVICE = """const kept = caches.open("kept").then(async (cache) => {
    await cache.add("data.json");
    return cache;
});

self.addEventListener("install", (event) => event.waitUntil(kept.then(() => self.skipWaiting())));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
    const url = new URL(event.request.url);
    if (url.pathname === "/made-by-the-worker")
        event.respondWith(new Response("by the worker"));
    else if (url.search === "?kept")
        event.respondWith(kept.then((cache) => cache.match("data.json")));
});
"""

STYLE = """@import "more.css";
@font-face { font-family: "Square"; src: url("square.woff2") format("woff2"); }
#text { font: 16px "Square"; }
"""

WORDS = "Grüße, 日本語\n"
NUMBERS = range(10000)  # as text large enough to be worth compressing
SOUND_S, SOUND_RATE = 600, 44100 * 4  # stereo, 16 bits: 106 MB, of which the disk has the head

# (module (func (export "sum") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add))
WASM = bytes.fromhex("0061736d 01000000"
                     "01 07 01 60 02 7f 7f 01 7f"
                     "03 02 01 00"
                     "07 07 01 03 73756d 00 00"
                     "0a 09 01 07 00 20 00 20 01 6a 0b")

FILES = {
    "main.mjs": MAIN,
    "lib/sum.mjs": "export function sum(a, b) {\n    return a + b;\n}\n",
    "lib/numbers.mjs": "export const numbers = %r;\n" % list(NUMBERS),
    "lib/lazy.js": 'export default "später";\n',
    "worker.mjs": 'import { sum } from "./lib/sum.mjs";\n\npostMessage(sum(20, 1));\n',
    "service.js": SERVICE,
    "style.css": STYLE,
    "more.css": 'body { --word: "grün"; }\n',
    "sheet.css": "p { margin: 0; }\n\np { padding: 0; }\n",
    "data.json": '{"word": "süß"}\n',
    "words.txt": WORDS,
    "sum.wasm": WASM,
    "square.svg": '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20">'
                  '<rect width="30" height="20" fill="green"/></svg>\n',
    "app.webmanifest": '{"name": "Prüfung", "start_url": "/", "display": "standalone", '
                       '"icons": [{"src": "square.svg", "sizes": "any", "type": "image/svg+xml"}]}\n',
}

EXPECTED = {
    "module": 5, "large module": sum(NUMBERS), "dynamic import": "später", "JSON module": "süß",
    "CSS module": 2, "wasm": 42,
    "font": 128, "style": '"grün"', "svg": [30, 20], "worker": 21,
    "service worker": ["by the worker", "süß"], "frame of text": ["UTF-8", WORDS],
    "range": [206, WORDS.encode()[1:6].decode(), "bytes 1-5/%d" % len(WORDS.encode())],
    "HEAD": ["application/json", ""], "sound": [SOUND_S, SOUND_S - 10],
}

# What the browser says that each file is (Network.responseReceived, without parameters).
TYPES = {
    "": "text/html", "main.mjs": "text/javascript", "lib/lazy.js": "text/javascript",
    "style.css": "text/css", "data.json": "application/json", "sum.wasm": "application/wasm",
    "square.svg": "image/svg+xml", "square.woff2": "font/woff2", "words.txt": "text/plain",
    "service.js": "text/javascript", "sound.wav": "audio/wav",
}


def sfnt_tables():
    """A TrueType font, table by table: .notdef is empty, "A" is a square, two em wide."""
    em = 1000
    outline = struct.pack(">hhhhhHH", 1, 0, 0, 2 * em, em, 3, 0) + bytes(4 * [0x01])
    outline += struct.pack(">4h4h", 0, 0, 2 * em, 0, 0, em, 0, -em) + b"\0\0"[:len(outline) % 2]
    segments = struct.pack(">HHHHHHHHHHHHHH", 4, 32, 0, 4, 4, 1, 0, 0x41, 0xffff, 0, 0x41, 0xffff,
                           1 - 0x41 & 0xffff, 1) + struct.pack(">HH", 0, 0)
    names = [(i, text.encode("utf-16-be")) for i, text in
             ((1, "Square"), (2, "Regular"), (3, "Square 1"), (4, "Square"), (5, "Version 1"),
              (6, "Square"))]
    records, strings = b"", b""
    for i, text in names:
        records += struct.pack(">6H", 3, 1, 0x409, i, len(text), len(strings))
        strings += text
    return {
        "cmap": struct.pack(">HHHHI", 0, 1, 3, 1, 12) + segments,
        "head": struct.pack(">IIIIHHqqhhhhHHhhh", 0x10000, 0x10000, 0, 0x5f0f3cf5, 0, em, 0, 0, 0, 0,
                            2 * em, em, 0, 8, 2, 0, 0),
        "hhea": struct.pack(">IhhhHhhhhhh4hhH", 0x10000, em, 0, 0, 2 * em, 0, 0, 2 * em, 1, 0, 0,
                            0, 0, 0, 0, 0, 2),
        "hmtx": struct.pack(">HhHh", em, 0, 2 * em, 0),
        "maxp": struct.pack(">IHHHHHHHHHHHHHH", 0x10000, 2, 4, 1, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0),
        "name": struct.pack(">HHH", 0, len(names), 6 + 12 * len(names)) + records + strings,
        "OS/2": struct.pack(">HhHHH10hh10s4I4sHHHhhhHHIIhhHHH", 4, em, 400, 5, 0, *(10 * [100]), 0,
                            bytes(10), 1, 0, 0, 0, b"NONE", 0x40, 0x41, 0x41, em, 0, 0, em, 0, 1, 0,
                            500, em, 0, 0x20, 0),
        "post": struct.pack(">IIhhIIIII", 0x30000, 0, -100, 50, 0, 0, 0, 0, 0),
        "glyf": outline,
        "loca": struct.pack(">HHH", 0, 0, len(outline) // 2),
    }


def base128(n):
    out = bytes([n & 0x7f])
    while n := n >> 7:
        out = bytes([n & 0x7f | 0x80]) + out
    return out


def stored_brotli(data):
    """RFC 7932: a window of 16 bits, one block that is stored, an empty last one."""
    return ((len(data) - 1) << 4 | 1 << 20).to_bytes(3, "little") + data + b"\x03"


def woff2():
    """The font in a WOFF2 container, nothing transformed."""
    known = ("cmap", "head", "hhea", "hmtx", "maxp", "name", "OS/2", "post", None, None, "glyf", "loca")
    tables = sfnt_tables()
    directory, data, size = b"", b"", 12 + 16 * len(tables)
    for tag, table in tables.items():
        # Of these two the version 3 is the null transform; of all others it is 0.
        version = 3 if tag in ("glyf", "loca") else 0
        directory += bytes([known.index(tag) | version << 6]) + base128(len(table))
        data += table
        size += (len(table) + 3) // 4 * 4
    packed = stored_brotli(data)
    length = 48 + len(directory) + len(packed)
    padding = bytes(-length % 4)
    head = struct.pack(">4sIIHHIIHHIIIII", b"wOF2", 0x10000, length + len(padding), len(tables), 0,
                       size, len(packed), 1, 0, 0, 0, 0, 0, 0)
    return head + directory + packed + padding


def write_sound(path):
    size = SOUND_S * SOUND_RATE
    with open(path, "wb") as f:
        f.write(struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 2, 44100,
                            SOUND_RATE, 4, 16, b"data", size))
        f.truncate(44 + size)


def write_site(place, title):
    place.write("index.html", HTML % title)
    for name, content in FILES.items():
        place.write(name, content)
    place.write("square.woff2", woff2())
    sound = place.path("sound.wav")
    write_sound(sound)
    os.utime(sound, (os.stat(place.path("index.html")).st_mtime,) * 2)
