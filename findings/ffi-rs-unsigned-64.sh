#!/bin/bash
# ffi-rs returns an unsigned 64-bit value from 2^63 on as a negative number.
#
# Its documentation has DataType.U64 for uint64_t. As a return type, the bits are read as a signed number and given as a
# double: 0x8000000000000001 comes back as -9223372036854776000, 0xffffffffffffffff as -1, 2^53 + 1 as 2^53. DataType.BigInt
# keeps every bit, but is signed too: BigInt.asUintN(64, value) makes it right. DataType.U32 is right.
#
# Version: ffi-rs 1.3.7 (npm), Node 20 and later, x86-64. Seen on 2026-11-28, with the library compiled from the C below:
#   0x8000000000000001 as U64: -9223372036854776000; as BigInt: -9223372036854775807
#   0xffffffffffffffff as U64: -1; as BigInt: -1
#   0xffffffff as U32: 4294967295
# Exits non-zero if it behaves otherwise.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > values.c <<'C'
#include <stdint.h>
uint64_t top(void) { return 0x8000000000000001ull; }
uint64_t all(void) { return 0xffffffffffffffffull; }
uint32_t all32(void) { return 0xffffffffu; }
C
cc -shared -fPIC -o libvalues.so values.c
npm install --silent --no-audit --no-fund --prefix . ffi-rs@1.3.7
cat > show.cjs <<'JS'
const { open, load, DataType } = require('ffi-rs')
open({ library: 'values', path: `${__dirname}/libvalues.so` })
const call = (funcName, type) => load({ library: 'values', funcName, retType: DataType[type], paramsType: [], paramsValue: [] })
console.log(`ffi-rs ${require('ffi-rs/package.json').version}, Node ${process.versions.node}`)
console.log(`0x8000000000000001 as U64: ${call('top', 'U64')}; as BigInt: ${call('top', 'BigInt')}`)
console.log(`0xffffffffffffffff as U64: ${call('all', 'U64')}; as BigInt: ${call('all', 'BigInt')}`)
console.log(`0xffffffff as U32: ${call('all32', 'U32')}`)
const isAsSeen =
  call('top', 'U64') === -9223372036854776000 && call('top', 'BigInt') === -9223372036854775807n &&
  call('all', 'U64') === -1 && call('all32', 'U32') === 4294967295
process.exitCode = isAsSeen ? 0 : 1
JS
node show.cjs
