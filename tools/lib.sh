# lib.sh — what run.sh and test.sh share: packages, and where things are. Sourced, not run.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

LIBRARIES="libjansson-dev zlib1g-dev libbrotli-dev libzstd-dev"
BUILD_PACKAGES="gcc libc6-dev $LIBRARIES cmake ninja-build"
CLIENT_PACKAGES="wget curl git aria2 apt-utils" # of integration.clients
TEST_PACKAGES="$BUILD_PACKAGES g++ libcmocka-dev python3 binutils pkgconf libglib2.0-dev libuv1-dev
    $CLIENT_PACKAGES"
GATE_PACKAGES="$TEST_PACKAGES clang libclang-rt-14-dev llvm-14 clang-format clang-tidy man-db"

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
