package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// pieces cuts text up with a small limit and shows each record as line:text.
func pieces(r io.Reader, limit int) (out []string, err error) {
	s := split(r, limit)
	for {
		p, err := s.next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if p.tooLong {
			out = append(out, fmt.Sprintf("%d: too long", p.line))
			continue
		}
		out = append(out, fmt.Sprintf("%d:%s", p.line, p.text))
	}
}

func TestSplit(t *testing.T) {
	long := strings.Repeat("x", 50)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"empty":                        {"", nil},
		"blank":                        {" \n\t\r\n ", nil},
		"lines":                        {"{\"a\":1}\n{\"b\":2}\n", []string{`1:{"a":1}`, `2:{"b":2}`}},
		"no end of line":               {"{\"a\":1}\n{\"b\":2}", []string{`1:{"a":1}`, `2:{"b":2}`}},
		"blank lines, CRLF, BOM":       {"\xef\xbb\xbf\r\n{\"a\":1}\r\n\r\n  {\"b\":2}  \r\n", []string{`2:{"a":1}`, `4:{"b":2}`}},
		"scalars":                      {"1\n\"x\"\n", []string{"1:1", `2:"x"`}},
		"text":                         {"hello\n{\"b\":2}\n", []string{"1:hello", `2:{"b":2}`}},
		"many lines":                   {"{\n \"a\": [\n1\n]\n}\n{\"b\":2}\n", []string{"1:{\n \"a\": [\n1\n]\n}", `6:{"b":2}`}},
		"on one line":                  {`{"a":1}{"b":2} {"c":3}`, []string{`1:{"a":1}`, `1:{"b":2}`, `1:{"c":3}`}},
		"line feed in a string":        {"{\"a\":\"b\n{\"b\":2}\n", []string{`1:{"a":"b`, `2:{"b":2}`}},
		"cut after a field":            {"{\"a\":1,\n{\"b\":2}\n{\"c\":3}\n", []string{`1:{"a":1,`, `2:{"b":2}`, `3:{"c":3}`}},
		"cut at the end":               {"{\"b\":2}\n{\"a\":", []string{`1:{"b":2}`, `2:{"a":`}},
		"cut in many lines":            {"{\n\"a\":\n1", []string{"1:{\n\"a\":\n1"}},
		"not JSON, brackets":           {"[error] {x}\n{\"b\":2}\n", []string{"1:[error] {x}", `2:{"b":2}`}},
		"text behind":                  {"{\"a\":1} x\n{\"b\":2}\n", []string{`1:{"a":1} x`, `2:{"b":2}`}},
		"wrong brackets":               {"{\"a\":[1}]\n{\"b\":2}\n", []string{`1:{"a":[1}]`, `2:{"b":2}`}},
		"brackets in strings":          {"{\"a\":\n\"}\\\"{\"}\n", []string{"1:{\"a\":\n\"}\\\"{\"}"}},
		"array of objects":             {"[{\"a\":1},\n{\"b\":\n2}\n]\n{\"c\":3}", []string{`1:{"a":1}`, "2:{\"b\":\n2}", `5:{"c":3}`}},
		"array on a line":              {`[{"a":1},{"b":2}]`, []string{`1:{"a":1}`, `1:{"b":2}`}},
		"array of others":              {"[1,\n2]\n", []string{"1:[1,\n2]"}},
		"empty array":                  {"[]\n", []string{"1:[]"}},
		"array later":                  {"{\"a\":1}\n[{\"b\":2}]\n", []string{`1:{"a":1}`, `2:[{"b":2}]`}},
		"long text":                    {long + "\n{\"b\":2}\n", []string{"1: too long", `2:{"b":2}`}},
		"long line":                    {`{"a":"` + long + "\"}\n{\"b\":2}\n", []string{"1: too long", `2:{"b":2}`}},
		"long document":                {"{\"a\":[\n" + strings.Repeat("1,\n", 30) + "1]}\n{\"b\":2}\n", []string{"1: too long", `33:{"b":2}`}},
		"long lines of short":          {strings.Repeat(`{"a":1}`, 9), slices.Repeat([]string{`1:{"a":1}`}, 9)},
		"long array of short":          {"[" + strings.Repeat(`{"a":1},`, 9) + `{"a":1}]`, slices.Repeat([]string{`1:{"a":1}`}, 10)},
		"long blank":                   {strings.Repeat(" ", 500) + "\n\n{\"b\":2}", []string{`3:{"b":2}`}},
		"long at the end":              {"{\"b\":2}\n" + long, []string{`1:{"b":2}`, "2: too long"}},
		"too deep":                     {strings.Repeat("[", 39) + "\n{\"b\":2}\n", []string{"1:" + strings.Repeat("[", 39), `2:{"b":2}`}},
		"cut line before many records": {"{\"a\":[1,\n" + strings.Repeat("{\"b\":2}\n", 9), append([]string{`1:{"a":[1,`}, numbered(2, 9, `{"b":2}`)...)},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"at once": strings.NewReader(c.text), "byte by byte": iotest.OneByteReader(strings.NewReader(c.text)),
				"end with data": iotest.DataErrReader(strings.NewReader(c.text)),
			} {
				if got, err := pieces(r, 40); err != nil || !slices.Equal(got, c.want) {
					t.Errorf("%s:\ngot  %q, %v\nwant %q", how, got, err, c.want)
				}
			}
		})
	}
}

func numbered(from, n int, text string) (out []string) {
	for i := range n {
		out = append(out, fmt.Sprintf("%d:%s", from+i, text))
	}
	return out
}

func TestSplitOfABrokenStreamKeepsWholeRecords(t *testing.T) {
	broke := errors.New("broke")
	for text, want := range map[string][]string{
		"{\"a\":1}\n{\"b\":":       {`1:{"a":1}`},
		"{\"a\":1}\nhel":           {`1:{"a":1}`},
		"{\"a\":1}\n{\n\"b\":2":    {`1:{"a":1}`},
		"{\"a\":1}\n{\"b\":2}\n  ": {`1:{"a":1}`, `2:{"b":2}`},
	} {
		got, err := pieces(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broke)), 40)
		if !errors.Is(err, broke) || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

// TestSplitIsNotSlowedDown gives it what makes it look far ahead in vain, over and over.
func TestSplitIsNotSlowedDown(t *testing.T) {
	for name, text := range map[string]string{
		"opening":      strings.Repeat("[\n", 300_000) + "x",
		"nested":       strings.Repeat("{\"a\":[\n[],\n", 60_000),
		"cut":          strings.Repeat("{\"a\":1,\n"+strings.Repeat("{\"b\":2}\n", 200), 300),
		"open strings": strings.Repeat("{\"", 300_000),
	} {
		if _, err := pieces(strings.NewReader(text), DefaultConfig().MaxRecord); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{
		"", "{\"a\":1}\n{\"b\":2}", "{\n\"a\": \"x\\\"}\"\n}\r\n\r\ntext\n", "[{\"a\":1},\n{\"b\":2}]", "{\"a\":1,\n{\"b\":2}\n", "\xef\xbb\xbf[[[\n]",
		"{\"a\":[1}]\n{}{}[] x", strings.Repeat("{\"aaaaaaaaaa\":", 20), "\"\n\"{", "{\"a\":\"b\n\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		const limit = 64
		s := split(bytes.NewReader(text), limit)
		var got []byte
		last, lost := 1, false
		for {
			p, err := s.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if p.line < last || !p.tooLong && (len(p.text) == 0 || len(p.text) > limit) {
				t.Fatalf("record of %d bytes at line %d after line %d", len(p.text), p.line, last)
			}
			last, lost = p.line, lost || p.tooLong
			got = append(got, p.text...)
		}
		solid := func(b []byte) []byte { // brackets and commas go when an array is taken apart
			return slices.DeleteFunc(bytes.Clone(b), func(c byte) bool { return strings.IndexByte(" \t\r\n,[]", c) >= 0 })
		}
		want := solid(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
		if got := solid(got); !lost && !bytes.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
}

func BenchmarkSplit(b *testing.B) {
	line := `{"eventid":"cowrie.login.failed","username":"root","password":"123456","timestamp":"2024-01-01T00:00:00Z","src_ip":"192.0.2.1"}`
	for name, text := range map[string]string{
		"lines": strings.Repeat(line+"\n", 10_000), "array": "[" + strings.Repeat(line+",", 10_000) + line + "]",
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s := split(strings.NewReader(text), DefaultConfig().MaxRecord)
				for {
					if _, err := s.next(); err != nil {
						break
					}
				}
			}
		})
	}
}
