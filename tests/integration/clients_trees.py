"""Clients of a tree of files that has a meaning: apt of a repository, git of a bare one."""
import os
import shutil
import time

from client_place import HOUR, Check, digest, read, same
from support import write_file

# ---- apt ----

ARCHITECTURE = "amd64"  # of the repository; the packages have none
INDEX = "debian/dists/stable/main/binary-" + ARCHITECTURE
DATA = 2 << 20          # bytes in the larger package


class Repository:
    """What an archive of Debian has: pool/ and dists/, with an index by hash. Not signed."""

    def __init__(self, place):
        self.place = place
        os.makedirs(place.path("debian/pool"))
        os.makedirs(place.path(INDEX))

    def add(self, name, version, content, depends=""):
        """A package of one file, /usr/share/NAME/data."""
        place, tree = self.place, os.path.join(self.place.temp, name)
        shutil.rmtree(tree, ignore_errors=True)
        os.makedirs(os.path.join(tree, "DEBIAN"))
        os.makedirs(os.path.join(tree, "usr/share", name))
        write_file(os.path.join(tree, "usr/share", name, "data"), content)
        write_file(os.path.join(tree, "DEBIAN/control"), (
            "Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\n"
            "%sDescription: a package for a test\n") % (
                name, version, "Depends: %s\n" % depends if depends else ""))
        deb = place.path("debian/pool/%s_%s_all.deb" % (name, version))
        place.run("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, deb)
        return deb

    def publish(self, age):
        """Writes the indices anew, as of so many seconds ago."""
        place, folder = self.place, self.place.path("debian")
        ftparchive = ("apt-ftparchive", "--option", "APT::FTPArchive::Release::Suite=stable",
                      "--option", "APT::FTPArchive::Release::Acquire-By-Hash=yes", "--option",
                      "APT::FTPArchive::DoByHash=true")
        packages = place.run(*ftparchive, "packages", "pool", cwd=folder)
        write_file(place.path(INDEX + "/Packages"), packages)
        place.run("gzip", "--force", "--keep", "-n", place.path(INDEX + "/Packages"))
        shutil.rmtree(place.path(INDEX + "/by-hash"), ignore_errors=True)
        release = place.run(*ftparchive, "release", "dists/stable", cwd=folder)
        write_file(place.path("debian/dists/stable/Release"), release)
        then = time.time() - age
        for top, _, files in os.walk(folder):
            for name in files:
                os.utime(os.path.join(top, name), (then, then))


class Apt:
    """An apt of its own: folders, settings and status are in the place. Packages are installed below
    the folder `installed`, for which dpkg wants to be root."""

    def __init__(self, place, url):
        self.place = place
        top = place.at_home("apt")
        for name in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d",
                     "etc/apt/trusted.gpg.d", "state/lists/partial", "cache/archives/partial",
                     "root/var/lib/dpkg/updates", "root/var/lib/dpkg/info", "log"):
            os.makedirs(os.path.join(top, name))
        self.installed = os.path.join(top, "root")
        status = write_file(os.path.join(self.installed, "var/lib/dpkg/status"), "")
        write_file(os.path.join(top, "etc/apt/sources.list"), "deb [trusted=yes] %s stable main\n" % url)
        self.archives = os.path.join(top, "cache/archives")
        settings = {
            "Dir": top, "Dir::Etc": "etc/apt", "Dir::State": "state", "Dir::Cache": "cache",
            "Dir::State::status": status, "Dir::Log": "log",
            "DPkg::Options::": "--root=" + self.installed, "Dpkg::Use-Pty": "false",
            "APT::Architecture": ARCHITECTURE, "APT::Architectures": ARCHITECTURE,
            "APT::Sandbox::User": "", "APT::Get::Assume-Yes": "true", "Acquire::Languages": "none",
            "Acquire::Retries": "0", "Acquire::http::Proxy": "DIRECT",
        }
        config = os.path.join(top, "apt.conf")
        write_file(config, "".join('%s "%s";\n' % pair for pair in settings.items()))
        self.environment = {"APT_CONFIG": config, "DEBIAN_FRONTEND": "noninteractive"}

    def __call__(self, *args, **how):
        return self.place.run("apt-get", *args, **self.environment, **how)

    def install(self, name):
        """Its content, as it is installed."""
        path = os.path.join(self.installed, "usr/share", name, "data")
        if os.geteuid() == 0:
            self("install", name)
            return read(path)
        self("install", "--download-only", name)
        for deb in os.listdir(self.archives):
            if deb.endswith(".deb"):
                self.place.run("dpkg-deb", "--extract", os.path.join(self.archives, deb),
                               self.installed)
        return read(path)


def apt_repository(place):
    """A repository of two packages"""
    repository = Repository(place)
    repository.add("weir-test-data", "1", os.urandom(DATA))
    repository.add("weir-test", "1", "one\n", depends="weir-test-data")
    repository.publish(HOUR)
    return repository


def apt_installs(place):
    """Update, twice and when a package is new; install with a dependency; indices by hash"""
    repository = apt_repository(place)
    apt = Apt(place, place.url("debian"))
    apt("update")
    by_hash = [a for a in place.answers() if "/by-hash/" in a.target and a.status == 200]
    same(len(by_hash), 1, "indices by hash")
    place.forget()
    text = apt("update")
    same("Hit:" in text and "Get:" not in text, True, "nothing is new: " + text)
    place.wait_for(lambda answers: [a.status for a in answers if a.target.endswith("/Release")] ==
                   [304], "a 304 for Release")
    same(apt.install("weir-test"), b"one\n", "what is installed")
    needed = "usr/share/weir-test-data/data"
    same(digest(os.path.join(apt.installed, needed)),
         digest(os.path.join(place.temp, "weir-test-data", needed)), "what it needs")
    repository.add("weir-test", "2", "two\n", depends="weir-test-data")
    repository.publish(60)
    text = apt("update")
    same("Get:" in text, True, "there is something new: " + text)
    same(apt.install("weir-test"), b"two\n", "the new package")
    return "by-hash 200; Hit by 304; both packages and the new version are installed"


def apt_resumes(place):
    """A download is cut and continued; another is cut, and the package changes in between"""
    repository = apt_repository(place)
    apt = Apt(place, place.url("debian"))
    deb = place.path("debian/pool/weir-test-data_1_all.deb")
    target, name = "/debian/pool/weir-test-data_1_all.deb", os.path.basename(deb)
    partial, whole = (os.path.join(apt.archives, folder, name) for folder in ("partial", ""))
    for is_replaced in (False, True):
        apt("update")
        place.forget()
        cut_apt = ("-o", "Acquire::http::Proxy=http://127.0.0.1:%d" % place.cutter(DATA // 2))
        apt(*cut_apt, "install", "--download-only", "weir-test-data", status=100)
        same(0 < os.path.getsize(partial) < os.path.getsize(deb), True, "a part is there")
        if is_replaced:
            repository.add("weir-test-data", "1", os.urandom(DATA))
            repository.publish(60)
            apt("update")
        apt("install", "--download-only", "weir-test-data")
        same(read(whole), read(deb), "what apt has put together")
        place.wait_for_statuses(target, 200, 200 if is_replaced else 206)
        os.unlink(whole)
    return "206 while it is the same (If-Range by date), 200 when it has changed"


# ---- git ----


def git(place, *args, **how):
    who = {"GIT_%s_%s" % (role, what): "nobody@example.org"
           for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    return place.run("git", *args, **who, **how)


def commit(place, work, name, content):
    write_file(os.path.join(work, name), content)
    git(place, "add", "--all", cwd=work)
    git(place, "commit", "--quiet", "--message", "changes " + name, cwd=work)


def publish(place, work, bare):
    git(place, "push", "--quiet", "--all", bare, cwd=work)
    git(place, "push", "--quiet", "--tags", bare, cwd=work)
    git(place, "update-server-info", cwd=bare)


def git_repository(place):
    """A bare repository with a pack and loose objects, and where it was made."""
    work, bare = os.path.join(place.temp, "work"), place.path("repo.git")
    git(place, "init", "--quiet", "--initial-branch=main", work)
    git(place, "init", "--quiet", "--bare", "--initial-branch=main", bare)
    for i in range(20):
        commit(place, work, "file %d" % (i % 7), "content %d\n" % i)
    commit(place, work, "noise", os.urandom(DATA))
    git(place, "tag", "--annotate", "v1", "--message", "the first one", cwd=work)
    publish(place, work, bare)
    git(place, "gc", "--quiet", cwd=bare)
    git(place, "switch", "--quiet", "--create", "branch", cwd=work)
    commit(place, work, "loose", "an object in a file of its own\n")
    publish(place, work, bare)
    return work, bare


def references(place, folder):
    """Name -> hash of every branch and tag, and of what tags point to."""
    text = git(place, "for-each-ref", "--format", "%(refname) %(objectname) %(*objectname)",
               "refs/heads", "refs/remotes", "refs/tags", cwd=folder)
    refs = dict(line.split(" ", 1) for line in text.splitlines())
    return {name.replace("refs/remotes/origin/", "refs/heads/"): value for name, value in refs.items()
            if not name.endswith("/HEAD")}


def git_clones(place):
    """A bare repository by dumb HTTP: a pack, loose objects, fsck; then a pull of what is new"""
    work, bare = git_repository(place)
    clone = place.at_home("clone")
    git(place, "clone", "--quiet", place.url("repo.git"), clone)
    git(place, "fsck", "--strict", "--full", cwd=clone)
    same(references(place, clone), references(place, bare), "branches and tags")
    with_query = "/repo.git/info/refs?service=git-upload-pack"
    answers = place.wait_for_statuses(with_query, 200)
    packs = sum(a.target.endswith(".pack") and a.status == 200 for a in answers)
    loose = sum(len(a.target) == 59 and a.status == 200 for a in answers)  # objects/xx/38 digits
    same((packs, loose > 0), (1, True), "packs, and loose objects")
    commit(place, work, "news", "of today\n")
    publish(place, work, bare)
    git(place, "pull", "--quiet", "origin", "branch:branch", cwd=clone)
    same(references(place, clone), references(place, bare), "branches and tags, again")
    same(read(os.path.join(clone, "news")), b"of today\n", "what is new")
    return "a pack and %d loose objects, fsck finds nothing; the fetch gets what is new" % loose


def git_resumes(place):
    """A fetch is cut in the middle of a pack; the next one asks for the rest of it"""
    _, bare = git_repository(place)
    clone = place.at_home("clone")
    git(place, "init", "--quiet", clone)
    fetch = ("fetch", "--quiet", place.url("repo.git", place.cutter(DATA // 2)),
             "refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*")
    git(place, *fetch, cwd=clone, status=128)
    git(place, *fetch, cwd=clone)
    git(place, "fsck", "--strict", "--full", cwd=clone)
    same(references(place, clone), references(place, bare), "branches and tags")
    place.wait_for(lambda answers: [a.status for a in answers if a.target.endswith(".pack")].count(
        206) == 1, "the rest of a pack")
    return "200 cut, 206 for the rest, fsck finds nothing"


APT = (("apt-get", "apt-ftparchive", "dpkg-deb"), ("apt", "apt-utils", "dpkg"))

CHECKS = (
    Check("apt-get update, install", *APT, True, apt_installs),
    Check("apt-get, resumed", *APT, True, apt_resumes),
    Check("git clone, fetch", ("git",), ("git",), True, git_clones),
    Check("git fetch, resumed", ("git",), ("git",), True, git_resumes),
)
