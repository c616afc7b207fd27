package tahoe

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUploadsOfARaw(t *testing.T) {
	one, two := RawUpload{"o1", Invalid, "UTC"}, RawUpload{"o2!", Mapped, "Etc/A zone with spaces"}
	silent := RawUpload{Org: "o3"}
	for _, u := range []RawUpload{one, two, silent, {}} {
		if diff := cmp.Diff(u, ParseRawUpload(u.String())); diff != "" {
			t.Errorf("%q: %s", u, diff)
		}
	}
	for _, c := range []struct {
		list  []RawUpload
		state RawState
		zone  string
	}{
		{nil, "", ""}, {[]RawUpload{one}, Invalid, "UTC"}, {[]RawUpload{one, two}, Mapped, two.Timezone}, {[]RawUpload{two, one}, Mapped, two.Timezone},
		{[]RawUpload{one, silent}, Invalid, ""},
	} {
		if state, zone := MergeRawUploads(c.list); state != c.state || zone != c.zone {
			t.Errorf("%v: got %s %q", c.list, state, zone)
		}
	}
	raw := StoredRaw{State: Mapped, Timezone: "Asia/Tokyo", Uploads: []RawUpload{one, two}}
	if got := raw.Of("o1"); got.State != Invalid || got.Timezone != "UTC" {
		t.Errorf("of one: %+v", got)
	}
	if got := raw.Of("nobody"); got.State != Mapped || got.Timezone != "Asia/Tokyo" {
		t.Errorf("of nobody: %+v", got)
	}
}
