#!/bin/sh
# A Debian 12 with nothing but git, in a folder: what a new user's machine looks like. Clones HEAD into it and runs `./dev` there.
# Needs root and debootstrap; run by hand before set-up is called done.
#
#   tools/fresh_machine.sh ROOT make        debootstrap into ROOT (from the mirror this machine uses)
#   tools/fresh_machine.sh ROOT clone       clone this checkout's HEAD to ROOT/root/slipway
#   tools/fresh_machine.sh ROOT dev WORD... run ./dev WORD... there
#   tools/fresh_machine.sh ROOT run COMMAND run a shell command there, in the clone
#   tools/fresh_machine.sh ROOT end         undo the mounts
set -eu
root=$1 word=$2
shift 2
here=$(cd "$(dirname "$0")/.." && pwd)

mounts() {
  for at in proc sys dev dev/shm; do
    mkdir -p "$root/$at"
    mountpoint -q "$root/$at" || case $at in
      proc) mount -t proc proc "$root/proc" ;;
      sys) mount -t sysfs -o ro sysfs "$root/sys" ;;
      dev) mount --rbind /dev "$root/dev" && mount --make-rslave "$root/dev" ;;
      *) ;;
    esac
  done
}

# Only what names the network: nothing else of this machine gets in.
inside() {
  mounts
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  mkdir -p "$root/usr/local/share/ca-certificates"
  cp /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
  chroot "$root" /usr/sbin/update-ca-certificates >/dev/null 2>&1 || true
  chroot "$root" /usr/bin/env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 TERM=dumb \
    sh -c "cd /root/slipway && $*"
}

case $word in
  make)
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Release: bookworm' | head -n 1)
    debootstrap --variant=minbase --include=ca-certificates,git bookworm "$root" "$mirror" ;;
  clone) rm -rf "$root/root/slipway" && git clone -q "$here" "$root/root/slipway" ;;
  dev) inside ./dev "$@" ;;
  run) inside "$@" ;;
  end)
    for at in dev/shm dev sys proc; do umount -R -l "$root/$at" 2>/dev/null || true; done ;;
  *) sed -n '2,10p' "$0"; exit 2 ;;
esac
