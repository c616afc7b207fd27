package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/cybexp/cybexp/layout"
	"github.com/cybexp/cybexp/web"
)

// withBus opens the bus of a data folder for f.
func withBus(t *testing.T, data string, f func(*platform)) error {
	t.Helper()
	p := &platform{settings: settings{data: data}, log: slog.New(slog.DiscardHandler)}
	err := p.openBus(t.Context())
	if err == nil {
		f(p)
	}
	return errors.Join(err, p.close())
}

func TestLayout(t *testing.T) {
	data := t.TempDir()
	err := withBus(t, data, func(p *platform) {
		streams, err := p.bus.Stored(t.Context())
		if _, marked, errLoad := p.folderLayout().Place.Load(t.Context()); marked || len(streams) > 0 || errors.Join(err, errLoad) != nil {
			t.Errorf("a look leaves %v in the bus, in the folder %v, %v", streams, marked, errors.Join(err, errLoad))
		}
		for range 2 {
			if err := p.bringUpToDate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		var f findings
		if p.checkLayout(t.Context(), &f); len(f) != 1 || f[0].Status != web.OK {
			t.Errorf("doctor finds %v", f)
		}
		newer := layout.Mark{Version: layoutVersion + 1, Program: "v9.9"}
		if err := p.busLayout().Place.Save(t.Context(), newer); err != nil {
			t.Fatal(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = "the bus was written by a newer version of cybexp: use cybexp v9.9 or a later one (its layout has version 3, this one knows 2)"
	if err := withBus(t, data, func(*platform) {}); !errors.Is(err, layout.ErrNewer) || err.Error() != want {
		t.Errorf("a newer bus: %v", err)
	}
	// The folder is looked at before anything in it, such as a bus of a newer NATS.
	if err := os.WriteFile(filepath.Join(data, layoutFile), []byte("{\"version\":4,\"program\":\"v9.10\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const folder = " was written by a newer version of cybexp: use cybexp v9.10 or a later one (its layout has version 4, this one knows 2)"
	if err := withBus(t, data, func(*platform) {}); !errors.Is(err, layout.ErrNewer) || err.Error() != data+folder {
		t.Errorf("a newer folder: %v", err)
	}
}
