"""Chromium without a window, driven through its debugging pipe: the DevTools protocol, in which a
message is JSON and ends with a NUL. It reads descriptor 3 and writes descriptor 4.
"""
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time

from support import _in_child, _move_up

REPLY_S = 60

OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--no-default-browser-check", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-extensions", "--disable-default-apps", "--no-proxy-server",
    "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--remote-debugging-pipe",
)
DOMAINS = ("Runtime", "Log", "Network")
# Gives the pipes the numbers that the browser expects, behind whatever Popen has open itself.
_WITH_PIPE = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); " \
    "os.execvp(sys.argv[3], sys.argv[3:])"


class Browser:
    """A context. Events of all pages and workers are kept in `events`, as (method, params)."""

    def __init__(self, program, home, env):
        self.events, self.replies, self.buffer, self.last_id = [], {}, b"", 0
        there_r, self.write_fd = os.pipe()
        self.read_fd, there_w = os.pipe()
        there_r, there_w = _move_up(there_r), _move_up(there_w)
        self.error_path = os.path.join(home, "chromium.log")
        command = [sys.executable, "-c", _WITH_PIPE, str(there_r), str(there_w), program, *OPTIONS,
                   "--user-data-dir=" + os.path.join(home, "profile"), "about:blank"]
        with open(self.error_path, "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=home,
                pass_fds=(there_r, there_w), start_new_session=True, preexec_fn=_in_child())
        os.close(there_r)
        os.close(there_w)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        with contextlib.suppress(OSError, AssertionError):
            self.call("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        with contextlib.suppress(ProcessLookupError):  # what is left of its group, which is its own
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.write_fd)
        os.close(self.read_fd)

    # -- messages --

    def post(self, method, session=None, **params):
        """The id of the message."""
        self.last_id += 1
        message = {"id": self.last_id, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.write_fd, data):]
        return self.last_id

    def call(self, method, session=None, **params):
        number, end = self.post(method, session, **params), time.monotonic() + REPLY_S
        while number not in self.replies:
            self._take(end, method)
        reply = self.replies.pop(number)
        if "error" in reply:
            raise AssertionError("%s: %s" % (method, reply["error"].get("message")))
        return reply["result"]

    def wait_for(self, method, begin=0):
        """The params of an event that has come since there were `begin`."""
        end = time.monotonic() + REPLY_S
        while True:
            for name, params in self.events[begin:]:
                if name == method:
                    return params
            self._take(end, method)

    def _take(self, end, what):
        if not select.select([self.read_fd], [], [], max(0, end - time.monotonic()))[0]:
            raise AssertionError("no %s from the browser: %s" % (what, self.log()))
        piece = os.read(self.read_fd, 1 << 20)
        if not piece:
            raise AssertionError("the browser has ended: " + self.log())
        *messages, self.buffer = (self.buffer + piece).split(b"\0")
        for message in map(json.loads, messages):
            if "id" in message:
                self.replies[message["id"]] = message
            else:
                self._on_event(message["method"], message.get("params", {}))

    def _on_event(self, method, params):
        self.events.append((method, params))
        if method == "Target.attachedToTarget":  # it waits until we listen
            session = params["sessionId"]
            for domain in DOMAINS:
                self.post(domain + ".enable", session)
            self.post("Target.setAutoAttach", session, autoAttach=True, waitForDebuggerOnStart=True,
                      flatten=True)
            self.post("Runtime.runIfWaitingForDebugger", session)

    def log(self):
        with open(self.error_path, errors="replace") as f:
            return f.read()[-2000:]

    # -- pages --

    def page(self):
        """A session with an empty page."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable", session)
        return session

    def load(self, session, method, **params):
        """Page.navigate or Page.reload, until all is loaded."""
        begin = len(self.events)
        self.call(method, session, **params)
        self.wait_for("Page.loadEventFired", begin)

    def evaluate(self, session, expression):
        """A value as JSON has it; promises are waited for."""
        result = self.call("Runtime.evaluate", session, expression=expression, awaitPromise=True,
                           returnByValue=True)
        if "exceptionDetails" in result:
            raise AssertionError("%s: %s" % (expression, result["exceptionDetails"]))
        return result["result"].get("value")

    def complaints(self):
        """What the console shows as a warning or worse, what failed, and every error of HTTP."""
        return [text for text in (_complaint(*event) for event in self.events) if text]


def _complaint(method, params):
    if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
        return "console: %s" % [a.get("value", a.get("description")) for a in params["args"]]
    if method == "Runtime.exceptionThrown":
        details = params["exceptionDetails"]
        return "exception: %s" % details.get("exception", details).get("description", details)
    if method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
        return "log: %s %s" % (params["entry"]["text"], params["entry"].get("url", ""))
    if method == "Network.loadingFailed" and not params.get("canceled"):
        return "failed: %s (%s)" % (params["errorText"], params["type"])
    if method == "Network.responseReceived" and params["response"]["status"] >= 400:
        return "%d: %s" % (params["response"]["status"], params["response"]["url"])
    return None
