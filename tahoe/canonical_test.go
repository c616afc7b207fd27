package tahoe_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/tahoe"
)

func TestCanonical(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":["x"]}`:                   `{"a": "[\"\\\"x\\\"\"]"}`,
		`[[1,2],[2,1],[1,2,2]]`:         `["[\"1\", \"2\"]"]`,
		`[1,1.0,true,"1"]`:              `["\"1\"", "1", "1.0", "true"]`,
		`"\u001c\u3000 a \u00a0"`:       `"a"`,
		`"\u200ba\ufeff"`:               `"\u200ba\ufeff"`,
		`{" k ":"</>&\u2028\u007f"}`:    `{" k ": "\"</>&\\u2028\\u007f\""}`,
		`"\ud800"`:                      `"\ud800"`,
		`{"\uffff":1,"\ud83d\ude00":2}`: `{"\uffff": "1", "\ud83d\ude00": "2"}`,
	} {
		v, err := tahoe.ParseValue([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tahoe.Canonical(v); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", text, got, err, want)
		}
	}
}

func TestCanonicalRefusesExplosions(t *testing.T) {
	deep := strings.Repeat("[", 20) + `"\""` + strings.Repeat("]", 20)
	long := `"` + strings.Repeat("\u00e9", tahoe.MaxCanonical/6+1) + `"`
	for name, text := range map[string]string{
		"deep":                  strings.Repeat("[", 31) + "1" + strings.Repeat("]", 31),
		"wide":                  "[" + strings.Repeat(deep+",", 20000) + "1]",
		"escaped":               long,
		"many objects":          `{"a":` + strings.Repeat(`[{"a":`, 15) + `"x"` + strings.Repeat(`}]`, 15) + `}`,
		"long key":              `{` + long + `:1}`,
		"equal costly elements": "[" + strings.Repeat(strings.Repeat("[", 17)+"1"+strings.Repeat("]", 17)+",", 20000) + "1]",
	} {
		t.Run(name, func(t *testing.T) {
			v, err := tahoe.ParseValue([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := tahoe.Canonical(v); !errors.Is(err, tahoe.ErrTooLarge) {
				t.Errorf("got %v, want ErrTooLarge", err)
			}
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 512<<20 {
				t.Errorf("took %d MiB to find out", used>>20)
			}
		})
	}
}

func TestCanonicalTakesUpToTheLimit(t *testing.T) {
	for length, want := range map[int]error{tahoe.MaxCanonical - 2: nil, tahoe.MaxCanonical - 1: tahoe.ErrTooLarge} {
		if _, err := tahoe.Canonical(tahoe.String(strings.Repeat("a", length))); !errors.Is(err, want) {
			t.Errorf("%d characters: got %v, want %v", length, err, want)
		}
	}
}

func TestValidSubType(t *testing.T) {
	for _, name := range []string{"ipv4", "_q", "test_attribute", "é", "𝐱", "class", "ª", "a·b", strings.Repeat("x", 256)} {
		if err := tahoe.ValidSubType(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "str w space", "str-w-minus", "sha512/224", "a.b", "1a", "é-", "·a", "a\xff", "ͺ", "ำ", "℘ ", strings.Repeat("x", 257)} {
		if err := tahoe.ValidSubType(name); !errors.Is(err, tahoe.ErrSubType) {
			t.Errorf("%q: got %v, want ErrSubType", name, err)
		}
	}
}
