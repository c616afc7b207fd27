package tahoe_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/tahoe"
)

func TestHashSpecOfWhatVectorsLack(t *testing.T) {
	for name, c := range map[string]struct{ line, unique string }{
		"attribute without exact text": {`{"kind":"attribute","input":{"sub_type":"port","data":22}}`, `attributeport22`},
		"attribute that is infinite":   {`{"kind":"attribute","input":{"sub_type":"f","data":Infinity,"type":"float","text":"inf"}}`, `attributefInfinity`},
		"attribute that is no number":  {`{"kind":"attribute","input":{"sub_type":"f","data":NaN}}`, `attributefNaN`},
		"attribute with half a pair":   {`{"kind":"attribute","input":{"sub_type":"x","data":"\ud800","type":"str","text":"\ud800"}}`, `attributex"\ud800"`},
		"raw out of range":             {`{"kind":"raw","input":{"sub_type":"x","json_text":"[-1E400]"}}`, `rawx["-Infinity"]`},
		"event at true":                {`{"kind":"event","input":{"sub_type":"e","orgid":"o","timestamp":true,"children":[{"kind":"attribute","sub_type":"a","data":1}]}}`, `eventeo1.0{"a": "[\"1\"]"}`},
	} {
		if got, err := tahoe.HashSpec([]byte(c.line)); err != nil || got.Unique != c.unique {
			t.Errorf("%s: got %s, %v, want %s", name, got.Unique, err, c.unique)
		}
	}
}

func TestHashSpecRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		want error
	}{
		"no JSON":            {`{`, tahoe.ErrSyntax},
		"no kind":            {`{"input":{}}`, tahoe.ErrData},
		"unknown kind":       {`{"kind":"x","input":{}}`, tahoe.ErrData},
		"no input":           {`{"kind":"attribute"}`, tahoe.ErrData},
		"no data":            {`{"kind":"attribute","input":{"sub_type":"a"}}`, tahoe.ErrData},
		"list data":          {`{"kind":"attribute","input":{"sub_type":"a","data":[1]}}`, tahoe.ErrData},
		"bad sub_type":       {`{"kind":"attribute","input":{"sub_type":"a b","data":1}}`, tahoe.ErrSubType},
		"sub_type a number":  {`{"kind":"attribute","input":{"sub_type":1,"data":1}}`, tahoe.ErrData},
		"no children":        {`{"kind":"object","input":{"sub_type":"a"}}`, tahoe.ErrData},
		"empty children":     {`{"kind":"object","input":{"sub_type":"a","children":[]}}`, tahoe.ErrData},
		"event in an object": {`{"kind":"object","input":{"sub_type":"a","children":[{"kind":"event","sub_type":"e"}]}}`, tahoe.ErrData},
		"int that is none":   {`{"kind":"attribute","input":{"sub_type":"a","type":"int","text":"1x"}}`, tahoe.ErrData},
		"raw that is none":   {`{"kind":"raw","input":{"sub_type":"a","json_text":"{"}}`, tahoe.ErrSyntax},
		"no timestamp":       {`{"kind":"event","input":{"sub_type":"e","orgid":"o","children":[]}}`, tahoe.ErrData},
		"explosion":          {`{"kind":"canonical","input":{"json_text":"` + strings.Repeat("[", 30) + strings.Repeat("]", 30) + `"}}`, tahoe.ErrTooLarge},
	} {
		if _, err := tahoe.HashSpec([]byte(c.line)); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func FuzzHashSpec(f *testing.F) {
	for i, line := range vectorLines(f) {
		if i%20 == 0 && len(line) < 2000 {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if s, err := tahoe.HashSpec(line); err == nil && s.Hash.IsZero() {
			t.Fatalf("%s has no hash", line)
		}
	})
}
