"""The files that are served: the same bytes in every run, made anew in a temporary folder."""
import gzip
import math
import os
import random

from cases import HELLO

SEED = 1
OLD = 1_760_000_000  # an mtime that no server takes for a file that still changes
SMALLEST, LARGEST = 128, 8192
ENDINGS = ("html", "css", "js", "json", "png")
SIZES = (("1k.bin", 1 << 10), ("100k.bin", 100 << 10), ("10m.bin", 10 << 20), ("4k.bin", 4 << 10),
         ("16k.bin", 16 << 10), ("64k.bin", 64 << 10))
WORDS = "the quick brown fox jumps over a lazy dog while servers serve".split()


def write(path, data, mtime=OLD):
    with open(path, "wb") as f:
        f.write(data)
    os.utime(path, (mtime, mtime))


def make_root(root):
    """The files of the cases, beside the tree."""
    rnd = random.Random(SEED)
    text = " ".join(rnd.choice(WORDS) for _ in range(4000)).encode()
    for name, size in SIZES:
        write(os.path.join(root, name), rnd.randbytes(size))
    write(os.path.join(root, "text.txt"), text)
    write(os.path.join(root, "text.txt.gz"), gzip.compress(text, 9, mtime=0), OLD + 1)
    write(os.path.join(root, "plain.txt"), text)
    os.chmod(root, 0o755)


def make_tree(root, count):
    """count files in folders of a hundred; (target, size) of each. Sizes: every magnitude alike often."""
    rnd = random.Random(SEED)
    noise = rnd.randbytes(1 << 20)
    entries = []
    for i in range(count):
        folder = "t/%02d/%02d" % (i // 10_000, i // 100 % 100)
        if i % 100 == 0:
            os.makedirs(os.path.join(root, folder))
        size = int(math.exp(rnd.uniform(math.log(SMALLEST), math.log(LARGEST))))
        at = rnd.randrange(len(noise) - size)
        name = "%s/%02d.%s" % (folder, i % 100, ENDINGS[i % len(ENDINGS)])
        write(os.path.join(root, name), noise[at:at + size])
        entries.append(("/" + name, size))
    return entries


def write_list(path, entries):
    """For load: in an order that is none of the folders'."""
    shuffled = list(entries)
    random.Random(SEED).shuffle(shuffled)
    with open(path, "w") as f:
        f.writelines("%s %d\n" % entry for entry in shuffled)


def content(root, name):
    if name is None:
        return HELLO
    with open(os.path.join(root, name), "rb") as f:
        return f.read()
