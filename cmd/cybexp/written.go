package main

import (
	"time"

	"github.com/cybexp/cybexp/reportd"
)

// written tells the watches, wherever they run, that there is something new.
func (p *platform) written(from, to time.Time) {
	if err := reportd.NotifyWritten(p.bus, from, to); err != nil {
		p.log.Warn("watches not told of a write", "err", err)
	}
}
