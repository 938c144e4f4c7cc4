#!/bin/sh
# vmdeck ($1) on a storage of its own at $2, which is full in the middle of what it fetches from $3, and then grows. Where
# nobody is given one, a file grows no further instead: a write fails in the same place.
vmdeck=$1 home=$2 url=$3 inside=$4
if [ -z "$inside" ]; then
  for way in 'unshare -Urm' 'unshare -m' 'sudo -n unshare -m'; do
    if $way mount -t tmpfs vmdeck "$home" 2>/dev/null; then exec $way "$0" "$@" storage; fi
  done
  exec "$0" "$@" file
fi
VMDECK_HOME=$home LC_ALL=C
export VMDECK_HOME LC_ALL
fetch() { "$vmdeck" call local fetch-image url="$url" 2>&1; }
if [ "$inside" = storage ]; then
  mount -t tmpfs -o size=300k vmdeck "$home" || exit
  fetch
else
  (trap '' XFSZ && ulimit -f 500 && fetch)
fi
echo "code $?"
ls "$home/images"
[ "$inside" = file ] || mount -o remount,size=2m "$home" || exit
"$vmdeck" call local resume-fetch image=a.iso 2>&1
echo "code $?"
ls -A "$home/images"
sha256sum <"$home/images/a.iso"
