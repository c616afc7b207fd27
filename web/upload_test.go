package web_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/web"
)

// login is one Cowrie record with a recognisable address.
const login = `{"eventid":"cowrie.login.failed","username":"root","password":"toor","src_ip":"198.51.100.7","src_port":40022,` +
	`"dst_ip":"192.0.2.1","dst_port":22,"session":"aa11bb22cc33","protocol":"ssh","sensor":"pot","timestamp":"2025-04-12T00:15:16.647042Z",` +
	`"message":"login attempt [root/toor] failed"}`

// uploadForm is a POST /raw with parts in the given order: a name, or name=value. The file is login.
func uploadForm(t *testing.T, as person, parts ...string) call {
	t.Helper()
	values := map[string]string{"name": "UNR Cowrie Honeypot", "typetag": "cowrie", "timezone": "US/Pacific", "file": login}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for _, part := range parts {
		name, value, given := strings.Cut(part, "=")
		if !given {
			value = values[name]
		}
		if name == "file" {
			file := must(w.CreateFormFile("file", "test.json"))(t)
			_ = must(file.Write([]byte(value)))(t)
			continue
		}
		if name == "nameless" {
			name, value = "file", login
		}
		check(t, w.WriteField(name, value))
	}
	check(t, w.Close())
	return call{method: http.MethodPost, path: "/raw", as: as, header: http.Header{"Content-Type": {w.FormDataContentType()}}, body: &body}
}

func TestClassicUploadIsCheckedInOrder(t *testing.T) {
	r := newRig(t)
	org := "orgid=" + r.orgName
	for name, c := range map[string]struct {
		as     person
		parts  []string
		status int
		text   string
	}{
		"everything":                      {r.admin, []string{org, "name", "typetag", "timezone", "file"}, 201, "File uploaded successfully!"},
		"the file first":                  {r.admin, []string{"file", "timezone", "typetag", "name", org}, 201, "File uploaded successfully!"},
		"the org by its hash":             {r.admin, []string{"orgid=" + r.org.Hash.String(), "name", "typetag", "timezone", "file"}, 201, "File uploaded successfully!"},
		"no timezone":                     {r.admin, []string{org, "name", "typetag", "file"}, 201, "File uploaded successfully!"},
		"a file without a name":           {r.admin, []string{org, "name", "typetag", "timezone", "nameless"}, 201, "File uploaded successfully!"},
		"an empty orgid":                  {r.admin, []string{"orgid=", "name", "typetag", "timezone", "file"}, 400, "Invalid 'orgid'=!"},
		"somebody else's org":             {r.stranger, []string{org, "name", "typetag", "timezone", "file"}, 403, "You are not an admin of this org!"},
		"a reader of the org":             {r.reader, []string{org, "name", "typetag", "timezone", "file"}, 403, "You are not an admin of this org!"},
		"no name":                         {r.admin, []string{org, "typetag", "timezone", "file"}, 400, "Invalid input: KeyError('name') 'name'!"},
		"no typetag":                      {r.admin, []string{org, "name", "timezone", "file"}, 400, "Invalid input: KeyError('typetag') 'typetag'!"},
		"neither name nor typetag":        {r.admin, []string{org, "file"}, 400, "Invalid input: KeyError('name') 'name'!"},
		"no orgid":                        {r.admin, []string{"name", "typetag", "timezone", "file"}, 400, "Invalid input: KeyError('orgid') 'orgid'!"},
		"nothing":                         {r.admin, nil, 400, "Invalid input: KeyError('orgid') 'orgid'!"},
		"an unknown org":                  {r.admin, []string{"orgid=invalid_orgid", "name", "typetag", "timezone", "file"}, 400, "Invalid 'orgid'=invalid_orgid!"},
		"no file":                         {r.admin, []string{org, "name", "typetag", "timezone"}, 400, "Invalid or missing file!"},
		"no file and not allowed":         {r.stranger, []string{org, "name", "typetag"}, 403, "You are not an admin of this org!"},
		"an unknown part":                 {r.admin, []string{org, "name", "typetag", "x=1", "timezone", "file"}, 400, "Invalid input: x"},
		"an unknown part and no org":      {r.admin, []string{"x=1"}, 400, "Invalid input: x"},
		"an unknown part after the file":  {r.admin, []string{org, "name", "typetag", "timezone", "file", "x=1"}, 400, "Invalid input: x"},
		"an unknown part after the spool": {r.admin, []string{"file", org, "name", "typetag", "timezone", "x=1"}, 400, "Invalid input: x"},
		"two files":                       {r.admin, []string{org, "name", "typetag", "timezone", "file", "file"}, 400, "Invalid input: file"},
		"two files before the fields":     {r.admin, []string{"file", "file", org, "name", "typetag"}, 400, "Invalid input: file"},
		"a field without end":             {r.admin, []string{org, "name=" + strings.Repeat("n", 5000), "typetag", "timezone", "file"}, 400, "Invalid input: name"},
		"a zone that is none":             {r.admin, []string{org, "name", "typetag", "timezone=Mars/X", "file"}, 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := r.do(uploadForm(t, c.as, c.parts...))
			if got.status != c.status || (c.text != "" && got.text(t, "message") != c.text) {
				t.Errorf("got %d %s, want %d %q", got.status, got.body, c.status, c.text)
			}
		})
	}
}

func TestClassicUploadReachesTheGraph(t *testing.T) {
	r := newRig(t)
	got := r.do(uploadForm(t, r.admin, "file", "name", "orgid="+r.orgName, "typetag"))
	var body struct {
		Upload struct{ ID string } `json:"upload"`
	}
	check(t, json.Unmarshal(got.body, &body))
	r.uploaded(body.Upload.ID)
	counted := r.post(r.reader, "/query", `{"type":"count","data":{"sub_type":"ipv4","data":"198.51.100.7"}}`)
	if counted.status != http.StatusCreated || counted.member(t, "data") != 1.0 {
		t.Errorf("got %d %s, want a count of 1", counted.status, counted.body)
	}
	strange := r.post(r.stranger, "/query", `{"type":"count","data":{"sub_type":"ipv4","data":"198.51.100.7"}}`)
	if strange.status != http.StatusCreated || strange.member(t, "data") != 0.0 {
		t.Errorf("stranger: got %d %s, want a count of 0", strange.status, strange.body)
	}
}

// TestClassicUploadKeepsWhatWasSaid finds the raw by the hash that TAHOE makes of what the form said.
func TestClassicUploadKeepsWhatWasSaid(t *testing.T) {
	r := newRig(t)
	for zone, parts := range map[string][]string{
		"US/Pacific": {"orgid=" + r.orgName, "name", "typetag", "timezone", `file={"key": "value"}`},
		"UTC":        {`file={"key": "value"}`, "orgid=" + r.org.Hash.String(), "name", "typetag"},
	} {
		var body struct {
			Upload struct{ ID string } `json:"upload"`
		}
		check(t, json.Unmarshal(r.do(uploadForm(t, r.admin, parts...)).body, &body))
		r.uploaded(body.Upload.ID)
		status := r.get(r.admin, "/api/v1/uploads/"+body.Upload.ID)
		for member, want := range map[string]string{"org": r.org.Hash.String(), "name": "UNR Cowrie Honeypot", "typetag": "cowrie"} {
			if got := status.text(t, member); got != want {
				t.Errorf("%s: got %s %q, want %q", zone, member, got, want)
			}
		}
		data := tahoe.Map(map[string]tahoe.Value{"key": tahoe.String("value")})
		raw := must(tahoe.NewRaw("cowrie", data, r.org.Hash.String(), zone))(t).Hash()
		if got := r.get(r.reader, "/api/v1/raw/"+raw.String()); got.status != http.StatusOK || !sameJSON(t, got.body, []byte(`{"key": "value"}`)) {
			t.Errorf("%s: got %d %s", zone, got.status, got.body)
		}
	}
}

// uploaded waits until an upload is in the graph.
func (r *rig) uploaded(id string) {
	r.t.Helper()
	eventually(r.t, "upload "+id, func() bool {
		got := r.get(r.admin, "/api/v1/uploads/"+id)
		done, _ := got.member(r.t, "done").(bool)
		return done
	})
}

// load uploads records and waits until they are in the graph.
func (r *rig) load(records string) {
	r.t.Helper()
	got := r.post(r.admin, "/api/v1/raw?typetag=cowrie&org="+r.orgName, records)
	if got.status != http.StatusCreated {
		r.t.Fatalf("upload: got %d %s", got.status, got.body)
	}
	r.uploaded(got.text(r.t, "id"))
}

func TestUpload(t *testing.T) {
	r := newRig(t)
	got := r.post(r.admin, "/api/v1/raw?typetag=cowrie&timezone=Europe/Berlin&name=pot&org="+r.org.Hash.String(), login+"\n"+login+"\n")
	id := got.text(t, "id")
	if got.status != http.StatusCreated || got.header.Get("Location") != "/api/v1/uploads/"+id || got.member(t, "records") != 2.0 {
		t.Fatalf("got %d %v %s", got.status, got.header, got.body)
	}
	r.uploaded(id)
	for name, who := range map[string]person{"reader": r.reader, "stranger": r.stranger} {
		if got := r.get(who, "/api/v1/uploads/"+id); got.status != http.StatusNotFound {
			t.Errorf("%s: got %d %s, want 404", name, got.status, got.body)
		}
	}
}

func TestATypetagThatLooksLikeAnotherIsToldOf(t *testing.T) {
	r := newRig(t)
	for typetag, want := range map[string]string{"cowri": `did you mean "cowrie"?`, "cowrie": "", "quite_another": ""} {
		got := r.post(r.admin, "/api/v1/raw?typetag="+typetag+"&org="+r.orgName, login)
		if warning := got.text(t, "warning"); got.status != http.StatusCreated || !strings.Contains(warning, want) || want == "" && warning != "" {
			t.Errorf("%s: got %d %s", typetag, got.status, got.body)
		}
	}
}

func TestUploadsAreBounded(t *testing.T) {
	r := newRig(t, func(c *web.Config) { c.MaxUpload = 1000 })
	long := strings.Repeat(login+"\n", 10)
	if got := r.post(r.admin, "/api/v1/raw?typetag=cowrie&org="+r.orgName, long); got.status != http.StatusRequestEntityTooLarge {
		t.Errorf("body: got %d %s", got.status, got.body)
	}
	for _, parts := range [][]string{
		{"orgid=" + r.orgName, "name", "typetag", "timezone", "file=" + long}, {"file=" + long, "orgid=" + r.orgName, "name", "typetag", "timezone"},
	} {
		if got := r.do(uploadForm(t, r.admin, parts...)); got.status != http.StatusRequestEntityTooLarge {
			t.Errorf("form: got %d %s", got.status, got.body)
		}
	}
}

func TestSpooledUploadsLeaveNothing(t *testing.T) {
	var dir string
	r := newRig(t, func(c *web.Config) { dir = c.TempDir })
	if got := r.do(uploadForm(t, r.admin, "file", "orgid="+r.orgName, "name", "typetag")); got.status != http.StatusCreated {
		t.Fatalf("got %d %s", got.status, got.body)
	}
	if left := must(os.ReadDir(dir))(t); len(left) > 0 {
		t.Errorf("left in the temporary folder: %v", left)
	}
}

func TestOrganisations(t *testing.T) {
	r := newRig(t)
	made := r.post(r.super, "/api/v1/orgs", `{"name":"`+r.orgName+`-new","title":"New"}`)
	if made.status != http.StatusCreated || made.text(t, "hash") != tahoe.OrgHash(r.orgName+"-new").String() {
		t.Fatalf("create: got %d %s", made.status, made.body)
	}
	for name, c := range map[string]struct {
		as   person
		want string
	}{
		"superuser": {r.super, `{"orgs":[{"hash":"` + made.text(t, "hash") + `","name":"` + r.orgName + `-new","title":"New","admin":true,"member":true}]}`},
		"admin":     {r.admin, `{"orgs":[{"hash":"` + r.org.Hash.String() + `","name":"` + r.orgName + `","title":"Test","admin":true,"member":true}]}`},
		"reader":    {r.reader, `{"orgs":[{"hash":"` + r.org.Hash.String() + `","name":"` + r.orgName + `","title":"Test","admin":false,"member":false}]}`},
		"stranger":  {r.stranger, `{"orgs":[]}`},
	} {
		if got := strings.TrimSpace(string(r.get(c.as, "/api/v1/orgs").body)); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	must(r.users.SetRole(t.Context(), r.org.Hash, r.stranger.Hash, identity.Member, true))(t) // who does not read
	for query, want := range map[string]string{
		"admin reader": `{"orgs":[]}`, "reader reader": "Test", "member reader": `{"orgs":[]}`, "reader stranger": `{"orgs":[]}`,
		"member stranger": `"title":"Test","admin":false,"member":true}]}`, "admin stranger": `{"orgs":[]}`, "admin admin": "Test", "boss admin": "boss",
	} {
		role, who, _ := strings.Cut(query, " ")
		as := map[string]person{"admin": r.admin, "reader": r.reader, "stranger": r.stranger}[who]
		if got := r.get(as, "/api/v1/orgs?role="+role); !strings.Contains(string(got.body), want) || (got.status != http.StatusOK) != (role == "boss") {
			t.Errorf("%s: got %d %s, want %s", query, got.status, got.body, want)
		}
	}
	if got := r.get(r.admin, "/api/v1/me"); got.text(t, "email") != "ada@example.org" {
		t.Errorf("me: got %s", got.body)
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
