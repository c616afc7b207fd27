package endtoend_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestRecordOfManyEvents sends one record that gives CYBEXP_EVENTS events (2000 unless it is set; 43000 is what has been tried).
func TestRecordOfManyEvents(t *testing.T) {
	t.Parallel()
	n, err := strconv.Atoi(cmp.Or(os.Getenv("CYBEXP_EVENTS"), "2000"))
	if err != nil {
		t.Fatal(err)
	}
	attributes := make([]string, n-1) // the MISP event itself is one more
	for i := range attributes {
		attributes[i] = fmt.Sprintf(`{"uuid":"%08x-0000-4000-8000-000000000000","type":"ip-dst","to_ids":true,"value":"10.%d.%d.%d"}`,
			i, i>>16, i>>8&255, i&255)
	}
	f := sampleFile{name: "many", typetag: "misp_event"}
	f.text = fmt.Appendf(nil, `{"Event":{"uuid":"11111111-1111-4111-8111-111111111111","info":"many","timestamp":"1600000000","Attribute":[%s]}}`,
		strings.Join(attributes, ","))
	p := up(t, filepath.Join(t.TempDir(), "data"))
	p.must("org", "create", "demo")
	p.client().send(&f)
	if got := p.count("events | count"); f.status.Mapped != 1 || f.status.Events != n || got != n {
		t.Errorf("%d events are in the graph, the account says %+v", got, f.status)
	}
	t.Logf("%d events in %s", n, f.took)
}
