#!/bin/busybox sh
# shellcheck shell=dash
# First process of the guest: mounts what is needed, then does what the host says over the second
# serial line, command by command. After each it sends a line "@@ EXIT-CODE".
/bin/busybox --install -s /bin
export PATH=/bin:/weft/bin HOME=/root WEFT_ROOT=/weft NO_COLOR=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/hugepages && mount -t hugetlbfs hugetlbfs /dev/hugepages
mkdir -p /tmp && mount -t tmpfs tmpfs /tmp
mkdir -p /run && mount -t tmpfs tmpfs /run
mkdir -p /var && ln -s /run /var/run
chmod 755 /  # DPDK loads no drivers from below a folder that all can write to
ifconfig lo up
# What the guest's own kernel would send by itself would be counted as weft's.
for each in all default; do echo 1 >/proc/sys/net/ipv6/conf/$each/disable_ipv6; done 2>/dev/null
depmod
exec <>/dev/ttyS1 >&0 2>&1
stty raw -echo
echo "@@ 0"
while IFS= read -r command; do
  eval "$command" </dev/null
  code=$?
  echo
  echo "@@ $code"
done
poweroff -f
