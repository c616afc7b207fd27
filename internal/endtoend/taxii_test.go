package endtoend_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// taxiiClient polls one collection, and goes on where it was when the server is gone or somewhere else.
type taxiiClient struct {
	t          *testing.T
	collection string
	last, next string
	have       map[string]string // versions by id
}

// page asks for one page, and tells whether it got one and whether there is more. It goes on by next and by the last time in turn.
func (c *taxiiClient) page(p *platform) (got, more bool) {
	c.t.Helper()
	query := url.Values{"limit": {"150"}}
	switch {
	case c.next != "" && len(c.have)%2 == 0:
		query.Set("next", c.next)
	case c.last != "":
		query.Set("added_after", c.last)
	}
	req, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, p.url+"/taxii2/api/collections/"+c.collection+"/objects/?"+query.Encode(), nil)
	if err != nil {
		c.t.Fatal(err)
	}
	token, err := os.ReadFile(filepath.Join(p.data, "admin.token"))
	if err != nil {
		c.t.Fatal(err)
	}
	req.SetBasicAuth("admin@localhost", strings.TrimSpace(string(token)))
	req.Header.Set("Accept", "application/taxii+json;version=2.1")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false, false // it is dead, or was just now
	}
	defer resp.Body.Close()
	var body struct {
		More    bool
		Next    string
		Objects []struct{ ID, Modified string }
	}
	if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&body) != nil {
		return false, false
	}
	for _, o := range body.Objects {
		if before, ok := c.have[o.ID]; ok && before == o.Modified {
			c.t.Errorf("%s came twice", o.ID)
		}
		c.have[o.ID] = o.Modified
	}
	if len(body.Objects) > 0 {
		c.last = resp.Header.Get("X-TAXII-Date-Added-Last")
	}
	c.next = body.Next
	return true, body.More
}

// TestTaxiiSurvivesAKill polls a collection while uploads pour in, and kills the platform without a word amid both. In the end the client has
// every object that the query finds, each once.
func TestTaxiiSurvivesAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var files []string
	for n := range 6 {
		files = append(files, stormFile(t, dir, n))
	}
	p := up(t, filepath.Join(dir, "data"))
	p.must("org", "create", "demo")
	var saved struct{ ID string }
	if err := json.Unmarshal([]byte(p.must("saved", "save", "feed", "events", "--org", "demo")), &saved); err != nil {
		t.Fatal(err)
	}
	client := &taxiiClient{t: t, collection: saved.ID, have: map[string]string{}}
	sent := make(chan int) // each is sent when the one before was looked at
	result := make(chan []int, 1)
	go func() { result <- storm(p, files, sent) }()
	for n := range sent {
		switch n {
		case 2: // amid its pages
			eventually(t, time.Minute, "the client has some", func() bool { client.page(p); return len(client.have) >= 150 })
		case 3: // amid an upload
			p.kill()
		}
	}
	accepted := <-result
	t.Logf("%d of %d uploads accepted, %d objects seen", len(accepted), len(files), len(client.have))
	p = up(t, p.data)
	p.must("send", files[5], "--typetag", "cowrie", "--org", "demo", "--follow")
	checkStorm(t, p, accepted)

	var bundle struct{ Objects []struct{ ID string } }
	if err := json.Unmarshal([]byte(p.must("query", "events", "-o", "stix")), &bundle); err != nil {
		t.Fatal(err)
	}
	if len(bundle.Objects) < 3*stormLines {
		t.Fatalf("only %d objects: the test shows nothing", len(bundle.Objects))
	}
	eventually(t, time.Minute, "the client has all", func() bool {
		for got, more := client.page(p); got && more; {
			got, more = client.page(p)
		}
		return len(client.have) >= len(bundle.Objects)
	})
	for _, o := range bundle.Objects {
		if _, ok := client.have[o.ID]; !ok {
			t.Errorf("%s is missing", o.ID)
		}
	}
	p.stop()
}
