#!/bin/sh
# Install homie-ota for good on a machine with systemd: the program in /opt/homie-ota, a service, a user of its own.
#   sudo packaging/install.sh            again with a newer source: an upgrade; settings and data stay
# PYTHON=… chooses the interpreter. DESTDIR=… puts everything below a folder and touches nothing else.
set -eu
cd "$(dirname "$0")/.."

say() { printf 'homie-ota: %s\n' "$*"; }
give_up() { printf 'homie-ota: %s\n' "$*" >&2; exit 1; }

root=${DESTDIR:-}
home=$root/opt/homie-ota
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
    || give_up "$python is not Python 3.11 or newer (Debian 12 or newer: apt install python3); or set PYTHON=…"
"$python" -c 'import ensurepip, venv' 2>/dev/null \
    || give_up "$python has no venv module (Debian: apt install python3-venv)"
[ -n "$root" ] || [ "$(id -u)" = 0 ] || give_up "only root may write to /opt and /etc: sudo packaging/install.sh"

say "installing the program into $home"
"$python" -m venv "$home"
pip() { "$home/bin/python" -m pip --quiet --no-input --disable-pip-version-check "$@"; }
pip install --require-hashes --requirement requirements.txt
pip install --no-deps --no-build-isolation .

install -D -m 0644 packaging/homie-ota.service "$root/etc/systemd/system/homie-ota.service"
install -D -m 0644 packaging/homie-ota.sysusers "$root/usr/lib/sysusers.d/homie-ota.conf"
install -d "$root/usr/local/bin"
ln -sf /opt/homie-ota/bin/homie-ota "$root/usr/local/bin/homie-ota"

if [ -e "$root/etc/homie-ota/homie-ota.toml" ]; then
    say "the settings in /etc/homie-ota stay as they are"
else
    install -D -m 0640 packaging/homie-ota.toml "$root/etc/homie-ota/homie-ota.toml"
fi

if [ -z "$root" ]; then
    systemd-sysusers homie-ota.conf
    chown root:homie-ota /etc/homie-ota/homie-ota.toml
    systemctl daemon-reload
fi
say "installed. Settings: /etc/homie-ota/homie-ota.toml. Start it: systemctl enable --now homie-ota"
say "after an upgrade: systemctl restart homie-ota. The first password: journalctl -u homie-ota"
