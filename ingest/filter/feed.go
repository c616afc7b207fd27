package filter

import (
	"fmt"
	"strings"

	"github.com/cybexp/cybexp/indicator"
	"github.com/cybexp/cybexp/spelling"
	"github.com/cybexp/cybexp/tahoe"
)

// applyOpenPhish maps OpenPhish: text with a URL a line, or a record of the paid feeds.
func applyOpenPhish(in Input) (Result, error) { return applyFeed(in) }

// applyPhishTank maps PhishTank: text with a URL a line, or a record of its CSV or JSON.
func applyPhishTank(in Input) (Result, error) { return applyFeed(in) }

func applyFeed(in Input) (Result, error) {
	data := textOf(in.Data)
	if text, ok := data.Str(); ok {
		return feedLines(in, text)
	}
	if elements := data.Elements(); data.Type() == tahoe.TypeArray && len(elements) == 1 && elements[0].Type() == tahoe.TypeString {
		text, _ := elements[0].Str()
		return feedLines(in, text) // a table of one column
	}
	if _, ok := data.Get("url"); !ok {
		return Result{}, fmt.Errorf("%w: neither text nor a record with a url", ErrFormat)
	}
	r := &record{fields: data}
	e := r.phish(in)
	var result Result
	if e != nil {
		result.Events = []*tahoe.Event{e}
	}
	result.Problems = r.problems
	return result, nil
}

// feedLines makes an event of each URL. Lists have no times: they tell what is so when they are sent.
func feedLines(in Input, text string) (Result, error) {
	r := &record{}
	var result Result
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		field := lineField(text, number)
		url, ok := r.phishURL(field, line)
		if !ok {
			continue
		}
		e := r.happen(in, field, happening{"sighting", unixSeconds(in.Received), []tahoe.Node{url}, tahoe.Malicious, []tahoe.Node{url}})
		if e != nil {
			result.Events = append(result.Events, e)
		}
	}
	if number == 0 || len(result.Events) == 0 && len(r.problems) > 0 {
		return Result{Problems: r.problems}, fmt.Errorf("%w: there is no URL in it", ErrFormat)
	}
	if len(result.Events) == 0 {
		r.problem("data", "holds no URL")
	}
	result.Problems = r.problems
	return result, nil
}

func (r *record) phishURL(field, text string) (tahoe.Node, bool) {
	if !indicator.IsURL(spelling.URL(text)) {
		r.problem(field, "%.60q is no URL", text)
		return nil, false
	}
	if strings.HasSuffix(text, "...") {
		r.problem(field, "the URL was cut off before it came here, and is kept as it is")
	}
	url := r.make("url", field, tahoe.String(text))
	return url, url != nil
}

// phish makes an event of a record that says more than the URL.
func (r *record) phish(in Input) *tahoe.Event {
	url, ok := r.phishURL("url", strings.TrimSpace(r.text("url")))
	if !ok {
		return nil
	}
	brand := r.text("target")
	if brand == "" || strings.EqualFold(brand, "other") {
		brand = r.text("brand")
	}
	nodes := []tahoe.Node{url, r.object("target", r.textNode("organization", "target", brand)), r.ip("ip")}
	details, _ := r.get("details")
	for _, d := range details.Elements() {
		part := record{fields: d}
		nodes = append(nodes, part.ip("ip_address"), part.optional("cidr", "cidr_block"), part.optional("asn", "announcing_network"))
		r.absorb("details", part)
	}
	h := happening{"sighting", r.phishTime(in), nodes, tahoe.Malicious, []tahoe.Node{url}}
	if r.text("verified") == "no" {
		h.category = tahoe.Unknown
	}
	return r.happen(in, "url", h)
}

// phishTime is when the URL was reported.
func (r *record) phishTime(in Input) float64 {
	for _, field := range []string{"submission_time", "isotime", "discover_time", "verification_time"} {
		text := r.text(field)
		if text == "" {
			continue
		}
		t, err := parseStamp(loosen(text), r.zone(loosen(text), in.Timezone))
		if err == nil {
			return unixSeconds(t)
		}
		r.problem(field, "%v", err)
	}
	r.problem("submission_time", "the time of arrival stands in")
	return unixSeconds(in.Received)
}
