package dql_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cybexp/cybexp/tdql/dql"
)

// tree reads a value of any kind, as encoding/json does.
func tree(a *dql.Answer) any {
	switch c := a.Peek(); c {
	case '{':
		out := map[string]any{}
		a.Object(func(name []byte) { key := string(name); out[key] = tree(a) })
		return out
	case '[':
		out := []any{}
		a.List(func() { out = append(out, tree(a)) })
		return out
	case '"':
		return a.Text()
	case 't', 'f':
		a.Skip()
		return c == 't'
	case 'n':
		a.Skip()
		return nil
	}
	return a.Float()
}

func TestAnswerReadsWhatJSONSays(t *testing.T) {
	text := []byte(` {"r" : [ {"uid":"0xff","n":12,"f":-1.5e3,"data":"{\"a\":[\"\u00e4\ud83d\ude00\\\\\"]}","none":null,"l":[]}, {} ],
		"x":{"y":[1,[2,{"z":"]}\""}],true]},"last":18446744073709551615}`)
	a := dql.NewAnswer(text)
	var uid, n, last uint64
	var f float64
	var data, none string
	rows := 0
	a.Object(func(name []byte) {
		switch string(name) {
		case "r":
			a.List(func() {
				rows++
				a.Object(func(name []byte) {
					switch string(name) {
					case "uid":
						uid = a.UID()
					case "n":
						n = a.Uint()
					case "f":
						f = a.Float()
					case "data":
						data = a.Text()
					case "none":
						none = a.Text()
					default:
						a.Skip()
					}
				})
			})
		case "last":
			last = a.Uint()
		default:
			a.Skip()
		}
	})
	if a.Err() != nil || rows != 2 || uid != 255 || n != 12 || f != -1500 || data != `{"a":["ä😀\\"]}` || none != "" || last != 1<<64-1 {
		t.Errorf("got %d rows, %d %d %v %q %q %d, %v", rows, uid, n, f, data, none, last, a.Err())
	}
}

func TestAnswerTellsWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		``: "want '{' at byte 0", `[`: "want '{' at byte 0 of 1", `{`: "want '}' at byte 1", `{"a"`: "want ':' at byte 4", `{"a":`: "want a value",
		`{"a":"b`: "want the end of a string", `{"u":"1"}`: "want a vertex", `{"u":"0x1G"}`: "want a vertex", `{"n":-1}`: "want a whole number",
		`{"n":"x"}`: "want a value", `{"s":1}`: "want a string", `{"s":"\x"}`: "want an escape", `{"s":"\u12"}`: "want an escape", `{"a":,}`: "want a value",
		`{"a":}`: "want a value",
	} {
		a := dql.NewAnswer([]byte(text))
		a.Object(func(name []byte) {
			switch string(name) {
			case "u":
				a.UID()
			case "n":
				a.Uint()
			case "s":
				a.Text()
			default:
				a.Skip()
			}
		})
		if a.Err() == nil || !strings.Contains(a.Err().Error(), want) {
			t.Errorf("%s: got %v, want %s", text, a.Err(), want)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, s := range []string{`{}`, `{"r":[{"uid":"0x1","data":"\"\\\/\b\f\n\r\t\u0041\ud800\ud83d\ude00"}]}`, `[1,-2.5e-7,null,true,[],{"a":{}}]`, "\"\xff\"", `{"a":1,}`, `]`, `"\`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want any
		if json.Unmarshal(text, &want) != nil {
			// No panic, and an end.
			dql.NewAnswer(text).Skip()
			a := dql.NewAnswer(text)
			a.Object(func([]byte) { a.List(func() { a.Object(func([]byte) { a.Text() }) }) })
			return
		}
		a := dql.NewAnswer(text)
		got := tree(a)
		if a.Err() != nil || utf8.Valid(text) && !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %#v, %v, want %#v", text, got, a.Err(), want)
		}
		if skipped := dql.NewAnswer(text); true {
			if skipped.Skip(); skipped.Err() != nil {
				t.Errorf("%s: skip: %v", text, skipped.Err())
			}
		}
	})
}
