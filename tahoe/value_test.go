package tahoe_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/tahoe"
)

func TestParseValue(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		typ        tahoe.ValueType
		err        error
	}{
		"null":                         {text: "null", want: "null", typ: tahoe.TypeNull},
		"int":                          {text: " 12 ", want: "12", typ: tahoe.TypeInt},
		"minus zero is the int 0":      {text: "-0", want: "0", typ: tahoe.TypeInt},
		"minus zero with a point":      {text: "-0.0", want: "-0.0", typ: tahoe.TypeFloat},
		"whole float":                  {text: "1e0", want: "1.0", typ: tahoe.TypeFloat},
		"small float":                  {text: "0.0000001", want: "1e-07", typ: tahoe.TypeFloat},
		"large float":                  {text: "1e16", want: "1e+16", typ: tahoe.TypeFloat},
		"float below the exponent":     {text: "9999999999999998.0", want: "9999999999999998.0", typ: tahoe.TypeFloat},
		"float too small to tell":      {text: "1e-400", want: "0.0", typ: tahoe.TypeFloat},
		"integer beyond 64 bits":       {text: "-123456789012345678901234567890", want: "-123456789012345678901234567890", typ: tahoe.TypeInt},
		"float out of range":           {text: "1E400", err: tahoe.ErrNotFinite},
		"NaN":                          {text: "NaN", err: tahoe.ErrNotFinite},
		"Infinity":                     {text: "[-Infinity]", err: tahoe.ErrNotFinite},
		"last of two keys":             {text: `{"b":0,"a":1,"a":2}`, want: `{"a":2,"b":0}`, typ: tahoe.TypeObject},
		"order of a list":              {text: `[3,1,3]`, want: `[3,1,3]`, typ: tahoe.TypeArray},
		"empty list and object":        {text: `[[],{}]`, want: `[[],{}]`, typ: tahoe.TypeArray},
		"escapes":                      {text: `"\"\\\/\b\f\n\r\t\u00e9\u0000"`, want: `"\"\\/\b\f\n\r\té\u0000"`, typ: tahoe.TypeString},
		"surrogate pair":               {text: `"\ud83d\ude00"`, want: `"😀"`, typ: tahoe.TypeString},
		"first half of a pair":         {text: `"\ud83dx"`, want: `"\ud83dx"`, typ: tahoe.TypeString},
		"second half of a pair":        {text: `"\ude00\ud83d"`, want: `"\ude00\ud83d"`, typ: tahoe.TypeString},
		"half, then a pair":            {text: `"\ud83d\ud83d\ude00"`, want: `"\ud83d😀"`, typ: tahoe.TypeString},
		"half, then another escape":    {text: `"\ud83d\n"`, want: `"\ud83d\n"`, typ: tahoe.TypeString},
		"nothing":                      {text: " ", err: tahoe.ErrSyntax},
		"two values":                   {text: "1 2", err: tahoe.ErrSyntax},
		"leading zero":                 {text: "01", err: tahoe.ErrSyntax},
		"plus":                         {text: "+1", err: tahoe.ErrSyntax},
		"point without digit":          {text: "1.", err: tahoe.ErrSyntax},
		"exponent without digit":       {text: "1e+", err: tahoe.ErrSyntax},
		"comma at the end":             {text: "[1,]", err: tahoe.ErrSyntax},
		"key without quotes":           {text: "{a:1}", err: tahoe.ErrSyntax},
		"list without end":             {text: "[1", err: tahoe.ErrSyntax},
		"string without end":           {text: `"a`, err: tahoe.ErrSyntax},
		"escape without end":           {text: `"\`, err: tahoe.ErrSyntax},
		"bad escape":                   {text: `"\x41"`, err: tahoe.ErrSyntax},
		"bad unicode escape":           {text: `"\u12g4"`, err: tahoe.ErrSyntax},
		"control character":            {text: "\"a\nb\"", err: tahoe.ErrSyntax},
		"not UTF-8":                    {text: "\"\xff\"", err: tahoe.ErrSyntax},
		"surrogate in bytes":           {text: "\"\xed\xa0\xbd\"", err: tahoe.ErrSyntax},
		"byte order mark":              {text: "\ufeff1", err: tahoe.ErrSyntax},
		"word cut short":               {text: "tru", err: tahoe.ErrSyntax},
		"32 levels":                    {text: strings.Repeat("[", 32) + strings.Repeat("]", 32), want: strings.Repeat("[", 32) + strings.Repeat("]", 32), typ: tahoe.TypeArray},
		"33 levels":                    {text: strings.Repeat("[", 33) + strings.Repeat("]", 33), err: tahoe.ErrTooDeep},
		"a million levels":             {text: strings.Repeat("[", 1<<20), err: tahoe.ErrTooDeep},
		"more text than allowed":       {text: `"` + strings.Repeat("a", tahoe.MaxText) + `"`, err: tahoe.ErrTooLarge},
		"as much of a text as allowed": {text: strings.Repeat(" ", tahoe.MaxText-1) + "1", want: "1", typ: tahoe.TypeInt},
	} {
		t.Run(name, func(t *testing.T) {
			v, err := tahoe.ParseValue([]byte(c.text))
			if !errors.Is(err, c.err) {
				t.Fatalf("got error %v, want %v", err, c.err)
			}
			if err == nil && (v.String() != c.want || v.Type() != c.typ) {
				t.Errorf("got %s %s, want %s %s", v.Type(), v, c.typ, c.want)
			}
		})
	}
}

func TestTextIsAlwaysUTF8(t *testing.T) {
	v, err := tahoe.ParseValue([]byte(`"a\ud83d"`))
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := v.Str(); !ok || s != "a\ufffd" || v.Text() != s {
		t.Errorf("got %q, %v, %q", s, ok, v.Text())
	}
	if got, want := tahoe.String("a\xff").Text(), "a\ufffd"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestText(t *testing.T) {
	half, _ := tahoe.Float(0.5)
	for _, c := range []struct {
		v    tahoe.Value
		want string
	}{
		{tahoe.Value{}, "null"},
		{tahoe.Bool(true), "true"},
		{tahoe.Int(-7), "-7"},
		{half, "0.5"},
		{tahoe.String(`a"b`), `a"b`},
		{tahoe.Array(tahoe.String("x")), `["x"]`},
	} {
		if got := c.v.Text(); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestFloatRefusesWhatIsNotFinite(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if _, err := tahoe.Float(f); !errors.Is(err, tahoe.ErrNotFinite) {
			t.Errorf("%v: got %v", f, err)
		}
	}
}

func TestValueIsImmutable(t *testing.T) {
	elements := []tahoe.Value{tahoe.Int(1)}
	list := tahoe.Array(elements...)
	elements[0] = tahoe.Int(2)
	list.Elements()[0] = tahoe.Int(3)
	object := tahoe.Map(map[string]tahoe.Value{"a": list})
	object.Keys()[0] = "b"
	if got, want := object.String(), `{"a":[1]}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAccessorsOfOtherTypes(t *testing.T) {
	v := tahoe.String("x")
	if _, ok := v.Get("a"); ok || v.Keys() != nil || v.Elements() != nil {
		t.Error("a string has fields or elements")
	}
	if _, ok := v.Number(); ok {
		t.Error("a string is a number")
	}
	if _, ok := tahoe.Int(1).Bool(); ok {
		t.Error("an int is a bool")
	}
	big, _ := tahoe.ParseValue([]byte("1" + strings.Repeat("0", 400)))
	if _, ok := big.Number(); ok {
		t.Error("an integer beyond the floats is a float")
	}
	if _, ok := big.Int(); ok {
		t.Error("a large integer fits into 64 bits")
	}
}

func TestValueInJSON(t *testing.T) {
	var in struct{ A, B tahoe.Value }
	if err := json.Unmarshal([]byte(`{"A":1.0,"B":{"x":[1,null]}}`), &in); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(in)
	if got, want := string(out), `{"A":1.0,"B":{"x":[1,null]}}`; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if err := json.Unmarshal([]byte(`{"A":1E400}`), &in); !errors.Is(err, tahoe.ErrNotFinite) {
		t.Errorf("got %v, want ErrNotFinite", err)
	}
}
