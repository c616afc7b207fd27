package indicator_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cybexp/cybexp/indicator"
)

const findFile = "testdata/find.txtar"

// TestFind looks for indicators in what people paste. UPDATE_GOLDEN=1 rewrites what is found.
func TestFind(t *testing.T) {
	golden, err := txtar.ParseFile(findFile)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range golden.Files {
		name, isText := strings.CutSuffix(f.Name, ".text")
		if !isText {
			continue
		}
		var b strings.Builder
		for _, found := range indicator.Find(string(f.Data), 100) {
			fmt.Fprintln(&b, strings.TrimSpace(found.SubType+" "+found.Value+" "+found.Port))
		}
		if os.Getenv("UPDATE_GOLDEN") != "" {
			golden.Files[i+1].Data = []byte(b.String())
			continue
		}
		if diff := cmp.Diff(string(golden.Files[i+1].Data), b.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(findFile, txtar.Format(golden), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFindIsBounded(t *testing.T) {
	var b strings.Builder
	for i := range 300 {
		fmt.Fprintf(&b, "192.0.2.%d\n", i%256)
	}
	if got := len(indicator.Find(b.String(), 100)); got != 100 {
		t.Errorf("got %d, want 100", got)
	}
}

func FuzzFind(f *testing.F) {
	golden, err := txtar.ParseFile(findFile)
	if err != nil {
		f.Fatal(err)
	}
	for _, one := range golden.Files {
		f.Add(string(one.Data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		seen := map[string]bool{}
		for _, found := range indicator.Find(text, 20) {
			key := found.SubType + " " + found.Value
			if found.Value == "" || seen[key] || strings.ContainsAny(found.Value, "\n\x00") {
				t.Errorf("found %q in %q", key, text)
			}
			seen[key] = true
		}
	})
}
