#!/usr/bin/env bash
# run.sh — builds Weir and serves www/ with the example plugins, from whatever folder it is called.
#
#     tools/run.sh            on http://127.0.0.1:8080/ or the next free port
#     tools/run.sh FOLDER …   another folder, and options of `weir serve`
set -euo pipefail
here=$PWD
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# shellcheck disable=SC2086  # a list of words
need_packages $BUILD_PACKAGES
echo "Building (build/release) ..."
build release

if [ $# -gt 0 ]; then
    root=$PWD
    cd "$here"
    exec "$root/build/release/weir" serve "$@"
fi

is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
port=8080
while [ $port -lt 8180 ] && ! is_free $port; do port=$((port + 1)); done

cat <<TEXT

Try, in a browser or in another terminal:
  http://127.0.0.1:$port/              the default site
  curl -i http://127.0.0.1:$port/weir.txt
  curl -i -r 0-9 http://127.0.0.1:$port/weir.txt
  curl -i http://127.0.0.1:$port/hello         a handler plugin, see plugins/README.md
Your own folder: tools/run.sh ./site, or build/release/weir serve ./site

TEXT
# Those that need no backend: three, fetch and query are told of one in their configuration.
plugins=()
for name in hello environ stream sleep echo upload events chat monitor jsonapi cxx; do
    so=build/release/plugins/$name/$name.so
    [ "$name" = upload ] && so+=":{\"folder\": \"${TMPDIR:-/tmp}\"}"
    [ -e "${so%%:*}" ] && plugins+=(--plugin "/$name=$so")
done
exec build/release/weir serve www --port $port "${plugins[@]}"
