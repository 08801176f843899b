#!/usr/bin/env bash
# Installs umamba-rt as a service: user, directories, program, a link in /usr/local/bin, units, default configuration.
# Again, it mends what is missing and leaves configuration and state alone.
#   tools/install.sh [--root DIR] [--program FOLDER | --no-program]
#   tools/install.sh --uninstall [--purge] [--root DIR]
#     --root DIR        into another root folder, such as an image's; nothing is started there
#     --program FOLDER  use this virtual environment instead of making /opt/umamba-rt
#     --no-program      leave /opt/umamba-rt as it is
#     --purge           configuration, credentials, state and user, too
set -euo pipefail
umask 022 # the service's user reads what root puts there
here=$(cd "$(dirname "$0")/.." && pwd)
root='' program=make uninstall=false purge=false
fail() { echo "install.sh: $2" >&2; exit "$1"; }
while (($#)); do
    case "$1" in
        --root | --program) (($# > 1)) || fail 64 "$1 wants a folder" ;;&
        --root) root=${2%/}; shift ;;
        --program) program=$(realpath -e -- "$2") || fail 69 "$2: no such folder"; shift ;;
        --no-program) program='' ;;
        --uninstall) uninstall=true ;;
        --purge) purge=true ;;
        --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) fail 64 "$1: see --help" ;;
    esac
    shift
done
[ "$(id -u)" = 0 ] || fail 69 "only root can do this"
[ -z "$root" ] || [ -d "$root" ] || fail 69 "$root: no such folder"
$purge && ! $uninstall && fail 64 "--purge goes with --uninstall"

units=$root/etc/systemd/system
etc=$root/etc/umamba-rt
opt=$root/opt/umamba-rt
link=$root/usr/local/bin/umamba-rt
state=$root/var/lib/umamba-rt
names=(umamba-rt.service umamba-rt@.service)
is_ours() { [ "$(readlink -- "$1")" = /opt/umamba-rt/bin/umamba-rt ]; }
booted() { [ -z "$root" ] && [ -d /run/systemd/system ]; }

if $uninstall; then
    if booted; then
        systemctl disable --now --quiet umamba-rt.service 2>/dev/null || true
        systemctl stop --quiet 'umamba-rt@*.service' 2>/dev/null || true
    fi
    find "$units" -path '*.wants/umamba-rt@*.service' -type l -delete 2>/dev/null || true # of enabled instances
    for name in "${names[@]}"; do
        rm -f "$units/$name" "$units/$name.d/backoff.conf"
        rmdir "$units/$name.d" 2>/dev/null || true
    done
    rm -f "$root/usr/lib/sysusers.d/umamba-rt.conf"
    if [ -L "$opt" ]; then rm "$opt"; else rm -rf "$opt"; fi
    if is_ours "$link"; then rm "$link"; fi
    rm -rf "$root/var/cache/umamba-rt"
    if $purge; then
        rm -rf "$etc" "$state"
        # Not userdel: it wants a whole system in the root.
        for file in passwd shadow group gshadow; do
            [ ! -e "$root/etc/$file" ] || sed -i '/^umamba-rt:/d' "$root/etc/$file"
        done
    fi
    if booted; then systemctl daemon-reload; fi
    echo "uninstalled$($purge || echo "; $etc and $state were kept (--purge removes them)")"
    exit 0
fi

install -D -m 644 "$here/systemd/sysusers.conf" "$root/usr/lib/sysusers.d/umamba-rt.conf"
if ! grep -qs '^umamba-rt:' "$root/etc/passwd"; then
    install -d "$root/etc"
    systemd-sysusers ${root:+--root="$root"} umamba-rt.conf # looked for in the root's sysusers.d
fi
owner=$(awk -F: '$1 == "umamba-rt" { print $3 ":" $4 }' "$root/etc/passwd")
install -d -m 755 "$etc" "$root/opt"
install -d -m 700 "$etc/credentials"
install -d -m 750 -o "${owner%:*}" -g "${owner#*:}" "$state"

if [ "$program" = make ]; then
    [ -x "$opt/bin/python" ] || python3 -m venv "$opt"
    "$opt/bin/python" -m pip install --quiet --disable-pip-version-check -c "$here/constraints.txt" "$here[fast]"
elif [ -n "$program" ]; then
    [ ! -e "$opt" ] || [ -L "$opt" ] || fail 69 "$opt is in the way"
    ln -sfn "$program" "$opt"
fi

if [ ! -e "$link" ] && [ ! -L "$link" ]; then
    install -d "${link%/*}"
    ln -s /opt/umamba-rt/bin/umamba-rt "$link"
elif ! is_ours "$link"; then
    echo "install.sh: $link is another program's, and stays" >&2
fi

install -m 640 -g "${owner#*:}" "$here/config/umamba-rt.toml" "$etc/umamba-rt.toml.default"
[ -e "$etc/umamba-rt.toml" ] || cp -p "$etc/umamba-rt.toml.default" "$etc/umamba-rt.toml"
version=$(systemctl --version 2>/dev/null | awk 'NR == 1 { print $2 }')
for name in "${names[@]}"; do
    install -D -m 644 "$here/systemd/$name" "$units/$name"
    if [ "${version%%.*}" -ge 254 ] 2>/dev/null; then
        install -D -m 644 "$here/systemd/backoff.conf" "$units/$name.d/backoff.conf"
    fi
done
if booted; then systemctl daemon-reload; fi
echo "installed; edit $etc/umamba-rt.toml, then: umamba-rt check, systemctl enable --now umamba-rt"
