package tdql

import (
	"fmt"
	"testing"
)

func TestSmoke(t *testing.T) {
	for _, s := range []string{
		"count ipv4 1.1.1.1 last 7d by day",
		"COUNT ipv4 1.1.1.1 Category Malicious LAST 2 weeks",
		"ipv4 1.1.1.1 | events last 30d category malicious | attributes url | top 20",
		"url (hxxp://evil[.]com, 'b c') | events login, `last` where src.ipv4=1.1.1.1 and not (port in (22,23) or `hash`!= \"x\") | count by day, category",
		"related ipv4 1.1.1.1 level 2 last 7d return event",
		"count ipv4 1.1.1.1 last 7x",
		"cuont ipv4 1.1.1.1 lst 7d",
		"events lst 7d | atributes url | top x | threatrank",
		"events login from 2021-05-21 02:00 to \"2021/05/22 02:00am\" tz Europe/Berlin | where timestamp > 2021-05-21 | limit 5",
		"count", "", "ipv4 1.1.1.1 |", "| events", "(ipv4 1.1.1.1 | events) | count", "count (ipv4 1.1.1.1 | events) by hour", "watch events",
		"ipv4 1.1.1.1 last 7d", "events where ipv4 =", "events where (ipv4 = 1", "event abc", "count ipv4 \"a", "events last 7d from 2021-01-01 category evil",
		"explain any 1.1.1.1 | events org (x)", "x $1", "count ipv4 $ip last $d",
	} {
		q, err := Parse(s)
		fmt.Println("<<", s)
		if err != nil {
			fmt.Println(err)
			continue
		}
		f := q.String()
		fmt.Println(">>", f)
		q2, err := Parse(f)
		if err != nil {
			fmt.Println("!!!!", err)
			continue
		}
		if q2.String() != f {
			fmt.Println("!!!!", q2.String())
		}
	}
}
func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Parse("ipv4 1.1.1.1 | events last 30d category malicious | attributes url | top 20")
	}
}
