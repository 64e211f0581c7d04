#!/bin/sh
# After an installation or an update: the running service gets the new program.
set -e
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	systemctl try-restart qase-relay.service
fi
if [ ! -e /etc/qase-relay/rules.yaml ]; then
	cat <<-'TEXT'
		qase-relay: write rules, then start the service:
		  qase-relay init /etc/qase-relay/rules.yaml && chmod 644 /etc/qase-relay/rules.yaml
		  editor /etc/qase-relay/rules.yaml /etc/qase-relay/env      # secrets belong in env
		  systemctl enable --now qase-relay
	TEXT
fi
