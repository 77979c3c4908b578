# lib.sh — what run.sh and test.sh share: packages, and where things are. Sourced, not run.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

LIBRARIES="libjansson-dev zlib1g-dev libbrotli-dev libzstd-dev"
BUILD_PACKAGES="gcc libc6-dev $LIBRARIES cmake ninja-build"
EXAMPLE_PACKAGES="libcurl4-openssl-dev libpq-dev" # of plugins/fetch and plugins/query, built where they are
CLIENT_PACKAGES="wget curl git aria2 apt-utils" # of integration.clients
TEST_PACKAGES="$BUILD_PACKAGES g++ libcmocka-dev python3 binutils pkgconf libglib2.0-dev libuv1-dev
    $EXAMPLE_PACKAGES $CLIENT_PACKAGES"
GATE_PACKAGES="$TEST_PACKAGES clang libclang-rt-14-dev llvm-14 clang-format clang-tidy man-db
    valgrind"

say() { printf '\n== %s\n' "$*"; }

# need_packages NAME…: installs those of Debian's packages that are missing, or says which they are.
need_packages() {
    local missing=() name sudo=""
    for name in "$@"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed ||
            missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if ! command -v apt-get >/dev/null; then
        echo "weir: this needs the packages that Debian calls: ${missing[*]}" >&2
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            echo "weir: please install as root: apt-get install ${missing[*]}" >&2
            return 1
        fi
        sudo="sudo"
    fi
    echo "Installing: ${missing[*]}"
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
        $sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
            install "${missing[@]}" >/dev/null
}

# need_database: PostgreSQL's programs, for integration.query, which starts a database of its own. Debian's package
# would make one too, and have it started with the machine: that is said to be unwanted first.
need_database() {
    local conf=/etc/postgresql-common/createcluster.conf as_root=""
    dpkg-query -W -f '${db:Status-Status}\n' postgresql-15 2>/dev/null | grep -qx installed && return 0
    need_packages postgresql-common || return 1
    [ "$(id -u)" -eq 0 ] || as_root="sudo"
    $as_root sed -Ei 's/^#? *create_main_cluster *=.*/create_main_cluster = false/' "$conf" &&
        need_packages postgresql-15
}

# build PRESET [cmake option…]: configures and builds; quiet unless it fails.
build() {
    local preset=$1 log
    shift
    log=$(mktemp) || return 1
    if cmake --preset "$preset" "$@" >"$log" 2>&1 && cmake --build --preset "$preset" >>"$log" 2>&1
    then
        rm -f "$log"
        return 0
    fi
    cat "$log"
    rm -f "$log"
    return 1
}
