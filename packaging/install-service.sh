#!/bin/sh
# Installs or upgrades the service: program in /opt/aggregator, feeds.yaml in /etc/aggregator, unit for systemd.
# Run from the repository as root. What is in /etc/aggregator and /var/lib/aggregator already stays as it is.
set -eu

root=${ROOT:-}          # another root folder, for packagers and for trying out: systemd is then left alone
python=${PYTHON:-python3}
program=$root/opt/aggregator
units=$root/etc/systemd/system
feeds=$root/etc/aggregator/feeds.yaml

"$python" -m venv "$program"
"$program/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
"$program/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --force-reinstall .

install -d -m 0755 "$units" "$root/etc/aggregator"
install -m 0644 packaging/aggregator.service packaging/aggregator-poll.service packaging/aggregator-poll.timer "$units"
if [ ! -e "$feeds" ]; then
    sed -e 's|^database: data/|database: /var/lib/aggregator/|' \
        -e 's|directory: data/digests|directory: /var/lib/aggregator/digests|' \
        aggregator/config/sample.yaml > "$feeds"
    chmod 0644 "$feeds"
fi

if [ -z "$root" ]; then
    systemctl daemon-reload
    systemctl enable aggregator.service
    systemctl restart aggregator.service
    systemctl --no-pager status aggregator.service
fi
echo "feeds: $feeds   log: journalctl -u aggregator   state: $program/bin/aggregator --config $feeds status"
