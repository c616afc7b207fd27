package filter_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/ingest/filter"
)

func TestEveryFormatIsTold(t *testing.T) {
	var told []string
	for _, f := range filter.Formats() {
		told = append(told, f.Typetag)
		if f.About == "" || f.Records == "" || strings.Contains(f.About+f.Records, "\n") {
			t.Errorf("%s says too little: %+v", f.Typetag, f)
		}
	}
	slices.Sort(told)
	if !slices.Equal(told, filter.Typetags()) {
		t.Errorf("told are %v, filters are there for %v", told, filter.Typetags())
	}
}
