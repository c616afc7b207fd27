package tahoe_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cybexp/cybexp/tahoe"
)

// values generates JSON values of up to that many levels.
func values(levels int) *rapid.Generator[tahoe.Value] {
	return rapid.Custom(func(t *rapid.T) tahoe.Value {
		kind := rapid.IntRange(0, 6).Draw(t, "kind")
		if levels == 0 {
			kind %= 5
		}
		switch kind {
		case 0:
			return tahoe.Null()
		case 1:
			return tahoe.Bool(rapid.Bool().Draw(t, "bool"))
		case 2:
			return tahoe.Int(rapid.Int64().Draw(t, "int"))
		case 3:
			v, err := tahoe.Float(rapid.Float64Range(-math.MaxFloat64, math.MaxFloat64).Draw(t, "float"))
			if err != nil {
				t.Fatal(err)
			}
			return v
		case 4:
			return tahoe.String(rapid.String().Draw(t, "string"))
		case 5:
			return tahoe.Array(rapid.SliceOfN(values(levels-1), 0, 4).Draw(t, "array")...)
		}
		return tahoe.Map(rapid.MapOfN(rapid.String(), values(levels-1), 0, 4).Draw(t, "object"))
	})
}

// shuffle reorders and repeats the elements of every list.
func shuffle(t *rapid.T, v tahoe.Value) tahoe.Value {
	switch v.Type() {
	case tahoe.TypeArray:
		var elements []tahoe.Value
		for _, e := range v.Elements() {
			for range rapid.IntRange(1, 2).Draw(t, "times") {
				elements = append(elements, shuffle(t, e))
			}
		}
		if len(elements) > 0 {
			elements = rapid.Permutation(elements).Draw(t, "order")
		}
		return tahoe.Array(elements...)
	case tahoe.TypeObject:
		fields := map[string]tahoe.Value{}
		for _, key := range v.Keys() {
			e, _ := v.Get(key)
			fields[key] = shuffle(t, e)
		}
		return tahoe.Map(fields)
	}
	return v
}

func TestListOrderAndRepetitionDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := values(4).Draw(t, "value")
		want, wantErr := tahoe.Canonical(v)
		got, err := tahoe.Canonical(shuffle(t, v))
		if got != want || err != nil && wantErr == nil {
			t.Fatalf("got %s, %v, want %s, %v", got, err, want, wantErr)
		}
	})
}

func TestChildOrderAndRepetitionDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.SampledFrom([]string{"ipv4", "url", "port"})
		children := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) tahoe.Node {
			a, err := tahoe.NewAttribute(names.Draw(t, "name"), values(0).Draw(t, "value"))
			if err != nil {
				t.Fatal(err)
			}
			return a
		}), 1, 5).Draw(t, "children")
		want, err := tahoe.NewEvent("e", "org", 1, children...)
		if err != nil {
			t.Fatal(err)
		}
		again := rapid.Permutation(append(children, children[0])).Draw(t, "order")
		got, err := tahoe.NewEvent("e", "org", 1, again...)
		if err != nil || got.Hash() != want.Hash() || !slices.EqualFunc(got.Refs(), want.Refs(), func(a, b tahoe.Node) bool { return a.Hash() == b.Hash() }) {
			t.Fatalf("got %v, %v, want %v", got, err, want)
		}
		// The canonical text that is put together from the children is that of the nested data.
		if text, err := tahoe.Canonical(want.Data()); err != nil || text != want.Canonical() {
			t.Fatalf("got %s, %v, want %s", want.Canonical(), err, text)
		}
	})
}

func TestParseValueReadsWhatAppendJSONWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := values(4).Draw(t, "value")
		got, err := tahoe.ParseValue(want.AppendJSON(nil))
		if err != nil || !got.Equal(want) {
			t.Fatalf("got %s, %v, want %s", got, err, want)
		}
	})
}

func FuzzParseValue(f *testing.F) {
	for _, text := range []string{`{"a":[1,-0,1.5e300,"\ud800\udc00\n"]}`, `"\ud800"`, `[[[[]]]]`, `{"a":1,"a":2}`, `1E400`, ` nul`, `-0.0`, "\"\xff\"", `{"":{"":""}}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := tahoe.ParseValue(text)
		if err != nil {
			return
		}
		again, err := tahoe.ParseValue(v.AppendJSON(nil))
		if err != nil || !again.Equal(v) {
			t.Fatalf("%q became %s, then %s, %v", text, v, again, err)
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, text := range []string{`[3,1,3]`, `{"a":{"b":["\" "]}}`, `"\u3000a\u001c"`, `[1,1.0,"1",true]`, `[[[[[[[[[["\\"]]]]]]]]]]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := tahoe.ParseValue(text)
		if err != nil {
			return
		}
		canonical, err := tahoe.Canonical(v)
		if err != nil {
			return
		}
		for _, c := range []byte(canonical) {
			if c < ' ' || c > '~' {
				t.Fatalf("%q holds byte %#x", canonical, c)
			}
		}
		if _, err := tahoe.ParseValue([]byte(canonical)); err != nil {
			t.Fatalf("%s is no JSON: %v", canonical, err)
		}
	})
}
