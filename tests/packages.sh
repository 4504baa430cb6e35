#!/usr/bin/env bash
# Installs the Debian packages that a part of weft needs: packages.sh build | run | test | night
# Installs only what is missing; as an ordinary user it names what is missing and fails.
set -euo pipefail

build="g++ cmake ninja-build pkg-config libdpdk-dev libboost-graph-dev libyaml-cpp-dev libz3-dev
  libcli11-dev libfmt-dev nlohmann-json3-dev libexpected-dev libgtest-dev libssl-dev"
run="iproute2 ethtool iputils-ping graphviz python3 libcap2-bin"
test="librapidcheck-dev libpcap-dev python3-scapy tcpdump arping nftables socat valgrind clang
  clang-format clang-tidy shellcheck libclang-rt-14-dev ccache util-linux dpdk-dev
  traceroute iputils-tracepath qemu-system-x86 curl wrk libmemcached-tools memcached openssl
  liblwip-dev"
night="chromium"

case "${1:-build}" in
  build) wanted="$build" ;;
  run) wanted="$build $run" ;;
  test) wanted="$build $run $test" ;;
  night) wanted="$build $run $test $night" ;;
  *) echo "usage: packages.sh build|run|test|night" >&2; exit 64 ;;
esac

missing=()
for package in $wanted; do
  status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "missing packages: ${missing[*]}" >&2
  echo "install them with: sudo apt-get install ${missing[*]}" >&2
  exit 5
fi
echo "installing: ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
