"""Chromium: a page of which every part works, and nothing in the console."""
import os

from browser_site import EXPECTED, HTML, TYPES, write_site
from clients_media import MOMENT, SECONDS, film
from client_place import Check, environment, same
from devtools import Browser


def browse(place):
    return Browser("chromium", place.home, environment(place.home))


def address(place, target=""):
    """By this name it is a secure context: service workers are allowed."""
    return "http://localhost:%d/%s" % (place.server.port, target)


def judge(browser, page):
    """The console is empty, and the page finds what it should."""
    found = browser.evaluate(page, "window.verdict")
    same(browser.complaints(), [], "the console")
    for name, wanted in EXPECTED.items():
        same(found.get(name), wanted, name)


def check_types(place, browser):
    seen = {params["response"]["url"]: params["response"]["mimeType"]
            for method, params in browser.events if method == "Network.responseReceived"}
    for name, wanted in TYPES.items():
        same(seen.get(address(place, name)), wanted, "the type of " + name)


def chromium_loads(place):
    """A page: modules, wasm, woff2, svg, manifest, workers, service worker, a seek in a sound; reload"""
    write_site(place, "first")
    with browse(place) as browser:
        page = browser.page()
        browser.load(page, "Page.navigate", url=address(place))
        judge(browser, page)
        check_types(place, browser)
        manifest = browser.call("Page.getAppManifest", page)
        same((manifest["errors"], "Prüfung" in manifest["data"]), ([], True), "the manifest")
        place.wait_for(lambda answers: sum(a[1:3] == ("/sound.wav", 206) for a in answers) >= 2,
                       "a jump in a sound needs two requests")
        place.forget()
        browser.load(page, "Page.reload")
        judge(browser, page)
        place.wait_for_statuses("/", 304)
        place.write("index.html", HTML % "second", age=1)
        browser.load(page, "Page.reload")
        same(browser.evaluate(page, "document.title"), "second", "the new page")
        judge(browser, page)
    place.wait_for_statuses("/", 304, 200)
    return "%d parts work, the console is empty; 304, and 200 when it changed" % len(EXPECTED)


VIDEO_PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>film</title><link rel="icon" href="data:,"></head>
<body><video id="film" src="film.mp4" preload="metadata" muted></video></body>
</html>
"""

# Seeks, and looks at the picture: the sum of its pixels says that there is one.
SEEK = """(async () => {
    const film = document.getElementById("film");
    if (film.readyState < 1)
        await new Promise((done) => film.addEventListener("loadedmetadata", done));
    const sought = new Promise((done) => film.addEventListener("seeked", done));
    film.currentTime = %g;
    await sought;
    const canvas = new OffscreenCanvas(film.videoWidth, film.videoHeight);
    const context = canvas.getContext("2d");
    context.drawImage(film, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    return [film.videoWidth, Math.round(film.duration), film.currentTime,
            pixels.some((value, i) => i %% 4 < 3 && value > 100)];
})()"""


def chromium_seeks(place):
    """A film, H.264 in mp4 with the index at its end, is opened, and sought at 100 s of 120"""
    path = film(place, "film.mp4", "-codec:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
    place.write("index.html", VIDEO_PAGE)
    with browse(place) as browser:
        page = browser.page()
        browser.load(page, "Page.navigate", url=address(place))
        found = browser.evaluate(page, SEEK % MOMENT)
        same(found, [640, SECONDS, MOMENT, True], "width, duration, moment, whether there is a picture")
        same(browser.complaints(), [], "the console")
    answers = place.wait_for(lambda answers: sum(a.target == "/film.mp4" for a in answers) >= 2,
                             "a jump needs two requests")
    same({a.status for a in answers if a.target == "/film.mp4"}, {206}, "only parts")
    return "the picture; %d answers with 206, %.0f MB" % (
        sum(a.status == 206 for a in answers), os.path.getsize(path) / 1e6)


CHECKS = (
    Check("chromium, a page", ("chromium",), ("chromium",), False, chromium_loads),
    Check("chromium, a film", ("chromium", "ffmpeg"), ("chromium", "ffmpeg"), False, chromium_seeks),
)
