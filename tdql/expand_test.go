package tdql_test

import (
	"testing"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

func TestExpand(t *testing.T) {
	mark := func(subType string, v tahoe.Value) ([]tahoe.Value, error) {
		return []tahoe.Value{v, tahoe.String("private:" + subType + "-" + v.Text())}, nil
	}
	params := map[string]tahoe.Value{"ip": tahoe.String("192.0.2.1")}
	for text, want := range map[string]string{
		`count ipv4 1.1.1.1 last 7d`:                            `count ipv4 (1.1.1.1, private:ipv4-1.1.1.1) last 7d`,
		`ipv4 (1.1.1.1, 2.2.2.2) | events`:                      `ipv4 (1.1.1.1, private:ipv4-1.1.1.1, 2.2.2.2, private:ipv4-2.2.2.2) | events`,
		`related username "a b"`:                                `related username ("a b", "private:username-a b")`,
		`ipv4 $ip | count`:                                      `ipv4 (192.0.2.1, private:ipv4-192.0.2.1) | count`,
		`ipv4 $none | count`:                                    `ipv4 $none | count`,
		`port 22 | count`:                                       `port (22, private:port-22) | count`,
		`path ipv4 1.1.1.1 to ipv4 2.2.2.2`:                     `path ipv4 (1.1.1.1, private:ipv4-1.1.1.1) to ipv4 (2.2.2.2, private:ipv4-2.2.2.2)`,
		`(ipv4 1.1.1.1 | events) | attributes password | top 2`: `(ipv4 (1.1.1.1, private:ipv4-1.1.1.1) | events) | attributes password | top 2`,
		`any 1.1.1.1 | events`:                                  `any 1.1.1.1 | events`,
		`events login last 1d`:                                  `events login last 1d`,
	} {
		q, err := tdql.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got, err := q.Expand(params, mark)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got.String() != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if q, err := tdql.Parse("(any 1.1.1.1 | events) | count"); err != nil || !q.Any() {
		t.Errorf("any: got %v, %v", q, err)
	}
}
