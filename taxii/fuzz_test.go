package taxii_test

import (
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/cybexp/cybexp/taxii"
)

// FuzzFilter: parameters are refused, or mean something within the bounds.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		"limit=10&added_after=2026-01-31T12:00:00.000000Z", "next=ehb3x2v0kk", "match[id]=indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f,x",
		"match[type]=indicator&match[version]=first,last,all,2026-01-31T12:00:00Z&match[spec_version]=2.1", "limit=0", "limit=99999999999999999999",
		"added_after=-1", "next=-zz", "match[name]=x", "match[id]=,,,", "added_after=9999-12-31T23:59:59.999999999Z&next=zzzzzzzzzzzz",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		query, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		filter, err := taxii.ParseFilter(query)
		if err != nil {
			return
		}
		if filter.Limit < 1 || filter.Limit > 500 {
			t.Errorf("a page of %d objects", filter.Limit)
		}
		for _, list := range [][]string{filter.IDs, filter.Types, filter.Specs, filter.Versions} {
			if list != nil && len(list) == 0 || len(list) > 100 {
				t.Errorf("%d values of a match", len(list))
			}
		}
	})
}

// FuzzEnvelope: what a client sends is refused, or is a bundle and as many objects as are told.
func FuzzEnvelope(f *testing.F) {
	for _, seed := range []string{
		`{"objects":[{"type":"indicator","id":"indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f","modified":"2024-01-01T00:00:00Z"}]}`,
		`{"more":true,"next":"x","objects":[{"type":"file","id":"file--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"},null]}`, `{"objects":{}}`, `[]`, `{"objects":[[]]}`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		n, err := taxii.CheckEnvelope(body)
		if (err == nil) != (n > 0) {
			t.Errorf("%d objects, and the fault %v", n, err)
		}
	})
}

// FuzzAccept: who names media types, and none of ours, is not answered with ours.
func FuzzAccept(f *testing.F) {
	for _, seed := range []string{"application/taxii+json;version=2.1", "*/*;q=0", "text/html, application/*;q=0.1", ";;;", "a/b;q=x", " , "} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ours := strings.Contains(text, "*") || strings.Contains(strings.ToLower(text), "application/")
		named := strings.TrimFunc(text, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) != ""
		if named && !ours && taxii.Acceptable([]string{text}) {
			t.Errorf("%q accepts us", text)
		}
	})
}
