"""ffmpeg, which reads a film by HTTP and jumps in it: the index is at its end."""
import os
import re

from client_place import HOUR, Check, same

SECONDS, RATE, MOMENT = 120, 25, 100.0
SOURCE = "testsrc2=duration=%d:size=640x360:rate=%d" % (SECONDS, RATE)
QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error")
# The index of mp4 (moov) and of Matroska (Cues) is behind the pictures unless asked otherwise.
FILMS = ("film.mp4", "film.mkv")


def film(place, name, *codec):
    """Some megabytes, more than fit into buffers: a key frame each second, an index at the end."""
    path = place.path(name)
    place.run("ffmpeg", *QUIET, "-f", "lavfi", "-i", SOURCE, *codec, "-b:v", "2M", "-g", str(RATE), path)
    then = os.stat(path).st_mtime - HOUR
    os.utime(path, (then, then))
    return path


def picture(place, source):
    """The sum of the picture at MOMENT."""
    text = place.run("ffmpeg", *QUIET, "-ss", "%g" % MOMENT, "-i", source, "-frames:v", "1", "-f",
                     "framemd5", "-")
    return re.findall(r"^0,.*\b([0-9a-f]{32})$", text, re.M)


def probe(place, source):
    return place.run("ffprobe", "-loglevel", "error", "-show_entries",
                     "format=duration:stream=codec_name,width,height", "-of", "default", source)


def ffmpeg_seeks(place):
    """What ffprobe says, and the picture at 100 s of 120: an mp4 and an mkv, the index at the end"""
    words = []
    for name in FILMS:
        path = film(place, name, "-codec:v", "mpeg4")
        same(probe(place, place.url(name)), probe(place, path), "what ffprobe finds")
        place.forget()
        wanted = picture(place, path)
        same(len(wanted), 1, "one picture")
        same(picture(place, place.url(name)), wanted, "the picture")
        answers = place.wait_for(lambda answers: len(answers) >= 2, "a jump needs two requests")
        same({206} <= {a.status for a in answers} <= {200, 206}, True, "parts: %r" % answers)
        words.append("%s of %.0f MB by %d answers with 206" % (
            name[-3:], os.path.getsize(path) / 1e6, len(answers)))
    return "the picture of the file itself; " + ", ".join(words)


CHECKS = (
    Check("ffmpeg -ss, ffprobe", ("ffmpeg", "ffprobe"), ("ffmpeg",), False, ffmpeg_seeks),
)
