package ingest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// recordsOf cuts text up as a format and shows each record as line:text.
func recordsOf(typetag string, r io.Reader, limit int) (out []string, err error) {
	next := records(typetag, r, limit)
	for {
		p, err := next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if p.tooLong {
			p.text = []byte(" too long")
		}
		out = append(out, fmt.Sprintf("%d:%s", p.line, p.text))
	}
}

const zeekHead = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tdns\n" +
	"#fields\tts\tuid\tAA\tanswers\tTTLs\tquery\n#types\ttime\tstring\tbool\tvector[string]\tvector[interval]\tstring\n"

func TestRecords(t *testing.T) {
	for name, c := range map[string]struct {
		typetag, text string
		want          []string
	}{
		"Zeek with tabs": {"zeek", "\t" + zeekHead + "1.5\tC1\tT\ta,b\\x2cc\t1.0,2\tx.example\n2\tC2\tF\t(empty)\t-\t(empty)\n#close\tnow\n", []string{
			`8:{"AA":true,"TTLs":[1.0,2],"_path":"dns","answers":["a","b,c"],"query":"x.example","ts":1.5,"uid":"C1"}`,
			`9:{"AA":false,"_path":"dns","answers":[],"query":"","ts":2,"uid":"C2"}`,
		}},
		"Zeek, two logs":         {"zeek", zeekHead + "1\tC\tT\ta\t1\tq\n#separator |\n#fields|ts\n5\n", []string{`8:{"AA":true,"TTLs":[1],"_path":"dns","answers":["a"],"query":"q","ts":1,"uid":"C"}`, `11:{"ts":"5"}`}},
		"Zeek, a damaged line":   {"zeek", zeekHead + "1\tC\n", []string{"8:1\tC"}},
		"Zeek, no header":        {"zeek", "1\tC\n", []string{"1:1\tC"}},
		"Zeek as JSON":           {"zeek", "{\"ts\":1}\n{\"ts\":2}\n", []string{`1:{"ts":1}`, `2:{"ts":2}`}},
		"Zeek as an array":       {"zeek", "[{\"ts\":1},\n{\"ts\":2}]", []string{`1:{"ts":1}`, `2:{"ts":2}`}},
		"Zeek, no such header":   {"zeek", "#\n#fields\n#types\tx\n\t\n", nil},
		"CSV with a header":      {"csv", "\xef\xbb\xbftype,value,type\r\nip, 192.0.2.1 ,x\r\nip,,\r\n", []string{`2:{"type":"ip","type 2":"x","value":"192.0.2.1"}`, `3:{"type":"ip"}`}},
		"CSV without":            {"csv", "192.0.2.1,x\n192.0.2.2\n", []string{`1:["192.0.2.1","x"]`, "2:192.0.2.2"}},
		"CSV, header in comment": {"csv", "# a list\n# id,dateadded,url\n\"1\",\"2024-01-01\",\"http://a.example/\"\n", []string{`3:{"dateadded":"2024-01-01","id":"1","url":"http://a.example/"}`}},
		"CSV, columns given":     {"csv", "#columns: date,,type,value\n2024,bob,ip,192.0.2.1,more\n", []string{`2:{"column 5":"more","date":"2024","type":"ip","value":"192.0.2.1"}`}},
		"CSV, semicolons":        {"csv", "type;value\nip;192.0.2.1,x\n", []string{`2:{"type":"ip","value":"192.0.2.1,x"}`}},
		"CSV, tabs":              {"csv", "type\tvalue\n\t192.0.2.1\n", []string{`2:{"value":"192.0.2.1"}`}},
		"CSV, quotes":            {"csv", "value,note\na.example,\"x, \"\"y\"\"\nz\"\nb.example,c\n", []string{`2:{"note":"x, \"y\"\nz","value":"a.example"}`, `4:{"note":"c","value":"b.example"}`}},
		"CSV, an open quote":     {"csv", "value,note\na.example,\"x\nb.example,y\n", []string{`2:{"note":"x","value":"a.example"}`, `3:{"note":"y","value":"b.example"}`}},
		"CSV, plain list":        {"csv", "domain\na.example\nb.example\n", []string{`2:{"domain":"a.example"}`, `3:{"domain":"b.example"}`}},
		"CSV as JSON":            {"csv", `[{"ip":"192.0.2.1"}]`, []string{`1:{"ip":"192.0.2.1"}`}},
		"PhishTank":              {"phishtank_feed", "phish_id,url\n1,http://a.example/?a,b\n", []string{`2:{"column 3":"b","phish_id":"1","url":"http://a.example/?a"}`}},
		"PhishTank, plain":       {"phishtank_feed", "http://a.example/\nhttp://b.example/\n", []string{"1:http://a.example/", "2:http://b.example/"}},
		"indicators":             {"indicators", "# remark\n\n 192.0.2.1\n12\n", []string{"3:192.0.2.1", "4:12"}},
		"OpenPhish":              {"openphish_feed", "http://a.example/,b\n", []string{"1:http://a.example/,b"}},
		"mail":                   {"email", "\xef\xbb\xbfFrom: a@b.c\r\n\r\nHello\r\n\r\nFrom here\r\n", []string{"1:From: a@b.c\r\n\r\nHello\r\n\r\nFrom here"}},
		"mail as JSON":           {"email", "{\"data\":\"x\"}\n", []string{`1:{"data":"x"}`}},
		"mailbox": {"email", "From a@b.c Mon Jan  2 15:04:05 2006\nTo: x\n\nFrom here\n\nFrom d@e.f Mon Jan  2 15:04:06 2006\nTo: y\n", []string{
			"1:From a@b.c Mon Jan  2 15:04:05 2006\nTo: x\n\nFrom here", "6:From d@e.f Mon Jan  2 15:04:06 2006\nTo: y",
		}},
		"nothing": {"email", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"at once": strings.NewReader(c.text), "byte by byte": iotest.OneByteReader(strings.NewReader(c.text)),
				"end with data": iotest.DataErrReader(strings.NewReader(c.text)),
			} {
				if got, err := recordsOf(c.typetag, r, 1000); err != nil || !slices.Equal(got, c.want) {
					t.Errorf("%s:\ngot  %q, %v\nwant %q", how, got, err, c.want)
				}
			}
		})
	}
}

// TestLongRecordsAreLeftOut has records beyond the first glance, so that the window grows, and beyond the limit.
func TestLongRecordsAreLeftOut(t *testing.T) {
	const limit = 1 << 20
	fits, long := strings.Repeat("x", limit-20), strings.Repeat("x", limit+1)
	from := "From a@b.c Mon Jan  2 15:04:05 2006\n"
	for name, c := range map[string]struct {
		typetag, text string
		want          []string // the first bytes of the records
	}{
		"line":     {"indicators", fits + "\n" + long + "\na.example\n", []string{"1:xxx", "2: too long", "3:a.example"}},
		"document": {"cowrie", "{\"a\":\n\"" + fits[20:] + "\"}\n{\"a\":\n\"" + long + "\"}\n{}", []string{"1:{\"a", "3: too long", "5:{}"}},
		"array":    {"cowrie", "[{\"a\":\"" + fits[20:] + "\"},\n{\"a\":\n\"" + long + "\"},\n{}]", []string{"1:{\"a", "2: too long", "4:{}"}},
		"row":      {"csv", "ip,note\n1," + fits + "\n2," + long + "\n3,x", []string{`2:{"ip":"1"`, "3: too long", `4:{"ip":"3","note":"x"}`}},
		"mail":     {"email", long, []string{"1: too long"}},
		"mailbox":  {"email", from + long + "\n" + from + "x\n" + from + fits[200:] + "\n", []string{"1: too long", "3:From", "5:From"}},
	} {
		got, err := recordsOf(c.typetag, strings.NewReader(c.text), limit)
		same := slices.EqualFunc(got, c.want, func(got, want string) bool { return strings.HasPrefix(got, want) })
		if err != nil || !same {
			for i := range got {
				got[i] = got[i][:min(len(got[i]), 30)]
			}
			t.Errorf("%s: got %q, %v, want %q", name, got, err, c.want)
		}
	}
}

func TestRecordsOfABrokenStream(t *testing.T) {
	broke := errors.New("broke")
	for _, typetag := range []string{"cowrie", "zeek", "csv", "indicators", "email"} {
		got, err := recordsOf(typetag, io.MultiReader(strings.NewReader("a.example\nb.exam"), iotest.ErrReader(broke)), 1000)
		if !errors.Is(err, broke) || len(got) > 1 {
			t.Errorf("%s: got %q, %v", typetag, got, err)
		}
	}
}

func FuzzRecords(f *testing.F) {
	for _, seed := range []string{
		zeekHead + "1.5\tC1\tT\ta,b\t1.0\tx\n", "#fields\ta\n1", "type,value\nip,\"1\n2\n", "#columns: a,b\n1,2,3", "From a@b.c Mon Jan  2 15:04:05 2006\nx\nFrom \n",
		"\"\n\"\n\"", "{\"a\":1}\n[", "\xef\xbb\xbf\t#separator \\x", "a\x00b;;c\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		const limit = 64
		for _, typetag := range []string{"zeek", "csv", "phishtank_feed", "indicators", "email", "cowrie"} {
			next, last := records(typetag, strings.NewReader(text), limit), 1
			for {
				p, err := next()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				if p.line < last || len(p.text) > limit || !p.tooLong && len(p.text) == 0 {
					t.Fatalf("%s: record of %d bytes at line %d after line %d", typetag, len(p.text), p.line, last)
				}
				last = p.line
			}
		}
	})
}
