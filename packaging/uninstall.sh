#!/bin/sh
# Take away what packaging/install.sh put there. Settings and data stay; with --purge they go, too.
set -eu

root=${DESTDIR:-}
purge=no
case "${1:-}" in
    "") ;;
    --purge) purge=yes ;;
    *) printf 'homie-ota: packaging/uninstall.sh [--purge]\n' >&2; exit 2 ;;
esac
[ -n "$root" ] || [ "$(id -u)" = 0 ] \
    || { printf 'homie-ota: only root may: sudo packaging/uninstall.sh\n' >&2; exit 1; }

if [ -z "$root" ]; then
    systemctl disable --now homie-ota 2>/dev/null || true
fi
rm -rf "$root/opt/homie-ota"
rm -f "$root/etc/systemd/system/homie-ota.service" "$root/usr/lib/sysusers.d/homie-ota.conf" \
    "$root/usr/local/bin/homie-ota"
[ -n "$root" ] || systemctl daemon-reload

if [ "$purge" = yes ]; then
    rm -rf "$root/etc/homie-ota" "$root/var/lib/homie-ota"
    [ -n "$root" ] || ! id homie-ota >/dev/null 2>&1 || userdel homie-ota
    printf 'homie-ota: uninstalled, with its settings, devices, history and firmware\n'
else
    printf 'homie-ota: uninstalled. Left: /etc/homie-ota, /var/lib/homie-ota, the user homie-ota (--purge takes them, too)\n'
fi
