package identity_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
)

// TestDocumentsAreTAHOE compares with what the first Cybex-P makes of the same user and organisation. The hash of the password is not
// among the references, and the group of administrators, whose data held the password, has another hash.
func TestDocumentsAreTAHOE(t *testing.T) {
	s, _, _ := service(t)
	u, err := s.CreateUser(t.Context(), identity.User{Email: "user1@example.com", Name: "User 1"})
	if err != nil {
		t.Fatal(err)
	}
	d := u.Document()
	if d.Hash.String() != "623dd0070664fea4f77d7b6c9f108b5370cbae6b2b6c83dc5279a750be3609b0" {
		t.Errorf("got hash %s", d.Hash)
	}
	hold(t, d.Children, "54f2cadfb3b637e17b67984de3576944d3e00df60dda0b95a4152fb8acff743f", "57146b534f95220f4a3e498f3f27a54fc9e9b611b67f21948cadedeea4fdde22")
	if len(d.Children) != 2 || !slices.Equal(d.Refs, d.Children) {
		t.Errorf("got children %v, refs %v", d.Children, d.Refs)
	}

	o, err := s.CreateOrg(t.Context(), u.Hash, identity.Org{Name: "org1", Title: "Organization 1"})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := o.Document(func(h tahoe.Hash) (identity.User, error) { return s.User(t.Context(), h) })
	if err != nil {
		t.Fatal(err)
	}
	hold(t, doc.Children, u.Hash.String(), "856b6b52022f70e5dae57633b4b06cbbf2161c8cddfcfb53d895a22ead3702e3",
		"f7431c422c5a7e501fc4928e73973f5f9676512d52b246bd4c8888da0d1a72d9")
	if len(doc.Children) != 4 || len(doc.Refs) != 6 || doc.Hash != tahoe.OrgHash("org1") || len(doc.ACL) != 1 {
		t.Errorf("got %+v", doc)
	}
	text, err := json.Marshal(doc)
	if err != nil || !strings.Contains(string(text), `"admin":[{"cybexp_user":[{"email_addr":["user1@example.com"],"name":["User 1"]}]}]`) {
		t.Errorf("got %s, %v", text, err)
	}
}

func hold(t *testing.T, got []tahoe.Hash, want ...string) {
	t.Helper()
	for _, text := range want {
		if h, err := tahoe.ParseHash(text); err != nil || !slices.Contains(got, h) {
			t.Errorf("%v lack %s", got, text)
		}
	}
}
