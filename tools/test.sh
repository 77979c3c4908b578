#!/usr/bin/env bash
# test.sh — installs what is missing, builds and tests, from whatever folder it is called.
#
#     tools/test.sh           unit and integration tests (a few minutes)
#     tools/test.sh --all     the gate that .ci/run calls (below 15 minutes on two cores): see below
#     tools/test.sh --long    hours: fuzzers (FUZZ_SECONDS each, 1800 unless set), the soak of a
#                             million requests, clients that vanish from 100,000 requests to each
#                             kind of app, uploads of 5 GB, faults at every byte
#
# What the gate runs where. Every program is built by both compilers with all warnings as errors. All
# tests run as built by gcc, and again with AddressSanitizer and UBSan. What has threads or sockets
# runs with ThreadSanitizer too, in a build of no more than that; the unit tests run as built by clang;
# the corpora in the fuzzers' build, of nothing else. What is a matter of how often is shared between
# the builds: changes of a served folder (tests/integration/test_static_faults.py), clients that vanish
# (test_vanish.py). ctest has five tests under way on two cores, for most of their time is waiting, and
# begins with the long ones (COST in tests/CMakeLists.txt); clang-tidy looks at as many files as there
# are cores.
set -uo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

failed=()
# step NAME COMMAND…: runs it, notes how long it took and whether it failed.
step() {
    local name=$1 start=$SECONDS
    shift
    say "$name"
    if "$@"; then
        echo "-- $name: passed in $((SECONDS - start)) s"
    else
        echo "-- $name: FAILED after $((SECONDS - start)) s"
        failed+=("$name")
    fi
}

tested() { build "$1" && ctest --preset "$1"; }

# ThreadSanitizer of gcc 12 cannot place its shadow when addresses are randomised in more bits.
tested_tsan() {
    local fixed=()
    [ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)" -gt 28 ] && fixed=(setarch -R)
    build tsan && "${fixed[@]}" ctest --preset tsan
}

check_format() {
    git ls-files -z '*.c' '*.h' | xargs -0 clang-format --dry-run -Werror
}

check_shell() {
    local f
    for f in tools/*.sh tools/fuzz .ci/run; do bash -n "$f" || return 1; done
}

# As it is delivered: what integration.install asks of a debug build, with hosts built by clang, which
# can read no object of gcc's link-time optimisation; and that no manual has a fault.
check_install() {
    local status=0 page
    build release && WEIR=$PWD/build/release/weir WEIR_BUILD=$PWD/build/release CC=clang CXX=clang++ \
        python3 -B tests/integration/test_install.py || status=1
    for page in docs/*.[1-9]; do
        man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null | { ! grep .; } || status=1
    done
    return $status
}

# Instructions and system calls per request of what is delivered: tools/bench.d/held.json.
check_held() { build release && ctest --preset release; }

# Every input that ever found something, through the real fuzzer build.
fuzz_regressions() { build fuzz && ctest --preset fuzz; }

soak() { build release -DWEIR_BUILD_TESTS=OFF && WEIR_LONG=1 WEIR=$PWD/build/release/weir \
    python3 -B tests/integration/test_soak.py -v; }

# 100,000 requests of vanishing clients to each kind of app, and 5 GB to each that reads.
streams_long() { build release -DWEIR_BUILD_TESTS=OFF && for test in vanish upload; do WEIR_LONG=1 \
    WEIR=$PWD/build/release/weir python3 -B tests/integration/test_$test.py -v || return 1; done; }

# Every offset and every allocation, of which the tests otherwise leave some out.
faults_long() { build dev && WEIR_LONG=1 ctest --preset dev -R '[._]fault_|static_faults'; }

# But the servers that bench-threads compares with: their libraries need not be there.
tidy() {
    git ls-files 'core/*.c' 'handlers/*.c' 'tools/*.c' ':!tools/bench.d/threads_*.c' |
        xargs -n 4 -P "$(nproc)" clang-tidy --quiet -p build/clang
}

case "${1:-}" in
"")
    # shellcheck disable=SC2086  # lists of words, here and below
    need_packages $TEST_PACKAGES || exit 1 # without PostgreSQL, integration.query says that it was skipped
    step "gcc, all tests" tested dev
    ;;
--all)
    need_packages $GATE_PACKAGES && need_database || exit 1
    step "scripts" check_shell
    step "format" check_format
    step "layers" python3 tools/check-layers
    step "manuals" python3 tools/check-manual
    step "keys of the configuration" python3 tools/check-options
    step "conformance" python3 tools/check-conformance
    step "gcc, all tests" tested dev
    step "symbols" python3 tools/check-symbols build/dev
    step "clang, unit tests" tested clang
    step "clang-tidy" tidy
    step "AddressSanitizer and UBSan, all tests" tested asan
    step "ThreadSanitizer, integration tests" tested_tsan
    step "fuzz regressions" fuzz_regressions
    step "install" check_install
    step "instructions and system calls" check_held
    ;;
--long)
    need_packages $GATE_PACKAGES || exit 1
    step "faults" faults_long
    step "soak" soak
    step "vanishing clients, large uploads" streams_long
    step "fuzzers" tools/fuzz "${FUZZ_SECONDS:-1800}"
    ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "tools/test.sh"
    exit 2
    ;;
esac

if [ ${#failed[@]} -gt 0 ]; then
    printf '\nFailed: %s\n' "${failed[*]}"
    exit 1
fi
printf '\nAll passed in %d s.\n' "$SECONDS"
