package taxii

import (
	"errors"
	"fmt"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrFilter says that the parameters of a request make no sense; the text around it says which and why.
var ErrFilter = errors.New("invalid parameter")

// Bounds of a request.
const (
	maxPage    = 500 // objects of a page
	maxMatches = 100 // values of one match
)

// Filter is which objects of a collection are asked for. A nil list matches everything.
type Filter struct {
	After    int64 // microseconds since 1970: only what was added later
	Limit    int   // objects of a page, 1 to 500
	Next     bool  // it goes on with an earlier page
	IDs      []string
	Types    []string
	Specs    []string
	Versions []string // times, first, last and all
}

func (f Filter) age() age {
	if f.Next {
		return anyAge
	}
	return young
}

// ParseFilter reads the parameters of a request for objects, manifests and versions.
func ParseFilter(query url.Values) (Filter, error) {
	f := Filter{Limit: maxPage}
	for name := range query {
		if strings.HasPrefix(name, "match[") && !slices.Contains([]string{"match[id]", "match[type]", "match[version]", "match[spec_version]"}, name) {
			return f, fmt.Errorf("%w: %.60q is no match of this server: it has id, type, version and spec_version", ErrFilter, name)
		}
	}
	if err := errors.Join(f.place(query), f.matches(query)); err != nil {
		return Filter{}, err
	}
	return f, nil
}

// place reads where the page begins and how long it is.
func (f *Filter) place(query url.Values) error {
	if text := query.Get("limit"); text != "" {
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil || n == 0 {
			return fmt.Errorf("%w: limit: %.40q is no number from 1 on", ErrFilter, text)
		}
		f.Limit = int(min(n, maxPage))
	}
	if text := query.Get("added_after"); text != "" {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return fmt.Errorf("%w: added_after: %.60q is no time such as 2026-01-31T12:00:00.000000Z", ErrFilter, text)
		}
		f.After = at.UnixMicro()
	}
	if text := query.Get("next"); text != "" {
		at, err := strconv.ParseInt(text, 36, 64)
		if err != nil || at < 0 {
			return fmt.Errorf("%w: next: %.40q is not from this server", ErrFilter, text)
		}
		f.After, f.Next = max(at, f.After), true
	}
	return nil
}

func (f *Filter) matches(query url.Values) (err error) {
	for name, list := range map[string]*[]string{"id": &f.IDs, "type": &f.Types, "spec_version": &f.Specs, "version": &f.Versions} {
		values := strings.FieldsFunc(strings.Join(query["match["+name+"]"], ","), func(r rune) bool { return r == ',' })
		if len(values) > maxMatches {
			return fmt.Errorf("%w: match[%s] has %d values, more than %d", ErrFilter, name, len(values), maxMatches)
		}
		if len(values) > 0 {
			*list = values
		}
	}
	for _, v := range f.Versions {
		if _, err := time.Parse(time.RFC3339Nano, v); err != nil && v != "first" && v != "last" && v != "all" {
			return fmt.Errorf("%w: match[version]: %.60q is neither first, last, all nor a time", ErrFilter, v)
		}
	}
	return nil
}

// next is the place after what was added at a time, as a client sends it back.
func next(added int64) string { return strconv.FormatInt(added, 36) }

// specVersion is that of all our objects.
const specVersion = "2.1"

// fits tells whether an object is asked for. One version is kept of each object, so that it is the first and the last.
func (f Filter) fits(e *entry) bool {
	return e.Added > f.After &&
		(f.IDs == nil || slices.Contains(f.IDs, e.id())) &&
		(f.Types == nil || slices.Contains(f.Types, e.Type)) &&
		(f.Specs == nil || slices.Contains(f.Specs, specVersion)) &&
		(f.Versions == nil || slices.ContainsFunc(f.Versions, e.isVersion))
}

var idForm = regexp.MustCompile(`^[a-z][a-z0-9-]*--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// IsID tells an id of STIX from other text.
func IsID(text string) bool { return len(text) < 200 && idForm.MatchString(text) }

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func isUUID(text string) bool { return uuidForm.MatchString(text) }

// Acceptable tells whether one who accepts these media types may be answered: all of them when there are none.
func Acceptable(accept []string) bool {
	named := false
	for part := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		named = true
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil && q == 0 {
			continue
		}
		if media == "*/*" || media == "application/*" || isTAXII(media, params) {
			return true
		}
	}
	return !named
}

// Sendable tells whether a body of a media type is one that this server reads.
func Sendable(contentType string) bool {
	media, params, err := mime.ParseMediaType(contentType)
	return err == nil && isTAXII(media, params)
}

func isTAXII(media string, params map[string]string) bool {
	return media == "application/taxii+json" && (params["version"] == "" || params["version"] == "2.1")
}
