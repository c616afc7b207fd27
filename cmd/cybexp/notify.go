package main

import (
	"log/slog"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notifyManager tells the service manager, where there is one that listens, that everything answers (sd_notify(3), Type=notify).
func notifyManager(log *slog.Logger) {
	if _, err := daemon.SdNotify(true, daemon.SdNotifyReady); err != nil {
		log.Warn("service manager was not told", "err", err)
	}
}
