package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/layout"
)

// layoutVersion is the version of all that is kept beside the graph: streams and buckets of the bus, and what they hold; the files of the data folder,
// Dgraph's and NATS' own among them. The graph has a version of its own. Whoever changes one of these so that an older cybexp would harm it adds one here, and
// steps below.
const layoutVersion = 2

// layoutFile, in the data folder, and layoutKey, in a bucket of the bus, tell the version. Processes of a split deployment share the bus and have folders of
// their own.
const (
	layoutFile   = "layout.json"
	layoutBucket = "layout"
	layoutKey    = "version"
)

// layoutSteps bring a folder or a bus forward. In 2 the chunks of the lake are compressed, which older versions would take for damaged; those that are not
// are read too, so that there is nothing to do.
var layoutSteps = []layout.Step{{To: 2, Do: func(context.Context) error { return nil }}}

func (p *platform) folderLayout() layout.Layout {
	return layout.Layout{Name: p.data, Place: fileMark(filepath.Join(p.data, layoutFile)), Version: layoutVersion, Program: version, Steps: layoutSteps}
}

func (p *platform) busLayout() layout.Layout {
	return layout.Layout{Name: "the bus", Place: busMark{p.bus}, Version: layoutVersion, Program: version, Steps: layoutSteps}
}

// bringUpToDate brings folder and bus to this version, which processes do that change them.
func (p *platform) bringUpToDate(ctx context.Context) error {
	if err := p.folderLayout().Bring(ctx); err != nil {
		return err
	}
	return p.busLayout().Bring(ctx)
}

// fileMark is the mark of a folder: the name of a file.
type fileMark string

// Load reads the file.
func (f fileMark) Load(context.Context) (m layout.Mark, marked bool, err error) {
	text, err := os.ReadFile(string(f))
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err == nil {
		m, err = layout.Parse(text)
	}
	if err != nil {
		return m, false, fmt.Errorf("%s: %w", string(f), err)
	}
	return m, true, nil
}

// Save replaces the file.
func (f fileMark) Save(_ context.Context, m layout.Mark) error {
	return writeSecret(string(f), string(m.Bytes()))
}

// busMark is the mark of a bus: a key in a bucket.
type busMark struct{ bus *bus.Bus }

// Load reads the key, and makes no bucket.
func (b busMark) Load(ctx context.Context) (m layout.Mark, marked bool, err error) {
	kv, err := b.bus.FindKV(ctx, layoutBucket)
	if errors.Is(err, bus.ErrNotFound) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	e, err := kv.Get(ctx, layoutKey)
	if errors.Is(err, bus.ErrNotFound) {
		return m, false, nil
	}
	if err == nil {
		m, err = layout.Parse(e.Value)
	}
	return m, err == nil, err
}

// Save writes the key.
func (b busMark) Save(ctx context.Context, m layout.Mark) error {
	kv, err := b.bus.KV(ctx, bus.KVConfig{Bucket: layoutBucket})
	if err == nil {
		_, err = kv.Put(ctx, layoutKey, m.Bytes())
	}
	return err
}
