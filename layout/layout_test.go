package layout_test

import (
	"context"
	"errors"
	"testing"

	"github.com/cybexp/cybexp/layout"
)

// kept is a place in memory.
type kept struct{ mark layout.Mark }

func (k *kept) Load(context.Context) (layout.Mark, bool, error) {
	return k.mark, k.mark != layout.Mark{}, nil
}
func (k *kept) Save(_ context.Context, m layout.Mark) error { k.mark = m; return nil }

// folder is a place whose steps each add a letter to a text.
type folder struct {
	layout.Layout

	text string
	cut  int // the step that is broken off once; 0 is none
}

var errCut = errors.New("cut")

func newFolder(version int, program string) *folder {
	f := &folder{}
	f.Layout = layout.Layout{Name: "the folder", Place: &kept{}, Version: version, Program: program}
	for to := 2; to <= version; to++ {
		f.Steps = append(f.Steps, layout.Step{To: to, Do: func(context.Context) error {
			if f.cut == to {
				f.cut = 0
				return errCut
			}
			f.text += string(rune('a' + to))
			return nil
		}})
	}
	return f
}

// as is the same place as another program sees it.
func (f *folder) as(version int, program string) *folder {
	other := newFolder(version, program)
	other.Place = f.Place
	return other
}

func (f *folder) mustBring(t *testing.T) {
	t.Helper()
	if err := f.Bring(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestNewPlaceIsMarked(t *testing.T) {
	f := newFolder(1, "v1.0.0")
	if _, err := f.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, marked, err := f.Place.Load(t.Context()); marked || err != nil {
		t.Errorf("a check marks: %v, %v", marked, err)
	}
	f.mustBring(t)
	if m, marked, err := f.Place.Load(t.Context()); err != nil || !marked || m != (layout.Mark{Version: 1, Program: "v1.0.0"}) {
		t.Errorf("marked %v as %+v, %v", marked, m, err)
	}
}

// TestStepsGoOn breaks the way from 1 to 4 off at each step.
func TestStepsGoOn(t *testing.T) {
	for cut := 2; cut <= 4; cut++ {
		old := newFolder(1, "v1.0.0")
		old.mustBring(t)
		f := old.as(4, "v1.4.0")
		f.cut = cut
		if err := f.Bring(t.Context()); !errors.Is(err, errCut) {
			t.Fatalf("step %d: %v", cut, err)
		}
		if v, err := f.Check(t.Context()); v != cut-1 || err != nil {
			t.Errorf("broken off in step %d the place has version %d, %v", cut, v, err)
		}
		f.mustBring(t)
		f.mustBring(t)
		if v, err := f.Check(t.Context()); f.text != "cde" || v != 4 || err != nil {
			t.Errorf("steps %q were done, to version %d, %v", f.text, v, err)
		}
	}
}

// TestUnmarkedIsOld brings a place forward that was written before there were marks.
func TestUnmarkedIsOld(t *testing.T) {
	f := newFolder(3, "v1.3.0")
	f.mustBring(t)
	if f.text != "cd" {
		t.Errorf("steps %q were done", f.text)
	}
}

func TestNewerIsRefused(t *testing.T) {
	newer := newFolder(2, "v1.4.0")
	newer.mustBring(t)
	newer.as(2, "v1.9.0").mustBring(t) // the mark tells who brought the place there, not who came last
	f := newer.as(1, "v1.0.0")
	_, err := f.Check(t.Context())
	const want = "the folder was written by a newer version of cybexp: use cybexp v1.4.0 or a later one (its layout has version 2, this one knows 1)"
	if !errors.Is(err, layout.ErrNewer) || err.Error() != want {
		t.Errorf("checked: %v", err)
	}
	if err := f.Bring(t.Context()); !errors.Is(err, layout.ErrNewer) {
		t.Errorf("brought: %v", err)
	}
	if m, _, err := newer.Place.Load(t.Context()); m.Version != 2 || err != nil {
		t.Errorf("a program that refuses leaves %+v, %v", m, err)
	}
}

func TestGapIsRefused(t *testing.T) {
	f := newFolder(3, "v1.3.0")
	f.Steps = f.Steps[1:]
	if err := f.Bring(t.Context()); !errors.Is(err, layout.ErrOlder) {
		t.Errorf("without the step to 2: %v", err)
	}
}

func TestBadMark(t *testing.T) {
	for _, text := range []string{"", "{}", `{"version":0}`, `{"version":-1}`, "version 1", `{"version":"1"}`} {
		if m, err := layout.Parse([]byte(text)); err == nil {
			t.Errorf("%q is %+v", text, m)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version":1,"program":"v1.0.0"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := layout.Parse(text)
		if err != nil {
			return
		}
		if again, err := layout.Parse(m.Bytes()); again != m || err != nil {
			t.Errorf("%+v is read again as %+v, %v", m, again, err)
		}
	})
}
